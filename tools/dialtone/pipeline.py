"""Joins the layers: a payload to samples, samples to delivered files.

    Sending     stream -> framing packets -> modem -> samples
    Receiving   samples -> modem -> framing packets -> files in the inbox

Everything that sends or receives goes through these two, whatever is at the other end: a file,
a pipe, or a simulated channel.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import framing
import modem
from dialtone.locking import Sealing
from framing.packet import parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


# Samples given to the receiver at a time: at most one superframe ends within so few.
_PIECE = 4096
_REPAIR, _REPAIR_MOST = 0.02, 0.08


@dataclass(frozen=True, slots=True)
class Payload:
    """What is to be sent.

    size        bytes in the stream; None where that is not known, as on stdin
    media       what it is, for the receiver; empty for plain bytes
    file_bytes  size of the file that the stream stands for, where it is another
    file_name   name of that file
    preview     what a receiver may show of it until it is there: of `imaging.make_preview`
    """

    stream: BinaryIO
    name: str
    size: int | None
    media: str = ""
    file_bytes: int | None = None
    file_name: str = ""
    preview: bytes = b""

    @property
    def title(self) -> str:
        """What people know it as."""
        return self.file_name or self.name


def usual_repair(size: int | None, speed: modem.Speed) -> float:
    """Share of extra packets for a payload of so many bytes: 2 %, or what one superframe holds
    where that is at most 8 %, so that a recording in two pieces still has all that is needed."""
    if not size:
        return _REPAIR
    superframe = (speed.blocks + 1) * speed.packet_bytes / size
    return superframe if _REPAIR < superframe <= _REPAIR_MOST else _REPAIR


class Sending:
    """One transfer on its way to samples."""

    def __init__(
        self,
        payload: Payload,
        profile: modem.Profile,
        speed: modem.Speed,
        sealing: Sealing,
        repair: float | None = None,
        repeat: int = 1,
    ) -> None:
        """repair: extra share of packets, None for the usual; repeat: number of passes, 0 for
        endless."""
        self.payload = payload
        self.profile = profile
        self.speed = speed
        self.sealing = sealing
        self.packets = 0
        self.n_frames = 0
        self._transmitter = modem.Transmitter(profile, speed.number)
        self._outgoing = framing.Outgoing(
            payload.stream,
            name=payload.name,
            key=sealing.key,
            packet_bytes=self._transmitter.packet_bytes,
            size=payload.size,
            media=payload.media,
            repair=usual_repair(payload.size, speed) if repair is None else repair,
            repeat=repeat,
            signer=sealing.signer,
            expires=sealing.expires,
            encrypt_first=sealing.encrypt_first,
            preview=payload.preview,
        )

    @property
    def keys(self) -> framing.Keys:
        """What opens this very transfer, whomever it is locked for."""
        return self._outgoing.keys

    @property
    def transfer(self) -> str:
        """The transfer's number: eight hexadecimal digits."""
        return self._outgoing.transfer_id

    @property
    def file_bytes(self) -> int | None:
        """Bytes of the file; None while a stream of unknown size has not ended."""
        return self.payload_bytes if self.payload.file_bytes is None else self.payload.file_bytes

    @property
    def payload_bytes(self) -> int | None:
        """Bytes that stand for the file on the air; None where the file's are not known."""
        plan = self._outgoing.plan
        return plan.file_bytes if plan else None

    @property
    def packet_count(self) -> int | None:
        """Packets of the whole transmission; None where the size is not known."""
        return self._outgoing.packet_count

    def facts(self, packets: int, air_seconds: float) -> dict[str, object]:
        """What JSON events say of a transfer."""
        return {
            "file": self.payload.title,
            "bytes": self.file_bytes,
            "payload_bytes": self.payload_bytes,
            "air_seconds": air_seconds,
            "goodput_bps": bit_rate(self.file_bytes, air_seconds),
            "profile": self.profile.name,
            "speed": self.speed.number,
            "packets": packets,
            "transfer": self.transfer,
            **self.sealing.facts(),
        }

    def planned_air_seconds(self) -> float | None:
        """Air time of the whole transmission before it is made [s]; None where not known."""
        count = self.packet_count
        return None if count is None else self._transmitter.air_seconds(count)

    @property
    def air_seconds(self) -> float:
        """Air time of the samples made so far [s]."""
        return self.n_frames / self.profile.sample_rate

    def samples(self) -> Iterator["Samples"]:
        """The transmission, piece by piece: float32 at the profile's rate, (n,) or, for a profile
        of two lanes, (n, 2)."""
        for packet in self._outgoing:
            self.packets += 1
            yield self._counted(self._transmitter.process([packet]))
        yield self._counted(self._transmitter.flush())

    def close(self) -> None:
        """Free what the transfer keeps for further passes."""
        self._outgoing.close()

    def _counted(self, samples: "Samples") -> "Samples":
        self.n_frames += len(samples)
        return samples


@dataclass(slots=True)
class Signal:
    """What is known about one transmission, collected while it is received.

    snr_db, clock_ppm  means over the superframes so far
    """

    profile: str
    speed: int
    started_s: float
    heard_s: float
    superframe: int = -1
    superframes: int = 0
    packets: int = 0
    packets_lost: int = 0
    ended: bool = False
    _snr_sum: float = 0.0
    _clock_sum: float = 0.0

    def add(self, event: modem.Acquired) -> None:
        """Take a further superframe into account."""
        self.superframe = event.superframe
        self.superframes += 1
        self.heard_s = event.time_s
        self._snr_sum += event.stats.snr_db
        self._clock_sum += event.stats.clock_ppm

    @property
    def air_seconds(self) -> float:
        """From the first superframe to what was heard last [s]."""
        return self.heard_s - self.started_s

    @property
    def snr_db(self) -> float:
        return self._snr_sum / max(self.superframes, 1)

    @property
    def clock_ppm(self) -> float:
        return self._clock_sum / max(self.superframes, 1)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A transfer is complete: its file lies in the folder."""

    received: framing.Received
    signal: Signal


@dataclass(frozen=True, slots=True)
class Known:
    """A transfer was received before, and is not taken again."""

    repeated: framing.Repeated


@dataclass(frozen=True, slots=True)
class Rejected:
    """A transfer, or a packet of it, was refused."""

    refused: framing.Refused


@dataclass(frozen=True, slots=True)
class Missed:
    """Something that was sent did not come through."""

    time_s: float
    packets: int
    reason: str


Outcome = Delivered | Known | Rejected | Missed


@dataclass
class Receiving:
    """From samples to files.

    sample_rates  the rate of the samples, or several candidates [Hz]: until one of them shows
                  a valid burst header they are all listened at, then only that one
    observer      called with a modem.Observation per superframe
    """

    inbox: framing.Inbox
    sample_rates: Sequence[int]
    channels: int = 1
    observer: Callable[[modem.Observation], None] | None = None
    signals: list[Signal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.n_frames = 0
        self.transfers: set[str] = set()  # numbers of the transfers of which packets came
        self._read_until_s = 0.0
        self._receivers = {
            rate: modem.Receiver(rate, self.channels, observer=self._observe)
            for rate in self.sample_rates
        }

    @property
    def sample_rate(self) -> int:
        """The rate in use [Hz]; the first candidate while it is not decided."""
        return next(iter(self._receivers))

    @property
    def seconds(self) -> float:
        """Length of the sound so far [s]."""
        return self.n_frames / self.sample_rate

    def process(self, chunk: "Samples") -> Iterator[Outcome]:
        """Take samples, (n,) or (n, channels) float32; yields what became of them."""
        for piece in pieces(chunk, _PIECE):
            self.n_frames += len(piece)
            yield from self._process(piece)

    def run(self, samples: "Samples") -> Iterator[Outcome]:
        """Take a whole recording; yields everything that becomes of it."""
        yield from self.process(samples)
        yield from self.flush()

    def _process(self, chunk: "Samples") -> Iterator[Outcome]:
        for rate, receiver in list(self._receivers.items()):
            yield from self._handle(rate, receiver.process(chunk))

    def flush(self) -> Iterator[Outcome]:
        """The input has ended; yields what was still on its way."""
        for rate, receiver in list(self._receivers.items()):
            yield from self._handle(rate, receiver.flush())

    def _observe(self, observation: modem.Observation) -> None:
        if observation.duration_s:  # not a false start
            self._read_until_s = observation.time_s + observation.duration_s
        if self.observer is not None:
            self.observer(observation)

    def _handle(self, rate: int, events: Iterable[modem.Event]) -> Iterator[Outcome]:
        for event in events:
            if rate not in self._receivers:
                return
            if isinstance(event, modem.Acquired):
                self._receivers = {rate: self._receivers[rate]}
                self._signal_of(event).add(event)
            if isinstance(event, modem.Lost):  # perhaps of a signal that cannot be read from this
                yield Missed(event.time_s, 0, event.reason)
            if not self.signals:
                continue
            signal = self.signals[-1]
            # Events carry where their superframe starts; what was heard reaches to its end.
            signal.heard_s = max(signal.heard_s, min(self._read_until_s, self.seconds))
            match event:
                case modem.Packet():
                    signal.packets += 1
                    yield from self._deliver(event, signal)
                case modem.BlockLost():
                    signal.packets_lost += event.count
                    yield Missed(event.time_s, event.count, "too much noise or a gap")
                case modem.Ended():
                    signal.ended = True

    def _signal_of(self, event: modem.Acquired) -> Signal:
        """The transmission that a superframe belongs to: the last one, or a new one."""
        if self.signals:
            last = self.signals[-1]
            same = (last.profile, last.speed) == (event.profile, event.speed)
            if same and not last.ended and event.superframe > last.superframe:
                return last
        self.signals.append(Signal(event.profile, event.speed, event.time_s, event.time_s))
        return self.signals[-1]

    def _deliver(self, event: modem.Packet, signal: Signal) -> Iterator[Outcome]:
        parsed = parse(event.data)
        if parsed is not None:
            self.transfers.add(parsed.transfer.hex())
        answer = self.inbox.put(event.data)
        if isinstance(answer, framing.Received):
            yield Delivered(answer, signal)
        elif isinstance(answer, framing.Repeated):
            yield Known(answer)
        elif isinstance(answer, framing.Refused):
            yield Rejected(answer)


def planned_air_seconds(
    payload: Payload,
    *,
    profile: modem.Profile,
    speed: modem.Speed,
    sealing: Sealing,
    repair: float | None,
    repeat: int,
) -> float:
    """Air time of a payload of known size with all overheads [s]; for an endless carousel, of
    one pass."""
    sending = Sending(payload, profile, speed, sealing.for_planning(), repair, repeat or 1)
    seconds = sending.planned_air_seconds()
    sending.close()
    if seconds is None:
        raise ValueError("the size of the payload is not known")
    return seconds


def bit_rate(n_bytes: int | None, seconds: float) -> float:
    """Delivered rate [bit/s]; 0 where nothing is known or no time has passed."""
    return 8 * n_bytes / seconds if n_bytes and seconds > 0 else 0.0


def after_quiet(samples: "Samples", frames: int) -> "Samples":
    """So many frames of silence, and the samples behind them."""
    import numpy as np

    return np.concatenate((np.zeros((frames, *samples.shape[1:]), np.float32), samples))


def pieces(samples: "Samples", length: int) -> Iterator["Samples"]:
    """Cut an array into pieces of at most `length` frames."""
    for start in range(0, len(samples), length):
        yield samples[start : start + length]
