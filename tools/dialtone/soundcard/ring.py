"""A ring of bytes between a sound card's callback and a thread; neither waits for the other."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Ring:
    """Bytes in at one end, out at the other; one thread writes and one reads.

    Each side changes only its own position, and does so after the bytes are in place: without a
    lock there is nothing a callback could wait for.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1 byte, got {capacity}")
        self._bytes = bytearray(capacity)
        self._view = memoryview(self._bytes)
        self._written = 0  # since the beginning
        self._taken = 0

    def __len__(self) -> int:
        """Bytes that wait to be read."""
        return self._written - self._taken

    @property
    def room(self) -> int:
        """Bytes that can be written now."""
        return len(self._bytes) - len(self)

    def write(self, data: "Buffer") -> int:
        """Put in as much as there is room for; returns how many bytes that was."""
        source = memoryview(data).cast("B")
        count = min(len(source), self.room)
        start = self._written % len(self._bytes)
        first = min(count, len(self._bytes) - start)
        self._view[start : start + first] = source[:first]
        self._view[: count - first] = source[first:count]
        self._written += count
        return count

    def read_into(self, target: "Buffer") -> int:
        """Fill target as far as there are bytes; returns how many were there."""
        view = memoryview(target).cast("B")
        count = min(len(view), len(self))
        start = self._taken % len(self._bytes)
        first = min(count, len(self._bytes) - start)
        view[:first] = self._view[start : start + first]
        view[first:count] = self._view[: count - first]
        self._taken += count
        return count

    def take(self, most: int) -> bytes:
        """At most so many bytes, taken out."""
        data = bytearray(min(most, len(self)))
        self.read_into(data)
        return bytes(data)
