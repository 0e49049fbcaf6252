"""Standard input that a thread can stop waiting for."""

import io
import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LOOK_S = 0.25


class Polled(io.RawIOBase):
    """A stream over a file descriptor that ends when an event is set."""

    def __init__(self, descriptor: int, stop: threading.Event) -> None:
        self._descriptor = descriptor
        self._stop = stop

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        while not self._stop.is_set():
            if waiting.poll(_LOOK_S * 1000):
                return os.readv(self._descriptor, [view])
        return 0
