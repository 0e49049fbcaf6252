"""The receiver's memory of samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class History:
    """The newest samples (n, channels), addressed by absolute position."""

    def __init__(self, channels: int) -> None:
        self._data = np.zeros((1 << 16, channels), np.float32)
        self._size = 0
        self.origin = 0

    @property
    def end(self) -> int:
        """Position behind the newest sample."""
        return self.origin + self._size

    def append(self, chunk: NDArray[np.float32]) -> None:
        """Add (n, channels)."""
        if self._size + len(chunk) > len(self._data):
            grown = max(2 * len(self._data), self._size + len(chunk))
            data = np.zeros((grown, self._data.shape[1]), np.float32)
            data[: self._size] = self._data[: self._size]
            self._data = data
        self._data[self._size : self._size + len(chunk)] = chunk
        self._size += len(chunk)

    def drop_before(self, position: int) -> None:
        """Allow what lies before this position to be forgotten, which is done in large pieces."""
        drop = min(position - self.origin, self._size)
        if drop > len(self._data) // 4:
            self._data[: self._size - drop] = self._data[drop : self._size].copy()
            self._size -= drop
            self.origin += drop

    def view(self, low: float, high: float, channel: int) -> tuple[NDArray[np.float32], int]:
        """Contiguous copy of what is held between two positions, and where it begins."""
        first = max(int(low) - self.origin, 0)
        last = max(min(int(high) - self.origin, self._size), first)
        return np.ascontiguousarray(self._data[first:last, channel]), self.origin + first
