"""Inputs that no sender of ours would make, for everything that reads bytes from strangers.

An input of a target is a run of bytes that is read as decisions: which valid thing to begin with,
what to change in it, and on which level. What is changed below a checksum, a tag or a signature is
sealed again with the true key, so that changes reach the parsers behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Target = Callable[[bytes, Path], None]
T = TypeVar("T")

_EXTREMES = (b"", b"\0", b"\1", b"\x7f", b"\x80", b"\xff", b"\0\0", b"\xff\xff", b"\xff" * 8)


class Choices:
    """The decisions of one input; when it ends, every further one is 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """At most `count` bytes."""
        data = self._data[self._at : self._at + count]
        self._at += count
        return data

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def below(self, end: int) -> int:
        """0..end - 1, of one byte where that is enough, else of two or four."""
        width = 1 if end <= 1 << 8 else 2 if end <= 1 << 16 else 4
        return int.from_bytes(self.take(width), "big") % max(end, 1)

    def pick(self, some: Sequence[T]) -> T:
        return some[self.below(len(some))]

    def often(self) -> bool:
        """True three times of four."""
        return self.below(4) > 0

    def piece(self) -> bytes:
        """A few bytes: an extreme value, or any."""
        return self.pick(_EXTREMES) if self.below(2) else self.take(self.below(24))

    def edited(self, data: bytes) -> bytes:
        """Up to three changes: bits, bytes, cuts, insertions, repeats."""
        for _ in range(self.below(4)):
            at = self.below(len(data) + 1)
            match self.below(6):
                case 0:
                    bit = 1 << self.below(8)
                    data = data[:at] + bytes(b ^ bit for b in data[at : at + 1]) + data[at + 1 :]
                case 1:
                    piece = self.piece()
                    data = data[:at] + piece + data[at + len(piece) :]
                case 2:
                    data = data[:at] + self.piece() + data[at:]
                case 3:
                    data = data[:at] + data[at + self.below(64) :]
                case 4:
                    data = data[:at]
                case _:
                    data = data[:at] + data[at : at + 64] * self.below(64) + data[at:]
        return data

    def reordered(self, some: Sequence[T]) -> list[T]:
        """Up to three of them left out, repeated or exchanged."""
        items = list(some)
        for _ in range(self.below(4)):
            if not items:
                break
            at, other = self.below(len(items)), self.below(len(items))
            match self.below(4):
                case 0:
                    del items[at]
                case 1:
                    items.insert(other, items[at])
                case 2:
                    items[at], items[other] = items[other], items[at]
                case _:
                    items = (items[: at + 1] * 40)[: 1 + self.below(40)]
        return items
