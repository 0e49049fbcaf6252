"""The command `send`: a file or picture into a sound file, onto stdout or through a sound card."""

import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone import locking, profiles, ready
from dialtone.errors import ExitCode, Failure
from dialtone.interrupts import HeldSignals
from dialtone.locking import LockOptions, Sealing
from dialtone.output import Output, count, duration, rate, size
from dialtone.playing import Player, PlayOptions

if TYPE_CHECKING:
    from dialtone.pipeline import Payload, Sending
    from modem import Profile, Speed

_SUFFIXES = (".wav", ".flac", ".mp3")


@dataclass(frozen=True, slots=True)
class SendOptions:
    """What the command line asked for. repair is a share, None the usual; fit_s is in seconds;
    channel is the simulated one to choose a speed for."""

    file: str
    output: str | None
    profile: str | None
    speed: str | None
    channel: str | None
    mp3_kbps: int
    keys: LockOptions
    repair: float | None
    repeat: int
    fit_s: float | None
    pixels: bool
    as_is: bool
    dry_run: bool
    playing: PlayOptions

    @property
    def plays(self) -> bool:
        """Whether a sound card has a say in it."""
        return self.output is None and (not self.dry_run or self.playing.device is not None)

    @property
    def is_mp3(self) -> bool:
        return self.output is not None and self.output.lower().endswith(".mp3")


def send_file(options: SendOptions, out: Output) -> None:
    """Do what `dialtone send` was asked to do. Raises Failure where it cannot."""
    _check(options)
    with ExitStack() as stack:
        player = stack.enter_context(Player(options.playing)) if options.plays else None
        sealing = locking.sealing(options.keys)
        ready.prepare(out)
        profile, speed = _choose(options, player, out)
        ahead_s = profile.lead_in_s + options.playing.vox_s
        profile = replace(profile, lead_in_s=ahead_s)
        payload = stack.enter_context(_payload(options, sealing, profile, speed))
        sending = _sending(options, sealing, payload, profile, speed)
        stack.enter_context(closing(sending))
        if options.dry_run:
            _report_plan(sending, out)
            return
        if player is not None:
            player.play(sending, out)
        elif options.is_mp3:
            _write_mp3(sending, options, Path(options.output or ""), out)
        else:
            _write(sending, options.output or "", None, out)
        _report(sending, options, player, out)


def _choose(options: SendOptions, player: Player | None, out: Output) -> "tuple[Profile, Speed]":
    """The profile and speed: as asked for, or the fastest that the named channel carries, or what
    the sound device was calibrated for.

    An MP3 file is such a channel: its bit rate decides, where no speed was asked for.
    """
    spec = options.channel
    if spec is None and options.is_mp3 and options.speed is None:
        spec = f"mp3={options.mp3_kbps}"
    if spec is None:
        if player is not None and options.profile is None and options.speed is None:
            known = player.defaults
            if known is not None:
                return profiles.choose(known.profile, str(known.speed), None)
        chosen = profiles.choose(options.profile, options.speed, options.output)
        if options.is_mp3:
            _check_mp3(chosen[0])
        return chosen
    import modem
    from modem.channel.codecs import MP3_KBPS

    if options.profile is not None:
        candidates = [profiles.choose(options.profile, None, options.output)[0]]
    else:
        candidates = [p for p in modem.profiles.values() if profiles.is_common(p)]
    if options.is_mp3:
        if options.profile is not None:
            _check_mp3(candidates[0])
        kbps = options.mp3_kbps
        candidates = [p for p in candidates if kbps in MP3_KBPS.get(p.sample_rate, ())]
        if not candidates:
            raise Failure(
                f"MP3 has no {kbps} kbit/s for this", "usual are 32, 64, 128, 192 and 320"
            )
    from dialtone.probe import fastest

    choice = fastest(spec, candidates)
    out.say(
        f"{spec} carries {choice.profile.name} at speed {choice.speed.number} with "
        f"{choice.margin_db:.1f} dB to spare"
    )
    return choice.profile, choice.speed


def _check_mp3(profile: "Profile") -> None:
    """Refuse what an MP3 file has no place for."""
    if not profiles.is_common(profile):
        raise Failure(
            f"an MP3 file is mono and of 48 kHz at most here, profile {profile.name} needs more",
            "write a .wav or .flac file, or take another --profile",
        )


def _check(options: SendOptions) -> None:
    """Refuse what cannot work before any work is done."""
    output = options.output
    if output is not None and options.playing.given:
        raise Failure(
            "--device, --vox, --ptt and --gain are for a sound card, and -o is for a file",
            "give one of them",
        )
    if output not in (None, "-"):
        path = Path(output)
        device = path.exists() and not path.is_file() and not path.is_dir()
        if path.suffix.lower() not in _SUFFIXES and not device:
            raise Failure(
                f"{output}: no way to write this kind of file",
                f"give a name that ends in {', '.join(_SUFFIXES)}",
            )
        if options.file != "-" and path.exists() and path.samefile(options.file):
            raise Failure("the output would replace the file to be sent", "give another name")
    if options.repeat == 0 and output not in (None, "-") and not options.dry_run:
        raise Failure("--repeat 0 never ends, and a file has to", "leave -o away, or give -o -")
    if options.channel is not None and options.speed is not None:
        raise Failure("--for and --speed exclude each other", "give one of them")
    if options.pixels and options.fit_s is not None:
        raise Failure("--pixels and --fit exclude each other", "give one of them")
    if options.as_is and (options.pixels or options.fit_s is not None):
        raise Failure("--as-is sends the file, --pixels and --fit the picture", "give one of them")
    if options.file == "-" and (options.pixels or options.fit_s is not None):
        raise Failure("--pixels and --fit need a picture file, not stdin", "give the file's name")


@contextmanager
def _payload(
    options: SendOptions, sealing: Sealing, profile: "Profile", speed: "Speed"
) -> Iterator["Payload"]:
    """What is to be sent, open while it is being sent."""
    from dialtone import pictures
    from dialtone.pipeline import Payload, planned_air_seconds

    if options.file == "-":
        yield Payload(sys.stdin.buffer, "stdin", None)
        return
    path = Path(options.file)
    if options.pixels:
        yield pictures.pixels_payload(path)
    elif options.fit_s is not None:
        air_seconds = partial(
            planned_air_seconds,
            profile=profile,
            speed=speed,
            sealing=sealing,
            repair=options.repair,
            repeat=options.repeat,
        )
        yield pictures.fitted_payload(path, options.fit_s, air_seconds)
    else:
        with pictures.file_payload(path, pack=not options.as_is) as payload:
            yield payload


def _sending(
    options: SendOptions, sealing: Sealing, payload: "Payload", profile: "Profile", speed: "Speed"
) -> "Sending":
    from dialtone.pipeline import Sending

    if not options.dry_run:
        sealing = sealing.with_one_time_keys()
    return Sending(payload, profile, speed, sealing, options.repair, options.repeat)


def _write(sending: "Sending", path: str, kbps: int | None, out: Output) -> None:
    """Make the sound and write it: whole or not at all."""
    from dialtone.audio import write_audio

    rate = sending.profile.sample_rate
    with (
        # File encoders call back into Python; a pipe may block, and must be left at once.
        HeldSignals(active=path != "-") as held,
        out.progress("writing", sending.planned_air_seconds()) as meter,
        write_audio(path, rate, kbps, sending.profile.lanes) as sink,
    ):
        for samples in sending.samples():
            sink.write(samples)
            meter(sending.air_seconds)
            held.check()


def _write_mp3(sending: "Sending", options: SendOptions, path: Path, out: Output) -> None:
    """Write an MP3 and put it in its place only if what it carries can be read back."""
    temporary = path.with_name(f".dialtone-{secrets.token_hex(6)}.part.mp3")
    try:
        _write(sending, str(temporary), options.mp3_kbps, out)
        if not _readable(temporary, sending, out):
            raise Failure(
                f"the MP3 at {options.mp3_kbps} kbit/s does not carry this speed; it was removed",
                "give a higher --mp3-kbps or a lower --speed",
                ExitCode.INCOMPLETE,
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _readable(path: Path, sending: "Sending", out: Output) -> bool:
    """Whether a sound file yields the whole transfer.

    A delivered transfer is an exact one: its trailer carries the SHA-256 of what was sent.
    """
    import framing
    from dialtone.audio import open_audio
    from dialtone.pipeline import Delivered, Receiving

    with (
        tempfile.TemporaryDirectory(prefix="dialtone-") as folder,
        open_audio(path) as source,
        # Whether it is over by now is not the question here.
        closing(framing.Inbox(Path(folder), sending.keys, clock=lambda: 0.0)) as inbox,
        out.progress("verifying", sending.air_seconds) as meter,
    ):
        receiving = Receiving(inbox, [source.sample_rate], source.channels)
        for chunk in source:
            for outcome in receiving.process(chunk):
                if isinstance(outcome, Delivered):
                    return True
            meter(receiving.seconds)
        return any(isinstance(outcome, Delivered) for outcome in receiving.flush())


def _report_plan(sending: "Sending", out: Output) -> None:
    air_seconds = sending.planned_air_seconds()
    packets = sending.packet_count
    if air_seconds is None or packets is None:
        raise Failure(
            "nobody knows how long an endless or unknown stream takes",
            "give a file, and --repeat of at least 1",
        )
    out.event("planned", **sending.facts(packets, air_seconds))
    out.say(f"would send {_summary(sending, packets, air_seconds)}")


def _report(sending: "Sending", options: SendOptions, player: Player | None, out: Output) -> None:
    facts = sending.facts(sending.packets, sending.air_seconds)
    played = {} if player is None else player.facts()
    out.event("sent", **facts, output=options.output, **played)
    out.say(f"sent {_summary(sending, sending.packets, sending.air_seconds)}")
    if player is not None:
        out.say(player.summary())
    elif options.output != "-":
        verified = ", decoded again and verified" if options.is_mp3 else ""
        out.say(f"written to {options.output}{verified}")


def _summary(sending: "Sending", packets: int, air_seconds: float) -> str:
    from dialtone.pipeline import bit_rate

    sent, payload = sending.file_bytes, sending.payload_bytes
    packed = "" if payload == sent else f", packed into {size(payload or 0)}"
    return (
        f"{sending.payload.title}: {size(sent or 0)}{packed} in {duration(air_seconds)} of sound, "
        f"{rate(bit_rate(sent, air_seconds))}\n"
        f"profile {sending.profile.name}, speed {sending.speed.number} ({sending.speed.name}), "
        f"{count(packets, 'packet')}, {sending.sealing.summary()}"
    )
