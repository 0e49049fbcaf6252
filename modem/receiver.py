"""The receiver: samples of any rate in, events out. Every profile is armed; nothing is set.

Per channel a detector looks for preambles at 8 kHz. A detection leads to fine timing and the burst
header (ALIGNING), the header to the length of the superframe (RECEIVING); either way the receiver
comes back to SEARCHING. Where a preamble or header is missing between two superframes, the
receiver bridges the gap with what the last superframe told it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from modem.demodulator import Demodulated, Demodulator, Sync
from modem.errors import ConfigError
from modem.events import Acquired, BlockLost, Ended, Event, Lost, Packet
from modem.header import BurstHeader
from modem.history import History
from modem.observation import Observation
from modem.profile import Profile, profiles
from modem.superframe import DecodedBlocks, Layout, layout
from modem.sync.preamble import DETECTOR_RATE, Detection, PreambleDetector
from modem.sync.resampler import Resampler

_SAME_S = 0.03  # detections this close together are one
_MEMORY_S = 4.0  # a clock estimate is worth keeping over gaps of this length
_MAX_BRIDGED = 2  # superframes in a row that may be read without a header of their own
_ABSENT = 0.5  # coherence of the pilots below which there is no signal
_TAIL_S = 4  # silence that flushes every filter and the longest superframe [s]
_STOPPED = "the signal stopped in the middle of a transmission"
_TRUSTED_SYNC = 0.5  # share of the training's energy that makes a channel estimate credible


class State(Enum):
    """What the receiver waits for."""

    SEARCHING = auto()
    ALIGNING = auto()
    RECEIVING = auto()


@dataclass(slots=True)
class _Candidate:
    """A superframe that may start here. Positions are absolute input samples."""

    start: float
    channel: int
    profile: Profile
    metric: float
    sync: Sync | None = None
    plan: Layout | None = None


@dataclass(slots=True)
class _Previous:
    """The last superframe that was read: where the next starts if nothing slips."""

    profile: Profile
    channel: int
    end: float
    header: BurstHeader
    sync: Sync
    bridged: int
    first: float


class Receiver:
    """Stage: chunks of samples in, events out; the events do not depend on the cutting.

    sample_rate  of the input, 8000 to 192000 [Hz]
    channels     1 or more; every channel is searched, each superframe is read from the best
    observer     called with an Observation for every superframe and every false start
    """

    def __init__(
        self,
        sample_rate: int,
        channels: int = 1,
        observer: Callable[[Observation], None] | None = None,
    ) -> None:
        if not 8000 <= sample_rate <= 192000:
            raise ConfigError(f"sample_rate must be 8000 to 192000 Hz, got {sample_rate}")
        if channels < 1:
            raise ConfigError(f"channels must be at least 1, got {channels}")
        self.sample_rate = sample_rate
        self.channels = channels
        self.state = State.SEARCHING
        self._observer = observer
        self._profiles = tuple(profiles.values())
        preambles = tuple(profile.preamble for profile in self._profiles)
        self._detectors = [PreambleDetector(preambles) for _ in range(channels)]
        self._resamplers = [Resampler(sample_rate, DETECTOR_RATE, 3400.0) for _ in range(channels)]
        self._demodulators: dict[str, Demodulator] = {}
        self._history = History(channels)
        self._found: deque[tuple[Detection, int]] = deque()
        self._candidate: _Candidate | None = None
        self._previous: _Previous | None = None
        self._clock = ("", 0.0, 0.0)  # profile, clock, position where it was measured
        self._resume = 0.0  # detections before this position lie inside what has been read

    def process(self, chunk: NDArray[np.float32]) -> list[Event]:
        """Samples (n,) or (n, channels) in, what they complete out."""
        samples = np.asarray(chunk, np.float32).reshape(len(chunk), -1)
        if samples.shape[1] != self.channels:
            raise ConfigError(f"expected {self.channels} channels, got {samples.shape[1]}")
        events: list[Event] = []
        piece = self.sample_rate // 2  # long chunks are taken in steps, so that memory stays flat
        for low in range(0, len(samples), piece):
            part = np.nan_to_num(samples[low : low + piece], posinf=0.0, neginf=0.0)
            self._history.append(part)
            for channel, resampler in enumerate(self._resamplers):
                slow = resampler.process(np.ascontiguousarray(part[:, channel]))
                self._detected(self._detectors[channel].process(slow), channel)
            self._advance(events)
        return events

    def flush(self) -> list[Event]:
        """The events of what is left, as if silence followed; a superframe cut short is read as
        far as it goes."""
        events = self.process(np.zeros((self.sample_rate * _TAIL_S, self.channels), np.float32))
        if self._previous is not None:
            self._lose(events, "the recording ends before the transmission does")
        return events

    def _detected(self, detections: list[Detection], channel: int) -> None:
        for detection in detections:
            self._found.append((detection, channel))

    def _advance(self, events: list[Event]) -> None:
        while True:
            if self._candidate is None:
                self._candidate = self._next_candidate()
            candidate = self._candidate
            if candidate is None:
                self.state = State.SEARCHING
                break
            if candidate.sync is None or candidate.plan is None:
                self.state = State.ALIGNING
                needed = candidate.start + self._demodulator(candidate).sync_span
                if self._history.end < needed:
                    break
                self._align(candidate, needed, events)
            else:
                self.state = State.RECEIVING
                needed = candidate.sync.window + self._demodulator(candidate).payload_span(
                    candidate.plan.symbols
                )
                if self._history.end < needed:
                    break
                self._receive(candidate, needed, events)
        self._forget()

    def _next_candidate(self) -> _Candidate | None:
        """The earliest place where a superframe may start, once nothing earlier can turn up."""
        rate = self.sample_rate
        final = min(detector.searched_s for detector in self._detectors) - _SAME_S
        while self._found:
            first = min(detection.time_s for detection, _ in self._found)
            if first * rate >= self._resume:
                break
            self._found = deque(item for item in self._found if item[0].time_s != first)
        first = min((item[0].time_s for item in self._found), default=np.inf)
        previous = self._previous
        if previous is not None and previous.end / rate < min(first - _SAME_S, final):
            return _Candidate(previous.end, previous.channel, previous.profile, 0.0)
        if first >= final:
            return None
        group = [item for item in self._found if item[0].time_s < first + _SAME_S]
        self._found = deque(item for item in self._found if item[0].time_s >= first + _SAME_S)
        detection, channel = max(group, key=lambda item: item[0].metric)
        profile = self._profiles[detection.index]
        return _Candidate(detection.time_s * rate, channel, profile, detection.metric)

    def _align(self, candidate: _Candidate, needed: float, events: list[Event]) -> None:
        demodulator = self._demodulator(candidate)
        x, origin = self._history.view(
            candidate.start - demodulator.margin, needed, candidate.channel
        )
        clock = self._clock_of(candidate)
        sync = demodulator.synchronise(x, candidate.start - origin, clock)
        header = sync.header
        if header is not None and not self._plausible(candidate.profile, header):
            header = None
        previous = self._previous
        if previous is None or not self._continues(candidate, previous):
            previous = None
        known = header
        if known is None:
            if previous is None:
                self._observe(candidate)
                self._candidate = None
                return
            if previous.bridged >= _MAX_BRIDGED:
                self._candidate = None
                self._lose(events, _STOPPED)
                return
            known = previous.header
        window = sync.window + origin
        if previous is not None and sync.quality < _TRUSTED_SYNC:
            window = demodulator.nominal_window(previous.end, clock)
        candidate.sync = replace(sync, window=window, header=header)
        candidate.plan = self._plan(candidate.profile, known)

    def _receive(self, candidate: _Candidate, needed: float, events: list[Event]) -> None:
        assert candidate.sync is not None
        assert candidate.plan is not None
        self._candidate = None
        demodulator = self._demodulator(candidate)
        x, origin = self._history.view(
            candidate.sync.window - demodulator.margin, needed, candidate.channel
        )
        sync = replace(candidate.sync, window=candidate.sync.window - origin)
        previous = self._previous
        earlier = None
        if previous is not None and self._continues(candidate, previous):
            earlier = previous.sync.channel
        result = demodulator.demodulate(x, sync, candidate.plan, self._clock_of(candidate), earlier)
        if sync.header is None and result.coherence < _ABSENT:
            self._lose(events, _STOPPED)
            return
        decoded = candidate.plan.decode(result.llr)
        end = result.end + origin
        self._resume = end - 1.5 * _SAME_S * self.sample_rate
        if decoded.lost:
            # A slip may have brought the next superframe forward into this one.
            self._resume = candidate.sync.window
        time_s = candidate.start / self.sample_rate
        profile, speed = candidate.profile.name, candidate.plan.speed.number
        header = candidate.sync.header
        if header is not None:
            events.append(Acquired(time_s, profile, speed, header.number, result.stats))
        events.extend(
            Packet(time_s, profile, speed, data) for data in decoded.packets if data is not None
        )
        if decoded.lost:
            events.append(BlockLost(time_s, decoded.lost))
        self._observe(candidate, result, decoded, end)
        self._remember(candidate, result, decoded, end, events)

    def _remember(
        self,
        candidate: _Candidate,
        result: Demodulated,
        decoded: DecodedBlocks,
        end: float,
        events: list[Event],
    ) -> None:
        """Carry forward what helps with the next superframe, or end the transmission."""
        assert candidate.sync is not None
        previous = self._previous
        if decoded.lost < len(decoded.packets):
            self._clock = (candidate.profile.name, result.clock, end)
        first = candidate.start
        if previous is not None and self._continues(candidate, previous):
            first = previous.first
        header = candidate.sync.header
        if header is not None and header.last:
            self._previous = None
            rate = self.sample_rate
            events.append(Ended(end / rate, (end - first) / rate, result.stats))
            return
        bridged = 0
        if header is None:
            assert previous is not None
            bridged = previous.bridged + 1
            header = previous.header
        if bridged and decoded.lost < len(decoded.packets):
            bridged = 0
        sync = candidate.sync
        if not decoded.lost:
            sync = replace(sync, channel=result.channel)
        elif previous is not None and self._continues(candidate, previous):
            sync = replace(sync, channel=previous.sync.channel)
        self._previous = _Previous(
            candidate.profile, candidate.channel, end, header, sync, bridged, first
        )

    def _lose(self, events: list[Event], reason: str) -> None:
        assert self._previous is not None
        events.append(Lost(self._previous.end / self.sample_rate, reason))
        self._previous = None

    def _continues(self, candidate: _Candidate, previous: _Previous) -> bool:
        near = abs(candidate.start - previous.end) < _SAME_S * self.sample_rate
        return near and candidate.profile is previous.profile

    def _clock_of(self, candidate: _Candidate) -> float:
        name, clock, end = self._clock
        fresh = candidate.start - end < _MEMORY_S * self.sample_rate
        return clock if name == candidate.profile.name and fresh else 0.0

    def _demodulator(self, candidate: _Candidate) -> Demodulator:
        profile = candidate.profile
        if profile.name not in self._demodulators:
            self._demodulators[profile.name] = Demodulator(profile, self.sample_rate)
        return self._demodulators[profile.name]

    @staticmethod
    def _plausible(profile: Profile, header: BurstHeader) -> bool:
        if header.speed > len(profile.speeds):
            return False
        full = profile.speed(header.speed).blocks
        return header.data_blocks <= full and (header.last or header.data_blocks == full)

    @staticmethod
    def _plan(profile: Profile, header: BurstHeader) -> Layout:
        return layout(profile, profile.speed(header.speed), header.data_blocks)

    def _forget(self) -> None:
        """Drop samples that nothing can ask for any more."""
        rate = self.sample_rate
        searched = min(detector.searched_s for detector in self._detectors)
        keep = (searched - 2 * _SAME_S) * rate
        if self._candidate is not None:
            keep = min(keep, self._candidate.start)
        if self._found:
            keep = min(keep, min(item[0].time_s for item in self._found) * rate)
        if self._previous is not None:
            keep = min(keep, self._previous.end - _SAME_S * rate)
        self._history.drop_before(int(keep) - rate // 10)

    def _observe(
        self,
        candidate: _Candidate,
        result: Demodulated | None = None,
        decoded: DecodedBlocks | None = None,
        end: float | None = None,
    ) -> None:
        if self._observer is None:
            return
        waveform = candidate.profile.numerology
        nothing = np.full(waveform.carriers.size, np.nan, np.float32)
        rate = self.sample_rate
        self._observer(
            Observation(
                time_s=candidate.start / rate,
                duration_s=0.0 if end is None else (end - candidate.start) / rate,
                profile=candidate.profile.name,
                metric=candidate.metric,
                header=candidate.sync.header if candidate.sync else None,
                blocks=decoded.blocks if decoded else 0,
                blocks_failed=decoded.failed if decoded else 0,
                packets=len(decoded.packets) - decoded.lost if decoded else 0,
                stats=result.stats if result else None,
                carrier_hz=waveform.carrier_hz,
                snr_db=-10 * np.log10(result.noise_var) if result else nothing,
                constellation=result.cells[:: max(result.cells.size // 4000, 1)].copy()
                if result
                else np.empty(0, np.complex64),
                delays_s=result.delays_s.copy() if result else np.empty(0),
            )
        )
