"""The command `loopback`: send, simulate, receive, compare, all in memory."""

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone import locking, profiles, ready
from dialtone.errors import ExitCode, Failure
from dialtone.locking import LockOptions, Sealing
from dialtone.output import Output, duration, rate, size, times

if TYPE_CHECKING:
    import framing
    from dialtone.pipeline import Payload, Samples, Sending, Signal
    from modem.channel import Channel


@dataclass(frozen=True, slots=True)
class LoopbackOptions:
    """What the command line asked for. repair is a share, None the usual."""

    file: str
    channel: str
    profile: str | None
    speed: str | None
    folder: Path | None
    seed: int
    noise_before_s: float
    keys: LockOptions
    repair: float | None
    pixels: bool
    as_is: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """What one transfer through a channel came to.

    received       None where the transfer did not become complete
    air_seconds    length of the transmission, lead-in and tail counted, without what was
                   put ahead of it
    send_seconds, receive_seconds  time of the processor
    heard          the samples that came out of the channel, and their rate
    """

    received: "framing.Received | None"
    signal: "Signal | None"
    packets: int
    air_seconds: float
    sound_seconds: float
    send_seconds: float
    receive_seconds: float
    heard: "Samples"
    heard_rate: int


def pass_through(
    sending: "Sending",
    channel: "Channel",
    folder: Path,
    quiet_before_s: float = 0.0,
) -> Passage:
    """Send through a simulated channel and receive into a folder.

    quiet_before_s  silence ahead of the signal [s], which the channel fills with its noise
    """
    import numpy as np

    import framing
    from dialtone.pipeline import Delivered, Receiving, after_quiet

    begun = time.process_time()
    made = np.concatenate(list(sending.samples()))
    sent = time.process_time()
    sample_rate = sending.profile.sample_rate
    quiet = round(quiet_before_s * sample_rate)
    heard, heard_rate = channel.apply(after_quiet(made, quiet), sample_rate)

    received: framing.Received | None = None
    with closing(framing.Inbox(folder, sending.keys)) as inbox:
        channels = 1 if heard.ndim == 1 else heard.shape[1]
        receiving = Receiving(inbox, [heard_rate], channels)
        started = time.process_time()
        for outcome in receiving.run(heard):
            if isinstance(outcome, Delivered):
                received = outcome.received
        ended = time.process_time()
    return Passage(
        received,
        receiving.signals[-1] if receiving.signals else None,
        sending.packets,
        sending.air_seconds,
        len(heard) / heard_rate,
        sent - begun,
        ended - started,
        heard,
        heard_rate,
    )


def loopback_file(options: LoopbackOptions, out: Output) -> None:
    """Do what `dialtone loopback` was asked to do. Raises Failure unless all is exact."""
    if options.as_is and options.pixels:
        raise Failure("--as-is sends the file, --pixels the picture", "give one of them")
    sealing = _sealing(options.keys)
    ready.prepare(out)
    from dialtone import pictures
    from dialtone.pipeline import Sending
    from modem import channel

    simulated = channel.parse(options.channel, options.seed)
    profile, speed = profiles.choose(options.profile, options.speed, None)
    path = Path(options.file)
    if options.pixels:
        whole: AbstractContextManager[Payload] = nullcontext(pictures.pixels_payload(path))
    else:
        whole = pictures.file_payload(path, pack=not options.as_is)
    with (
        _folder(options.folder) as folder,
        whole as payload,
        closing(Sending(payload, profile, speed, sealing, options.repair)) as sending,
    ):
        passage = pass_through(sending, simulated, folder, options.noise_before_s)
        exact = passage.received is not None and _exact(path, passage.received, options.pixels)
        _report(sending, simulated, passage, exact, out)
    if not exact:
        raise Failure(
            "what was sent did not arrive whole" if passage.received is None else "not exact",
            "try a lower --speed or more --repair",
            ExitCode.INCOMPLETE,
        )


def _sealing(options: LockOptions) -> Sealing:
    """Without a key option: a passphrase of the moment, so that encryption is on the way."""
    if options.given():
        return locking.sealing(options)
    return locking.with_passphrase(secrets.token_hex(16))


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="dialtone-") as folder:
        yield Path(folder)


def _exact(path: Path, received: "framing.Received", pixels: bool) -> bool:
    """Whether the received file equals the sent one: byte for byte, or pixel for pixel."""
    from dialtone import pictures

    arrived = received.path
    if received.media in pictures.RESTORED_MEDIA:
        arrived = pictures.restore(arrived, received.media).path
    if pixels:
        return pictures.same_pixels(path, arrived)
    return path.read_bytes() == arrived.read_bytes()


def _report(
    sending: "Sending", channel: "Channel", passage: Passage, exact: bool, out: Output
) -> None:
    from dialtone.pipeline import bit_rate

    signal = passage.signal
    times_sending = passage.air_seconds / passage.send_seconds
    times_receiving = passage.sound_seconds / passage.receive_seconds
    facts = sending.facts(passage.packets, passage.air_seconds)
    out.event(
        "loopback",
        **facts,
        exact=exact,
        channel=str(channel),
        seed=channel.seed,
        snr_db=signal.snr_db if signal else None,
        clock_ppm=signal.clock_ppm if signal else None,
        packets_lost=signal.packets_lost if signal else None,
        times_real_time_sending=times_sending,
        times_real_time_receiving=times_receiving,
    )
    sent = sending.file_bytes or 0
    delivered = rate(bit_rate(sent, passage.air_seconds)) if exact else "nothing"
    out.say(f"{'exact' if exact else 'NOT exact'}: {sending.payload.title}, {size(sent)}")
    out.say(
        f"profile {sending.profile.name}, speed {sending.speed.number} ({sending.speed.name}), "
        f"channel {str(channel) or 'perfect'}"
    )
    out.say(f"delivered {delivered} in {duration(passage.air_seconds)} of sound")
    if signal is not None:
        out.say(
            f"SNR {signal.snr_db:.1f} dB, clock {signal.clock_ppm:+.1f} ppm, "
            f"{signal.packets_lost} of {passage.packets} packets lost"
        )
    out.say(
        f"sending {times(times_sending)} and receiving {times(times_receiving)} times faster than "
        "real time"
    )
