"""From samples to packets: one input, whatever it is, and what its signals were like."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import modem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

# Samples given to the receiver at a time: at most one superframe ends within so few.
_PIECE = 4096
_SIGNALS_MAX = 1024  # that are remembered; an input may be listened to for months


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
class Missed:
    """Something that was sent did not come through."""

    time_s: float
    packets: int
    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet, and the signal that brought it, which goes on changing."""

    data: bytes
    signal: Signal


class Hearing:
    """Samples of one input in, packets out.

    sample_rates  the rate of the samples, or several candidates [Hz]: until one of them shows
                  a valid burst header they are all listened at, then only that one
    observer      called with a modem.Observation per superframe and false start
    signals       the transmissions that were heard, the newest last; of very many the newest
    """

    def __init__(
        self,
        sample_rates: Sequence[int],
        channels: int = 1,
        observer: Callable[[modem.Observation], None] | None = None,
    ) -> None:
        self.channels = channels
        self.n_frames = 0
        self.signals: deque[Signal] = deque(maxlen=_SIGNALS_MAX)
        self._observer = observer
        self._read_until_s = 0.0
        self._receivers = {
            rate: modem.Receiver(rate, channels, observer=self._observe) for rate in sample_rates
        }

    @property
    def sample_rate(self) -> int:
        """The rate in use [Hz]; the first candidate while it is not decided."""
        return next(iter(self._receivers))

    @property
    def seconds(self) -> float:
        """Length of the sound so far [s]."""
        return self.n_frames / self.sample_rate

    @property
    def state(self) -> str:
        """What the receiver waits for: "searching", "aligning" or "receiving"."""
        return next(iter(self._receivers.values())).state.name.lower()

    def process(self, chunk: "Samples") -> Iterator[Heard | Missed]:
        """Take samples, (n,) or (n, channels) float32; yields what was in them."""
        for piece in pieces(chunk, _PIECE):
            self.n_frames += len(piece)
            for rate, receiver in list(self._receivers.items()):
                yield from self._handle(rate, receiver.process(piece))

    def flush(self) -> Iterator[Heard | Missed]:
        """The input has ended; yields what was still on its way."""
        for rate, receiver in list(self._receivers.items()):
            yield from self._handle(rate, receiver.flush())

    def _observe(self, observation: modem.Observation) -> None:
        if observation.duration_s:  # not a false start
            self._read_until_s = observation.time_s + observation.duration_s
        if self._observer is not None:
            self._observer(observation)

    def _handle(self, rate: int, events: Iterable[modem.Event]) -> Iterator[Heard | Missed]:
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
                    yield Heard(event.data, signal)
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


def pieces(samples: "Samples", length: int) -> Iterator["Samples"]:
    """Cut an array into pieces of at most `length` frames."""
    for start in range(0, len(samples), length):
        yield samples[start : start + length]
