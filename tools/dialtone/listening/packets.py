"""Packets on their way from the inputs to the inbox, and those that wait for a disk with room."""

import threading
from collections import deque
from dataclasses import dataclass

from dialtone.hearing import Signal

HELD_MAX = 32 << 20  # bytes of packets that wait in memory
_OVERHEAD = 100  # bytes that Python needs for each, beside the packet


@dataclass(frozen=True, slots=True)
class Caught:
    """A packet with where it came from; `signal` as it was at that moment."""

    data: bytes
    input: str
    signal: Signal

    @property
    def cost(self) -> int:
        """Bytes of memory."""
        return len(self.data) + _OVERHEAD


class Packets:
    """A queue that holds so many bytes at most, those counted that the taker still holds on to.

    dropped  packets that found no room
    """

    def __init__(self, most: int = HELD_MAX) -> None:
        self.dropped = 0
        self._most = most
        self._held = 0
        self._queue: deque[Caught] = deque()
        self._changed = threading.Condition()
        self._stuck = False
        self._closed = False

    def put(self, caught: Caught) -> None:
        """Add a packet. Where there is no room it waits, as the inbox is only slow; while the
        disk takes nothing, it is dropped."""
        with self._changed:
            while self._held + caught.cost > self._most and not self._stuck and not self._closed:
                self._changed.wait()
            if self._held + caught.cost > self._most:
                self.dropped += 1
                return
            self._held += caught.cost
            self._queue.append(caught)
            self._changed.notify_all()

    def take(self, timeout_s: float) -> list[Caught]:
        """What has come, all of it; waits for something. `done` is to be called for each."""
        with self._changed:
            if not self._queue and not self._closed:
                self._changed.wait(timeout_s)
            taken = list(self._queue)
            self._queue.clear()
        return taken

    def done(self, caught: Caught) -> None:
        """The packet needs no memory any more."""
        with self._changed:
            self._held -= caught.cost
            self._changed.notify_all()

    def stuck(self, stuck: bool) -> None:
        """Whether the disk takes nothing at the moment."""
        with self._changed:
            self._stuck = stuck
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called and all was taken."""
        return self._closed and not self._queue
