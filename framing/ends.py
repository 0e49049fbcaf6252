"""Both ends of a transfer on its way in: its key header and its key trailer, as far as known.

Anybody can send packets of any transfer. So what a keys object or the first symbols of block 0
say is only a hint, which the rebuilt data blocks overrule; a hint that proves wrong is dropped
and does not come back.
"""

from __future__ import annotations

from collections.abc import Container

from framing import packet, records
from framing.errors import MalformedError
from framing.trailer import Trailer

_PEEK_SYMBOLS = 32  # source symbols of the first block looked at for an early header
_WRONG_MAX = 64  # wrong headers that are remembered


class Ends:
    """The header, and the trailers by the number of the block in which they stood."""

    def __init__(self) -> None:
        self.header: bytes | None = None
        self.sure = False  # the header stood in block 0
        self._trailers: dict[int, bytes] = {}
        self._blocks_hint: int | None = None
        self._first: dict[int, bytes] = {}  # the first source symbols of block 0
        self._wrong: set[bytes] = set()

    def wants(self, number: int) -> bool:
        """Whether a keys object (packet.HEADER, packet.TRAILER) would bring anything."""
        if number == packet.TRAILER and self._blocks_hint is None and not self._trailers:
            return True
        return self.header is None

    def absorb(self, number: int, data: bytes) -> None:
        """Take the keys out of a rebuilt object. Raises MalformedError, for data blocks only."""
        try:
            found = records.keys_of(data, number)
            blocks = Trailer.blocks_of(found[records.TRAILER]) if records.TRAILER in found else 0
        except MalformedError:
            if number >= 0:
                raise
            return
        if number < 0:
            if (records.TRAILER in found) != (number == packet.TRAILER):
                return
            self._blocks_hint = blocks or self._blocks_hint
            if self.header is None:
                self._guess(found[records.HEADER])
            return
        if blocks and number != blocks - 1:
            raise MalformedError
        if blocks:
            self._trailers[number] = found[records.TRAILER]
        if number == 0:
            self.header, self.sure = found[records.HEADER], True
            self._first.clear()

    def peek(self, parsed: packet.Packet) -> None:
        """The header stands at the very beginning: no need to wait for the whole block."""
        if self.header or parsed.number or parsed.esi >= min(parsed.k, _PEEK_SYMBOLS):
            return
        self._first[parsed.esi] = parsed.symbol
        start = b""
        for esi in range(_PEEK_SYMBOLS):
            if esi not in self._first:
                break
            start += self._first[esi]
        record = records.first(start)
        if record and record[0] == records.HEADER:
            self._guess(record[1])

    def _guess(self, header: bytes) -> None:
        if header not in self._wrong:
            self.header = header
            self._first.clear()

    def drop_guess(self) -> None:
        """The header, which is not sure, is wrong."""
        if self.header is not None and not self.sure:
            if len(self._wrong) >= _WRONG_MAX:
                self._wrong.clear()
            self._wrong.add(self.header)
            self.header = None

    @property
    def blocks(self) -> int | None:
        """How many blocks there are, if anything says so."""
        return min(self._trailers) + 1 if self._trailers else self._blocks_hint

    def trailer(self, done: Container[int]) -> tuple[int, bytes] | None:
        """(number of blocks, trailer), as soon as all of these blocks are `done`."""
        for number in sorted(self._trailers):
            if all(before in done for before in range(number + 1)):
                return number + 1, self._trailers[number]
        return None
