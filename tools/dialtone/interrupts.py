"""Holding signals back where Python code is called from C, which would print and forget them."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_HELD = (signal.SIGINT, signal.SIGTERM)


class HeldSignals:
    """Within it, Ctrl-C and SIGTERM wait for `check` or for the end.

    Outside the main thread, where signals never arrive, it does nothing.
    """

    def __init__(self, active: bool = True) -> None:
        self._active = active and threading.current_thread() is threading.main_thread()
        self._before: dict[signal.Signals, Any] = {}
        self._arrived: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> Self:
        if self._active:
            for number in _HELD:
                self._before[number] = signal.signal(number, self._keep)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Let a signal that arrived take its effect now."""
        while self._arrived:
            number, frame = self._arrived.pop(0)
            handler = self._before[signal.Signals(number)]
            if callable(handler):
                handler(number, frame)

    def _keep(self, number: int, frame: FrameType | None) -> None:
        self._arrived.append((number, frame))
