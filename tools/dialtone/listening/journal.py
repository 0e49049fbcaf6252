"""The log of the daemon: each event once, for everybody who looks.

stdout    with --json: one JSON object a line, the event, its time and level, its fields
stderr    without: a sentence behind the time, UTC
the hub   both, for the page and the terminal's view
"""

import contextlib
import os
import threading
import time
from collections import deque
from datetime import UTC, datetime

from dialtone.listening.hub import Hub
from dialtone.output import Output, plain

INFO, WARNING, ERROR = "info", "warning", "error"
_KEPT = 1000  # lines that wait for somebody who reads the log; the oldest are lost
_JOURNALD = "JOURNAL_STREAM"  # set by systemd, whose log has its own times


class Journal:
    """Takes events from any thread. A log that cannot be written costs only itself.

    silent  only the hub is told: the terminal shows something else
    """

    def __init__(self, out: Output, hub: Hub, silent: bool = False) -> None:
        self.hub = hub
        self._out = out
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, str, dict[str, object]]] = deque(maxlen=_KEPT)
        self._silent = silent
        self._timed = _JOURNALD not in os.environ

    def tell(self, event: str, sentence: str, /, level: str = INFO, **fields: object) -> None:
        """One event: its name for scripts, a sentence for people, and its fields for both."""
        now = time.time()
        facts = {key: plain(value) for key, value in fields.items()}
        self.hub.tell("log", time=now, level=level, text=sentence, fields={"event": event} | facts)
        if self._silent:
            return
        line = f"{self._stamp(now)}{sentence}"
        with self._lock:
            self._waiting.append(
                (event, line, {"time": now, "level": level, "text": sentence} | facts)
            )
        self.flush()

    def flush(self) -> None:
        """Write what nobody took before: whoever reads the log may be asleep, for good even."""
        with self._lock:
            while self._waiting and self._out.takes:
                event, line, said = self._waiting.popleft()
                # Nobody reads any more, or the disk with the log is full: listening goes on.
                with contextlib.suppress(OSError, ValueError):
                    self._out.event(event, **said)
                    self._out.say(line)

    def _stamp(self, now: float) -> str:
        if not self._timed:
            return ""
        return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} "
