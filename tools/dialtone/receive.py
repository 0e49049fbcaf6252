"""The command `receive`: a recording or a stream of sound into files."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from dialtone import ready
from dialtone.errors import ExitCode, Failure, interrupted
from dialtone.output import Output

if TYPE_CHECKING:
    from dialtone.audio import AudioSource
    from dialtone.opening import OpenOptions
    from dialtone.pipeline import Receiving
    from dialtone.reception import Report


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """What the command line asked for. again: take what was received before, too."""

    file: str
    folder: Path
    keys: "OpenOptions"
    rate: int | None
    channels: int | None
    once: bool
    timeout_s: float | None
    again: bool = False


class _TimeoutReached(Exception):  # noqa: N818  the end of a wait that was asked for
    """--timeout is over."""


def receive_file(options: ReceiveOptions, out: Output) -> None:
    """Do what `dialtone receive` was asked to do. Raises Failure where not all arrived."""
    for name, value in (("--rate", options.rate), ("--channels", options.channels)):
        if value is not None and options.file != "-":
            raise Failure(f"{name} is for raw samples on stdin", "files say it themselves")
    if options.folder.exists() and not options.folder.is_dir():
        raise Failure(f"{options.folder} is not a folder", "give another one with -d")
    import framing
    from dialtone.opening import Opening

    opening = Opening(options.keys, out)
    ready.prepare(out)
    from dialtone import pictures
    from dialtone.pipeline import Receiving
    from dialtone.reception import Report

    source, rates = _open(options)
    with source:
        inbox = framing.Inbox(
            options.folder, opening.keys, again=options.again, naming=pictures.restored_name
        )
        receiving = Receiving(inbox, rates, source.channels)
        report = Report(out, receiving, opening)
        try:
            report.resume()
            with _deadline(options):
                _listen(source, receiving, report, options)
        except _TimeoutReached:
            out.say("the time is over")
        except KeyboardInterrupt:
            raise interrupted(report.kept()) from None
        finally:
            inbox.close()
        report.finish(source.damage)


def _open(options: ReceiveOptions) -> "tuple[AudioSource, list[int]]":
    """The sound, and the sample rates it may have."""
    import modem
    from dialtone.audio import open_audio
    from dialtone.stdin_sound import open_stdin

    if options.file != "-":
        source = open_audio(options.file)
        return source, [source.sample_rate]
    if options.rate:
        rates = [options.rate]
    else:
        rates = sorted({profile.sample_rate for profile in modem.profiles.values()})
    try:
        with _deadline(options):
            source, known = open_stdin(rates[0], options.channels or 1)
    except _TimeoutReached:
        raise Failure(
            f"no sound came within {options.timeout_s:g} s",
            "check what feeds the pipe",
            ExitCode.INCOMPLETE,
        ) from None
    return source, [source.sample_rate] if known else rates


def _listen(
    source: "AudioSource", receiving: "Receiving", report: "Report", options: ReceiveOptions
) -> None:
    """Take the sound in until it ends, or until enough was received."""
    total = None if source.frames is None else source.frames / source.sample_rate
    with report.out.progress("receiving", total) as meter:
        for chunk in source:
            report.hear(chunk)
            for outcome in receiving.process(chunk):
                report.take(outcome)
                if options.once and report.arrived:
                    return
            meter(receiving.seconds, report.state())
            if options.timeout_s is not None and receiving.seconds >= options.timeout_s:
                raise _TimeoutReached
        for outcome in receiving.flush():
            report.take(outcome)


@contextmanager
def _deadline(options: ReceiveOptions) -> Iterator[None]:
    """End a wait on stdin when --timeout is over, even if no sound comes at all."""
    if options.timeout_s is None or options.file != "-":
        yield
        return
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, options.timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _ring(signum: int, frame: FrameType | None) -> None:
    raise _TimeoutReached
