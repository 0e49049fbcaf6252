"""Entry point of the `dialtone` program: runs a command, says how it ended, never a traceback."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import FrameType, TracebackType

from dialtone.errors import ExitCode, Failure, Terminated, interrupted, translated
from dialtone.output import Output

# New objects until the next look for rubbish. What modules make at their import stays: with the
# usual 700, looking it through again and again is a fifth of the time until the first sound.
_GC_THRESHOLD = 50_000
_DEBUG = "DIALTONE_DEBUG"  # set in the environment to see the traceback of an internal fault


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.excepthook = _internal_fault
    _open_closed()
    gc.set_threshold(_GC_THRESHOLD)
    # The matrices here are small: more threads would only wait for one another.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone, as `dialtone ... | head` does: nothing to say.
        _silence_stdout()
        code = ExitCode.INCOMPLETE
    except Terminated:
        code = ExitCode.TERMINATED
    sys.exit(int(code))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code. Says how it ended if not well."""
    out = Output("--json" in arguments, data_on_stdout=_sound_on_stdout(arguments))
    code: int | None
    try:
        with translated():
            from dialtone.cli import app

            shown = list(arguments) or ["--help"]
            code = app(args=shown, prog_name="dialtone", standalone_mode=False)
        if code == ExitCode.INTERRUPTED:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt
    except Failure as error:
        failure = error
    except KeyboardInterrupt:
        failure = interrupted()
    else:
        return (code or ExitCode.DONE) if arguments else ExitCode.USAGE
    out.failure(failure)
    return failure.code


def _sound_on_stdout(arguments: Sequence[str]) -> bool:
    return not {("-o", "-"), ("--output", "-")}.isdisjoint(pairwise(arguments))


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Terminated


def _open_closed() -> None:
    """Where stdin, stdout or stderr is closed, the next file would be it, to be written into by
    every program that is started from here."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  to the very end


def _silence_stdout() -> None:
    # The interpreter flushes stdout once more on the way out and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _internal_fault(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """A fault of the program itself, in a sentence; the traceback only when asked for."""
    if os.environ.get(_DEBUG):
        sys.__excepthook__(kind, error, trace)
        return
    print(f"error: a fault inside dialtone ({kind.__name__}: {error})", file=sys.stderr)
    print(f"hint: run again with {_DEBUG}=1 to see where, and report it", file=sys.stderr)


if __name__ == "__main__":
    main()
