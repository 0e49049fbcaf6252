"""The command `receive`: a recording, a stream of sound or a sound card into files."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from dialtone import ready
from dialtone.errors import ExitCode, Failure, TimeIsOver, interrupted
from dialtone.output import Output
from dialtone.soundcard.child import Child, DeviceLostError

if TYPE_CHECKING:
    from dialtone.audio import AudioSource
    from dialtone.chart import Chart
    from dialtone.opening import OpenOptions
    from dialtone.pipeline import Receiving
    from dialtone.reception import Report
    from dialtone.recording import CardSound


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """What the command line asked for. file: None for a sound card, device: which one, None for
    the default; again: take what was received before, too."""

    file: str | None
    device: str | None
    folder: Path
    keys: "OpenOptions"
    rate: int | None
    channels: int | None
    once: bool
    timeout_s: float | None
    again: bool = False


def receive_file(options: ReceiveOptions, out: Output) -> None:
    """Do what `dialtone receive` was asked to do. Raises Failure where not all arrived."""
    _check(options)
    with ExitStack() as stack:
        # The sound process is ready by the time that this program is.
        child = stack.enter_context(closing(Child())) if options.file is None else None
        from dialtone.opening import Opening

        opening = Opening(options.keys, out)
        ready.prepare(out)
        from dialtone import pictures
        from dialtone.chart import ChartedInbox
        from dialtone.pipeline import Receiving
        from dialtone.reception import Report

        sound = _Recorded(options) if child is None else _card(options, child)
        stack.enter_context(closing(sound))
        inbox = ChartedInbox(
            options.folder, opening.keys, again=options.again, naming=pictures.restored_name
        )
        stack.enter_context(inbox)
        receiving = Receiving(inbox, sound.rates, sound.channels)
        report = Report(out, receiving, opening, sound.silence_hint)
        try:
            report.resume()
            sound.listen(receiving, report, inbox.chart)
        except TimeIsOver:
            out.say("the time is over")
        except KeyboardInterrupt:
            raise interrupted(report.kept()) from None
        except DeviceLostError as error:
            hint = "plug it in again, or start the sound server, and receive again"
            raise Failure(f"{error}{report.kept()}", hint, ExitCode.DEVICE) from None
        report.finish(sound.damage)


def _check(options: ReceiveOptions) -> None:
    """Refuse what cannot work before any work is done."""
    card = options.file is None
    for name, value in (("--rate", options.rate), ("--channels", options.channels)):
        if value is not None and not card and options.file != "-":
            raise Failure(f"{name} is for raw samples on stdin", "files say it themselves")
    if options.device is not None and not card:
        raise Failure("--device is for a sound card, and a recording was given", "give one of them")
    if options.folder.exists() and not options.folder.is_dir():
        raise Failure(f"{options.folder} is not a folder", "give another one with -d")


def _card(options: ReceiveOptions, child: Child) -> "CardSound":
    """What the sound card hears. Raises Failure (device)."""
    from dialtone.recording import CardSound
    from dialtone.soundcard.capture import Capture

    capture = Capture(options.device, options.rate, options.channels, child)
    return CardSound(capture, options.once, options.timeout_s)


def _open(options: ReceiveOptions) -> "tuple[AudioSource, list[int]]":
    """The sound, and the sample rates it may have."""
    import modem
    from dialtone.audio import open_audio
    from dialtone.stdin_sound import open_stdin

    assert options.file is not None
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
    except TimeIsOver:
        raise Failure(
            f"no sound came within {options.timeout_s:g} s",
            "check what feeds the pipe",
            ExitCode.INCOMPLETE,
        ) from None
    return source, [source.sample_rate] if known else rates


class _Recorded:
    """A recording, or sound on stdin.

    rates     sample rates that it may have [Hz]
    channels  of every chunk
    """

    silence_hint = "`dialtone inspect` draws what is there"

    def __init__(self, options: ReceiveOptions) -> None:
        self._options = options
        self._source, self.rates = _open(options)
        self.channels = self._source.channels

    @property
    def damage(self) -> str | None:
        """Why it ended early, in a sentence, if it did."""
        return self._source.damage

    def listen(self, receiving: "Receiving", report: "Report", chart: "Chart") -> None:
        """Take the sound in until it ends, or until enough was received; raises TimeIsOver."""
        source, options = self._source, self._options
        total = None if source.frames is None else source.frames / source.sample_rate
        with _deadline(options), report.out.progress("receiving", total) as meter:
            for chunk in source:
                report.hear(chunk)
                for outcome in receiving.process(chunk):
                    report.take(outcome)
                    if options.once and report.arrived:
                        return
                meter(receiving.seconds, report.state())
                if options.timeout_s is not None and receiving.seconds >= options.timeout_s:
                    raise TimeIsOver
            for outcome in receiving.flush():
                report.take(outcome)

    def close(self) -> None:
        self._source.close()


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
    raise TimeIsOver
