"""Push to talk: a program of the user's that switches a transmitter on and off."""

import shlex
import signal
import subprocess
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from dialtone.errors import ExitCode, Failure, Terminated
from dialtone.interrupts import HeldSignals
from dialtone.output import Output

_LONGEST_S = 10.0  # a switch that takes longer hangs


def words_of(command: str) -> list[str]:
    """The words of a command line, as a shell would part them; nothing else of a shell.

    Raises Failure where there are none, or a quote is not closed.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise Failure(f"--ptt {command!r}: {error}", "quote it like a command line") from None
    if not words:
        raise Failure("--ptt needs a command", "--ptt 'rig-switch --port 3'")
    return words


class PushToTalk:
    """Within it the transmitter is on: `COMMAND on` at the beginning, `COMMAND off` at the end.

    Whatever happens between, Ctrl-C and a closed terminal included, `off` is run. Raises Failure
    (device) where `on` fails, and where `off` does and nothing worse has happened.
    """

    def __init__(self, command: list[str], out: Output) -> None:
        self._command = command
        self._out = out
        self._hangup: Any = None

    def __enter__(self) -> Self:
        main = threading.current_thread() is threading.main_thread()
        # Who asked for nohup does not want to end with the terminal.
        if main and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            self._hangup = signal.signal(signal.SIGHUP, _end)
        try:
            self._run("on")
        except BaseException:
            self._off(failing=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._off(failing=kind is not None)

    def _off(self, failing: bool) -> None:
        if self._hangup is not None:  # nor does a terminal that closes now, or says so again
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with HeldSignals():  # a second Ctrl-C does not leave the transmitter on
                self._run("off")
        except Failure as failure:
            if not failing:
                raise
            self._out.event("warning", warning=failure.sentence, hint=failure.hint)
            self._out.say(f"warning: {failure.sentence}: {failure.hint}")
        finally:
            if self._hangup is not None:
                signal.signal(signal.SIGHUP, self._hangup)

    def _run(self, word: str) -> None:
        hint = "the transmitter may still be on" if word == "off" else "nothing was sent"
        what = f"--ptt: {shlex.join([*self._command, word])}"
        try:
            code = subprocess.run(
                [*self._command, word],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr if _has_file(sys.stderr) else subprocess.DEVNULL,
                timeout=_LONGEST_S,
                check=False,
                start_new_session=True,  # Ctrl-C is for this program alone
            ).returncode
        except subprocess.TimeoutExpired:
            raise Failure(
                f"{what} did not end within {_LONGEST_S:g} s", hint, ExitCode.DEVICE
            ) from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Failure(f"{what}: {reason}", hint, ExitCode.DEVICE) from None
        if code:
            raise Failure(f"{what} ended with code {code}", hint, ExitCode.DEVICE)


def _has_file(stream: Any) -> bool:
    try:
        return bool(stream.fileno() >= 0)
    except (OSError, ValueError):
        return False


def _end(signum: int, frame: FrameType | None) -> None:
    # A shell that ends says it, and so does the terminal: the second time would break off the end.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise Terminated
