"""Which packets of a transfer are there, as a row of blocks."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import framing
from framing.packet import parse

if TYPE_CHECKING:
    from framing.packet import Packet

_SHADES = "·░▒▓█"  # of a cell: nothing is there, up to everything
_TRANSFERS_MAX = 64


class _Block:
    """The packets of one data block: a bit for each source packet, and how many came in all."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.source = 0
        self._repair: set[int] = set()

    def add(self, esi: int) -> None:
        if esi < self.k:
            self.source |= 1 << esi
        elif len(self._repair) < self.k:
            self._repair.add(esi)

    @property
    def have(self) -> int:
        """Packets that are there, as far as they help."""
        return min(self.source.bit_count() + len(self._repair), self.k)

    def share(self, low: int, high: int) -> float:
        """How much of the packets low to high is there; all, where others stand in for them."""
        if self.have == self.k:
            return 1.0
        mask = (1 << high) - (1 << low)
        return (self.source & mask).bit_count() / (high - low)


class Chart:
    """The packets of the transfers that are being received; of very many the newest."""

    def __init__(self) -> None:
        self._transfers: OrderedDict[str, dict[int, _Block]] = OrderedDict()

    def add(self, packet: Packet) -> None:
        """Note a packet of a data block; those of headers and trailers are no part of the file."""
        if packet.number < 0:
            return
        name = packet.transfer.hex()
        blocks = self._transfers.setdefault(name, {})
        self._transfers.move_to_end(name)
        if len(self._transfers) > _TRANSFERS_MAX:
            self._transfers.popitem(last=False)
        block = blocks.get(packet.number)
        if block is None or block.k != packet.k:
            block = blocks[packet.number] = _Block(packet.k)
        block.add(packet.esi)

    def row(self, transfer: str, needed: int, cells: int) -> str:
        """A row of so many cells: the packets in their order, what is there filled.

        needed  packets of the whole file, as far as that is known
        """
        blocks = self._transfers.get(transfer, {})
        places: list[tuple[int, _Block | None]] = []  # where each block begins
        total = 0
        for number in sorted(blocks):
            places.append((total, blocks[number]))
            total += blocks[number].k
        places.append((total, None))
        total = max(total, needed, 1)
        return "".join(_SHADES[_shade(_share(places, total, cell, cells))] for cell in range(cells))


def _share(places: list[tuple[int, _Block | None]], total: int, cell: int, cells: int) -> float:
    """How much of the packets that a cell stands for is there."""
    low = cell * total // cells
    high = max((cell + 1) * total // cells, low + 1)
    there = 0.0
    for start, block in places:
        if block is None:
            break
        first, last = max(low - start, 0), min(high - start, block.k)
        if first < last:
            there += block.share(first, last) * (last - first)
    return there / (high - low)


def _shade(share: float) -> int:
    """Empty and full only where nothing and everything is there."""
    if share in (0.0, 1.0):
        return (len(_SHADES) - 1) * int(share)
    return 1 + int(share * (len(_SHADES) - 2))


class ChartedInbox(framing.Inbox):
    """An inbox that notes in `chart` what comes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """As `framing.Inbox`."""
        super().__init__(*arguments, **options)
        self.chart = Chart()

    def put(
        self, packet_data: bytes
    ) -> framing.Received | framing.Refused | framing.Repeated | None:
        """As `framing.Inbox.put`."""
        parsed = parse(packet_data)
        if parsed is not None:
            self.chart.add(parsed)
        return super().put(packet_data)
