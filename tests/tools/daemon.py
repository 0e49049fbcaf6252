"""`dialtone listen -` as a process of its own that starts at once: a fork of this one, which has
loaded everything already."""

import contextlib
import fcntl
import json
import os
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dialtone.__main__ import main
from dialtone.listening.arrivals import arrivals

DEADLINE_S = 60.0
_LOOK_S = 0.005


def until(ready: Callable[[], Any], what: str = "", deadline_s: float = DEADLINE_S) -> Any:
    """Look again and again; returns the first thing that is true."""
    end = time.monotonic() + deadline_s
    while not (found := ready()):
        assert time.monotonic() < end, what or "it took too long"
        os.sched_yield()
        time.sleep(_LOOK_S)  # polling
    return found


def only(items):
    (item,) = items
    return item


def whole(inbox: Path) -> list[str]:
    """All that is in the inbox; what is not is debris."""
    names = {entry.name for entry in inbox.rglob("*")} - {".dialtone", "delivered"}
    names -= {arrival.folder.name for arrival in arrivals(inbox)}
    return sorted(names)


class Daemon:
    """A daemon with a pipe for its sound, and what it says in a file."""

    def __init__(self, folder: Path, *arguments: object, log: Path) -> None:
        reading, self._writing = os.pipe()
        self.log = log
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:  # pragma: no cover  the daemon itself
            os.close(self._writing)
            self._become(reading, ["listen", "-", "-d", str(folder), "--json",
                                   *map(str, arguments)])  # fmt: skip
        os.close(reading)
        os.set_blocking(self._writing, False)
        self._code: int | None = None

    def _become(self, reading: int, arguments: list[str]) -> None:  # pragma: no cover
        code = 99
        try:
            said = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(reading, 0)
            os.dup2(said, 1)
            os.dup2(said, 2)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
            sys.argv = ["dialtone", *arguments]
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os._exit(code)

    def hear(self, sound: bytes) -> None:
        """Give it sound; waits while the pipe is full, but not for one that is deaf."""
        view = memoryview(sound)
        while view:
            assert select.select([], [self._writing], [], DEADLINE_S)[1], "it hears nothing"
            view = view[os.write(self._writing, view) :]

    @property
    def unheard(self) -> int:
        """Bytes in the pipe."""
        answer = fcntl.ioctl(self._writing, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What it has said so far, of one kind or all."""
        text = self.log.read_text() if self.log.exists() else ""
        lines = [json.loads(line) for line in text.splitlines(True) if line.endswith("}\n")]
        return [line for line in lines if name in ("", line["event"])]

    def wait_for(self, name: str, number: int = 1) -> list[dict[str, Any]]:
        """Until it has said so often that this happened."""
        return until(
            lambda: found if len(found := self.events(name)) >= number else None,
            f"no {name}: {self.events()}",
        )

    def end(self) -> int:
        """No more sound; the exit code."""
        self.close()
        return self.wait()

    def close(self) -> None:
        """No more sound."""
        os.close(self._writing)
        self._writing = -1

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """The exit code; -9 where it was killed."""

        def ended() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
            return bool(pid)

        if self._code is None:
            until(ended, "it does not end")
        assert self._code is not None
        return self._code

    def kill(self) -> None:
        if self._code is None:
            self.signal(signal.SIGKILL)
            self.wait()
        if self._writing >= 0:
            self.close()
