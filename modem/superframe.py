"""Code blocks of a superframe: packets to cells of the payload symbols, and LLRs back to packets.

data packets -> Reed-Solomon parity across them -> CRC -> LDPC -> interleave, scramble -> cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.typing import NDArray

from modem.constellation import map_bits
from modem.fec.crc import crc24a
from modem.fec.interleaver import deinterleave, interleave, scrambling_sequence
from modem.fec.ldpc import LdpcCode
from modem.fec.reed_solomon import MAX_BLOCKS
from modem.fec.reed_solomon import encode as rs_encode
from modem.fec.reed_solomon import recover as rs_recover
from modem.ladder import loaded_carriers, parity_blocks, symbol_cells
from modem.profile import CRC_BITS, Profile, Speed

# By what the known cells of a lane are turned: whatever real gains mix two lanes, none cancel.
LANE_TURNS = (1, 1j)
_AT_ONCE = 32  # blocks that are decoded, so that memory stays small
_LOWEST_RATE = 0.21  # a code block that leaves cells over lengthens its parity down to this rate


@dataclass(frozen=True)
class DecodedBlocks:
    """packets: one for each data block, None where it is lost; failed: blocks the LDPC decoder
    could not restore, before Reed-Solomon."""

    packets: list[bytes | None]
    failed: int
    blocks: int

    @property
    def lost(self) -> int:
        """Packets that could not be recovered."""
        return sum(packet is None for packet in self.packets)


def payload_symbols(profile: Profile, speed: Speed, data_blocks: int) -> int:
    """How many a superframe of so many packets has."""
    blocks = data_blocks + parity_blocks(data_blocks)
    bits = blocks * ceil(speed.k / speed.rate)
    cells = profile.lanes * symbol_cells(profile.numerology, speed.top_hz)
    return min(-(-bits // (cells * speed.order)), speed.symbols)


class Layout:
    """Where everything lies in the payload of one superframe; the same for equal arguments.

    profile, speed as given
    data_blocks    packets of the superframe, 1 to speed.blocks
    parity_blocks  Reed-Solomon parity blocks on top of them
    symbols        payload symbols
    loaded         (n,) positions that this speed uses, within the carriers of all lanes in a row
    comb           (symbols, p) positions of the pilots within the carriers, alike in all lanes
    pilots         (symbols, lanes * p) the same within the carriers of all lanes
    reference      (lanes * carriers,) cells of the pilots
    cells          (n,) positions of the data cells in the flattened grid
                   (symbols, lanes * carriers)
    scramble       (n,) bits added to all those places
    code           of every block
    """

    def __init__(self, profile: Profile, speed: Speed, data_blocks: int) -> None:
        profile = profile.mode(speed)
        waveform = profile.numerology
        self.profile = profile
        self.speed = speed
        self.data_blocks = data_blocks
        self.parity_blocks = parity_blocks(data_blocks)
        blocks = data_blocks + self.parity_blocks
        loaded = loaded_carriers(waveform, speed.top_hz)
        starts = np.arange(profile.lanes)[:, None] * waveform.carriers.size
        self.loaded = (starts + np.arange(loaded)).ravel()
        self.symbols = payload_symbols(profile, speed, data_blocks)
        self.comb = waveform.pilot_index(self.symbols, loaded)
        self.pilots = (self.comb[:, None] + starts).reshape(self.symbols, -1)
        self.reference = np.concatenate(
            [waveform.reference * turn for turn in LANE_TURNS[: profile.lanes]]
        )
        is_data = np.zeros((self.symbols, self.reference.size), bool)
        is_data[:, self.loaded] = True
        np.put_along_axis(is_data, self.pilots, False, axis=1)
        self.cells = np.flatnonzero(is_data)
        slots = self.cells.size * speed.order
        length = min(slots // blocks, int(speed.k / min(_LOWEST_RATE, speed.rate)))
        self.code = LdpcCode(speed.k, length)
        self.scramble = scrambling_sequence(slots)
        self._amplitude = np.float32(np.sqrt(waveform.carriers.size / loaded))

    def encode(self, packets: Sequence[bytes]) -> NDArray[np.complex64]:
        """Packets of packet_bytes each, data_blocks of them, to cells (symbols, lanes * carriers),
        whose power is that of all carriers even where only some are loaded."""
        blocks = np.empty(
            (self.data_blocks + self.parity_blocks, self.speed.packet_bytes), np.uint8
        )
        data = np.frombuffer(b"".join(packets), np.uint8).reshape(self.data_blocks, -1)
        blocks[: self.data_blocks] = data
        for group, parity in self._groups():
            blocks[group[group.size - parity :]] = rs_encode(
                blocks[group[: group.size - parity]], parity
            )
        coded = self.code.encode(
            np.unpackbits(np.concatenate((blocks, _crc(blocks)), axis=1), axis=1)
        )
        bits = interleave(coded, self.scramble, self.speed.order)
        grid = np.zeros((self.symbols, self.reference.size), np.complex64)
        np.put_along_axis(grid, self.pilots, self.reference[self.pilots], axis=1)
        grid.reshape(-1)[self.cells] = map_bits(bits, self.speed.order, self.speed.shape)
        return grid * self._amplitude

    def decode(self, llr: NDArray[np.float32]) -> DecodedBlocks:
        """LLRs (cells, order) of the data cells, in the order of `cells`, to packets."""
        llr = np.ascontiguousarray(llr, np.float32)
        scramble = np.packbits(self.scramble)
        count = self.data_blocks + self.parity_blocks
        received = np.empty((count, self.speed.k // 8), np.uint8)
        good = np.empty(count, bool)
        for first in range(0, count, _AT_ONCE):
            some = range(first, min(first + _AT_ONCE, count))
            coded = deinterleave(llr, scramble, count, some, self.code.n)
            result = self.code.decode(coded)
            received[some.start : some.stop] = np.packbits(result.bits, axis=1)
            good[some.start : some.stop] = result.converged
        blocks, crc = received[:, : -CRC_BITS // 8], received[:, -CRC_BITS // 8 :]
        good &= (_crc(blocks) == crc).all(axis=1)
        failed = int((~good).sum())
        for group, parity in self._groups():
            lost = ~good[group]
            if 0 < lost.sum() <= parity:
                blocks[group[: group.size - parity]] = rs_recover(blocks[group], lost, parity)
                good[group] = True
        packets = [
            row.tobytes() if fine else None
            for row, fine in zip(blocks[: self.data_blocks], good[: self.data_blocks], strict=True)
        ]
        return DecodedBlocks(packets, failed, len(good))

    def _groups(self) -> Iterator[tuple[NDArray[np.int64], int]]:
        """The code words of the Reed-Solomon code, which are of limited length: blocks that belong
        together, data first, and how many of them are parity."""
        blocks = self.data_blocks + self.parity_blocks
        count = -(-blocks // MAX_BLOCKS)
        for first in range(count):
            # Dealt out in one row, data and parity together: else one group may be too long.
            group = np.arange(first, blocks, count)
            yield group, int((group >= self.data_blocks).sum())


def _crc(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """CRC-24A of each row as three bytes, highest first; inverted, so that an all-zero block,
    which is what the decoder makes of silence, does not pass."""
    value = crc24a(blocks) ^ 0xFFFFFF
    return np.stack([(value >> shift) & 0xFF for shift in (16, 8, 0)], axis=1).astype(np.uint8)


@lru_cache(maxsize=8)
def layout(profile: Profile, speed: Speed, data_blocks: int) -> Layout:
    """The layout for these arguments, made once."""
    return Layout(profile, speed, data_blocks)
