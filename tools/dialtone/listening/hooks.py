"""The command that is run for each arrival: one at a time, without a shell, not for ever.

    CMD ... FILE      FILE is the last argument, an absolute path: no name can pass for an option
    DIALTONE_FILE     the same; DIALTONE_RECEIPT, DIALTONE_FOLDER likewise
    DIALTONE_SENDER   who signed it, by the name known here; empty where nobody known did
    DIALTONE_TRANSFER, _BYTES, _SHA256, _MEDIA, _PROTECTION, _INPUT    of the receipt

A mark in the arrival's folder is taken away when the command has ended, however. One that could not
be run, or that the daemon's end prevented or broke off, is run at the next start: at least once for
each arrival.
"""

import contextlib
import os
import queue
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

from dialtone.errors import Failure
from dialtone.listening.arrivals import HOOK, RECEIPT, Arrival, hooked
from dialtone.listening.journal import INFO, WARNING, Journal
from dialtone.listening.worker import Worker

_FIELDS = ("transfer", "bytes", "sha256", "media", "protection", "input")
_SAID_MAX = 2000  # bytes of what the command says that go to the log, the last ones
_GRACE_S = 5.0  # from being asked to end to being killed
_LOOK_S = 0.25


def parse(command: str) -> tuple[str, ...]:
    """The words of --exec. Raises Failure where they make no command."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Failure(f"--exec {command}: {str(error).lower()}", "check its quotes") from None
    if not words:
        raise Failure("--exec needs a command")
    program = shutil.which(words[0])
    if program is None:
        raise Failure(f"--exec: there is no program {words[0]}", "give its path")
    return (str(Path(program).absolute()), *words[1:])


def environment(arrival: Arrival) -> dict[str, str]:
    """What the command finds in its environment, beside what is there anyway."""
    receipt = arrival.receipt
    told = {name.upper(): receipt.get(name) for name in _FIELDS}
    told |= {
        "FILE": arrival.file.absolute(),
        "FOLDER": arrival.folder.absolute(),
        "RECEIPT": (arrival.folder / RECEIPT).absolute(),
        "SENDER": receipt.get("signed_by"),
    }
    return {
        f"DIALTONE_{name}": "" if value is None else str(value).replace("\0", "")
        for name, value in told.items()
    }


class Hooks:
    """Runs the command for arrivals, in a thread.

    command  of `parse`
    limit_s  after which it is ended [s]
    """

    def __init__(self, command: tuple[str, ...], limit_s: float, journal: Journal) -> None:
        self._command = command
        self._limit_s = limit_s
        self._journal = journal
        self._queue: queue.SimpleQueue[Arrival | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = Worker(self._run, "hooks")

    def start(self, folder: Path) -> None:
        """Begin, with what an earlier run left undone in this inbox."""
        for arrival in hooked(folder):
            self.add(arrival)
        self._thread.start()

    def add(self, arrival: Arrival) -> None:
        """Run it for an arrival, after those before."""
        self._queue.put(arrival)

    def finish(self) -> None:
        """Run what waits, then end."""
        self._queue.put(None)
        self._thread.await_end()

    def stop(self) -> None:
        """End now: what runs is asked to end, what waits is for the next start."""
        self._stop.set()
        self._queue.put(None)
        self._thread.await_end()

    def _run(self) -> None:
        while (arrival := self._queue.get()) is not None and not self._stop.is_set():
            if self._ran(arrival):
                with contextlib.suppress(OSError):
                    (arrival.folder / HOOK).unlink()

    def _ran(self, arrival: Arrival) -> bool:
        """Run it once; False where it could not be, or the daemon's end broke it off."""
        what = arrival.folder.name
        facts: dict[str, object] = {"folder": what, "file": arrival.file.name}
        begun = time.monotonic()
        try:
            # Not in the arrival's folder: what `python -m` takes for modules there is a stranger's.
            process = subprocess.Popen(
                [*self._command, str(arrival.file.absolute())],
                env=os.environ | environment(arrival),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            self._journal.tell(
                "hook", f"the command for {what} cannot be run: {reason}; it is tried again at the "
                "next start", WARNING, **facts, code=None, reason=reason,
            )  # fmt: skip
            return False
        said = self._watch(process, begun + self._limit_s)
        broken_off = self._stop.is_set() and process.poll() is None
        late = not broken_off and process.poll() is None
        _end(process)
        code = process.returncode
        seconds = time.monotonic() - begun
        how = f"ended with {code}" if code >= 0 else f"was ended by signal {-code}"
        if late:
            how = f"was ended, as it took longer than {self._limit_s:g} s"
        if broken_off:
            how = "was broken off; it is run again at the next start"
        level = INFO if code == 0 else WARNING
        output = said.decode(errors="replace").strip()
        told = f": {output.splitlines()[-1]}" if output else ""
        self._journal.tell(
            "hook", f"the command for {what} {how}{told}", level, **facts,
            code=code, seconds=seconds, output=output,
        )  # fmt: skip
        return not broken_off

    def _watch(self, process: "subprocess.Popen[bytes]", deadline: float) -> bytes:
        """Read what it says until it ends, its time is over, or the daemon ends."""
        assert process.stdout is not None
        said = b""
        with selectors.DefaultSelector() as selector, process.stdout as stream:
            selector.register(stream, selectors.EVENT_READ)
            while process.poll() is None and not self._stop.is_set():
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                if selector.select(min(left, _LOOK_S)):
                    data = os.read(stream.fileno(), _SAID_MAX)
                    if not data:  # it has closed its output, and works on
                        selector.unregister(stream)
                        self._wait(process, deadline)
                        break
                    said = (said + data)[-_SAID_MAX:]
            os.set_blocking(stream.fileno(), False)
            with contextlib.suppress(BlockingIOError):
                while data := os.read(stream.fileno(), _SAID_MAX):
                    said = (said + data)[-_SAID_MAX:]
        return said

    def _wait(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        while not self._stop.is_set() and time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(_LOOK_S, max(deadline - time.monotonic(), 0)))
                return


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it and whatever it has started, if it has not ended."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
            return
