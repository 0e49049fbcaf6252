"""Joins the layers: a payload to samples, samples to delivered files.

    Sending     stream -> framing packets -> modem -> samples
    Receiving   samples -> modem -> framing packets (hearing.py) -> files in the inbox

Everything that sends or receives goes through these two, whatever is at the other end: a file,
a pipe, or a simulated channel.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import framing
import modem
from dialtone.hearing import Heard, Hearing, Missed, Signal
from dialtone.locking import Sealing
from framing.latest import Latest
from framing.packet import parse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]


_TRANSFERS_MAX = 4096  # whose numbers are remembered
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


@dataclass(frozen=True, slots=True)
class Delivered:
    """A transfer is complete: its file lies in the folder. signal: that brought the last of it,
    None where that was in an earlier run."""

    received: framing.Received
    signal: Signal | None


@dataclass(frozen=True, slots=True)
class Known:
    """A transfer was received before, and is not taken again."""

    repeated: framing.Repeated


@dataclass(frozen=True, slots=True)
class Rejected:
    """A transfer, or a packet of it, was refused."""

    refused: framing.Refused


Outcome = Delivered | Known | Rejected | Missed


class Receiving:
    """From samples to files: a Hearing, and an inbox behind it; see there.

    transfers  numbers of the transfers of which packets came; of very many the newest
    """

    def __init__(
        self,
        inbox: framing.Inbox,
        sample_rates: Sequence[int],
        channels: int = 1,
        observer: Callable[[modem.Observation], None] | None = None,
    ) -> None:
        self.inbox = inbox
        self.transfers = Latest[str](_TRANSFERS_MAX)
        self._hearing = Hearing(sample_rates, channels, observer)

    @property
    def signals(self) -> Sequence[Signal]:
        """The transmissions that were heard."""
        return self._hearing.signals

    @property
    def seconds(self) -> float:
        """Length of the sound so far [s]."""
        return self._hearing.seconds

    def process(self, chunk: "Samples") -> Iterator[Outcome]:
        """Take samples, (n,) or (n, channels) float32; yields what became of them."""
        yield from self._outcomes(self._hearing.process(chunk))

    def run(self, samples: "Samples") -> Iterator[Outcome]:
        """Take a whole recording; yields everything that becomes of it."""
        yield from self.process(samples)
        yield from self.flush()

    def flush(self) -> Iterator[Outcome]:
        """The input has ended; yields what was still on its way."""
        yield from self._outcomes(self._hearing.flush())

    def _outcomes(self, heard: Iterable[Heard | Missed]) -> Iterator[Outcome]:
        for item in heard:
            if isinstance(item, Missed):
                yield item
                continue
            parsed = parse(item.data)
            if parsed is not None:
                self.transfers.add(parsed.transfer.hex())
            answer = self.inbox.put(item.data)
            if answer is not None:
                yield outcome_of(answer, item.signal)


def outcome_of(
    answer: "framing.Received | framing.Repeated | framing.Refused", signal: Signal | None
) -> Delivered | Known | Rejected:
    """What an inbox says, with the signal that brought it."""
    if isinstance(answer, framing.Received):
        return Delivered(answer, signal)
    return Known(answer) if isinstance(answer, framing.Repeated) else Rejected(answer)


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
