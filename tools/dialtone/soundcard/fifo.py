"""Bytes on their way between a sound card's callback and a thread; neither waits for the other."""

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Fifo:
    """Bytes in at one end, out at the other; one thread writes and one reads.

    Appending to a deque and taking from it cannot be torn apart, and each side changes only its own
    count: without a lock there is nothing a callback could wait for. It takes as much memory as
    there is in it.
    """

    def __init__(self, capacity: int) -> None:
        """capacity: bytes it holds at most."""
        self._capacity = capacity
        self._parts: deque[bytes] = deque()
        self._rest = memoryview(b"")  # of the part that is being read
        self._written = 0  # since the beginning
        self._read = 0

    def __len__(self) -> int:
        """Bytes that wait to be read."""
        return self._written - self._read

    def write(self, data: "Buffer") -> bool:
        """Put data in, whole or, where there is no room for it, not at all; whether it is in."""
        part = bytes(data)
        if len(self) + len(part) > self._capacity:
            return False
        self._parts.append(part)
        self._written += len(part)
        return True

    def read_into(self, target: "Buffer") -> int:
        """Fill target as far as there are bytes; returns how many were there."""
        view = memoryview(target).cast("B")
        count = 0
        while count < len(view):
            if not self._rest:
                if not self._parts:
                    break
                self._rest = memoryview(self._parts.popleft())
            part = self._rest[: len(view) - count]
            view[count : count + len(part)] = part
            self._rest = self._rest[len(part) :]
            count += len(part)
        self._read += count
        return count

    def take(self, most: int) -> bytes:
        """At most so many bytes, taken out."""
        data = bytearray(min(most, len(self)))
        self.read_into(data)
        return bytes(data)
