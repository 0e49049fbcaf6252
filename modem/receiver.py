"""The receiver: samples of any rate in, events out. Every profile is armed; nothing is set.

Per channel a detector looks for preambles at 8 kHz. A detection leads to fine timing and the burst
header (ALIGNING), the header to the length of the superframe (RECEIVING); either way the receiver
comes back to SEARCHING. Where a preamble or header is missing between two superframes, the
receiver bridges the gap with what the last superframe told it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from math import ceil

import numpy as np
from numpy.typing import NDArray

from modem.errors import ConfigError
from modem.events import Acquired, BlockLost, Ended, Event, Lost, Packet
from modem.family import one_sided, plausible, unfit, variant_of
from modem.header import BurstHeader
from modem.history import History
from modem.observation import Observation
from modem.places import Candidate, Previous
from modem.profile import Profile
from modem.profile_table import profiles
from modem.reader import Superframe, SuperframeReader, observe
from modem.superframe import layout
from modem.sync.preamble import DETECTOR_RATE, Detection, Preamble, PreambleDetector
from modem.sync.resampler import Resampler
from modem.tracker import COHERENT

_SAME_S = 0.03  # detections this close together are one
_LOUDEST = 1e3  # samples beyond are faults of the source, and their squares would overflow
_MEMORY_S = 4.0  # a clock estimate is worth keeping over gaps of this length
_LONGEST_S = max(profile.longest_s for profile in profiles.values())
_LOOK_BACK_S = 1.1 * _LONGEST_S  # clocks differ, and one superframe ahead may have to be found
_MAX_BRIDGED = 2  # superframes in a row that may pass without a header and without a packet
_TAIL_S = ceil(
    _LONGEST_S + 1.5
)  # whole seconds of silence that flush every filter and the longest superframe
_STOPPED = "the signal stopped in the middle of a transmission"
_TRUSTED_SYNC = 0.5  # share of the training's energy that makes a channel estimate credible


class State(Enum):
    """What the receiver waits for."""

    SEARCHING = auto()
    ALIGNING = auto()
    RECEIVING = auto()


class Receiver:
    """Stage: chunks of samples in, events out; the events do not depend on the cutting.

    sample_rate  of the input, 8000 to 192000 [Hz]
    channels     1 or more; every channel is searched, each superframe is read from the best, or
                 where it has two lanes from the first two
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
        self._observer = observer
        self._profiles = tuple(
            mode for profile in profiles.values() for mode in profile.modes if not profile.variant
        )
        preambles = tuple(profile.preamble for profile in self._profiles)
        self._detectors = [PreambleDetector(preambles) for _ in range(channels)]
        self._resamplers = [Resampler(sample_rate, DETECTOR_RATE, 3400.0) for _ in range(channels)]
        self._readers: dict[tuple[str, Preamble], SuperframeReader] = {}
        self._history = History(channels)
        self._found: list[tuple[Detection, int]] = []  # with the channel, not yet looked into
        self._candidate: Candidate | None = None
        self._previous: Previous | None = None
        # Of which preamble, the clock, position where it was measured.
        self._clock: tuple[Preamble | None, float, float] = (None, 0.0, 0.0)
        # Profile of a transmission that cannot be read, up to where its next superframe may come.
        self._refused = "", 0.0
        self._resume = 0.0  # detections before this position lie inside what has been read

    @property
    def state(self) -> State:
        """What the receiver waits for now."""
        if self._candidate is None:
            return State.SEARCHING
        return State.ALIGNING if self._candidate.plan is None else State.RECEIVING

    def process(self, chunk: NDArray[np.float32]) -> list[Event]:
        """Samples (n,) or (n, channels) in, full scale 1, any n >= 0; what they complete out.

        Raises ConfigError for another number of channels.
        """
        samples = np.asarray(chunk, np.float32).reshape(
            len(chunk), self.channels if len(chunk) == 0 else -1
        )
        if samples.shape[1] != self.channels:
            raise ConfigError(f"expected {self.channels} channels, got {samples.shape[1]}")
        events: list[Event] = []
        piece = self.sample_rate // 2  # long chunks are taken in steps, so that memory stays flat
        for low in range(0, len(samples), piece):
            part = np.nan_to_num(samples[low : low + piece], posinf=0.0, neginf=0.0)
            part = np.clip(part, -_LOUDEST, _LOUDEST)
            self._history.append(part)
            for channel, resampler in enumerate(self._resamplers):
                slow = resampler.process(np.ascontiguousarray(part[:, channel]))
                detections = self._detectors[channel].process(slow)
                self._found.extend((detection, channel) for detection in detections)
            self._advance(events)
        return events

    def flush(self) -> list[Event]:
        """The events of what is left, as if silence followed; a superframe cut short is read as
        far as it goes. Further input is a new recording, whose time starts behind that silence."""
        events = self.process(np.zeros((self.sample_rate * _TAIL_S, self.channels), np.float32))
        if self._previous is not None:
            self._lose(events, "the recording ends before the transmission does")
        # What still waits for samples here was bridged to from the transmission just given up.
        self._candidate = None
        self._refused = "", 0.0
        return events

    def _advance(self, events: list[Event]) -> None:
        while True:
            if self._candidate is None:
                self._candidate = self._next_candidate()
            candidate = self._candidate
            if candidate is None:
                break
            reader = self._reader(candidate.profile)
            if candidate.sync is None or candidate.plan is None:
                if self._history.end < reader.sync_end(candidate.start):
                    break
                self._align(candidate, reader, events)
            else:
                if self._history.end < reader.payload_end(candidate.sync, candidate.plan):
                    break
                self._receive(candidate, reader, events)
        self._forget()

    def _next_candidate(self) -> Candidate | None:
        """The earliest place where a superframe may start, once nothing earlier can turn up."""
        rate = self.sample_rate
        final = min(detector.searched_s for detector in self._detectors) - _SAME_S
        while self._found:
            first = min(detection.time_s for detection, _ in self._found)
            if first * rate >= self._resume:
                break
            self._found = [item for item in self._found if item[0].time_s != first]
        first = min((item[0].time_s for item in self._found), default=np.inf)
        previous = self._previous
        if previous is not None and previous.end / rate < min(first - _SAME_S, final):
            opening = self._opening(previous.profile.preamble)
            return Candidate(previous.end, previous.channel, opening, 0.0)
        if first >= final:
            return None
        group = [item for item in self._found if item[0].time_s < first + _SAME_S]
        self._found = [item for item in self._found if item[0].time_s >= first + _SAME_S]
        detection, channel = max(group, key=lambda item: item[0].metric)
        profile = self._profiles[detection.index]
        return Candidate(detection.time_s * rate, channel, profile, detection.metric)

    def _align(self, candidate: Candidate, reader: SuperframeReader, events: list[Event]) -> None:
        clock = self._clock_of(candidate)
        sync = reader.synchronise(candidate.start, candidate.channel, clock)
        previous = self._continued(candidate)
        profile = candidate.profile
        if sync.header is not None:
            profile = variant_of(profile, sync.header)
            if not plausible(profile, sync.header):
                sync = replace(sync, header=None)
        header = sync.header
        if header is None:
            if previous is None:
                self._observe(candidate, None)
                self._candidate = None
                return
            if previous.bridged >= _MAX_BRIDGED:
                self._candidate = None
                self._lose(events, _STOPPED)
                return
            header, profile = previous.header, previous.profile
        if profile is not candidate.profile:
            reason = unfit(profile, self.sample_rate, self.channels)
            if reason:
                self._candidate = None
                self._refuse(candidate.start, profile, header, reason, events)
                return
            candidate.profile = profile
            reader = self._reader(profile)
            if sync.header is not None:
                # The upper carriers do not forgive the clock of another sender.
                known = clock if previous is not None else 0.0
                sync = reader.widen(sync, candidate.channel, known)
            else:
                assert previous is not None
                sync = replace(sync, channel=previous.sync.channel)
        if previous is not None and (sync.header is None or sync.quality < _TRUSTED_SYNC):
            sync = reader.expected(sync, previous.end, clock)
        candidate.sync = sync
        speed = candidate.profile.speed(header.speed)
        candidate.plan = layout(candidate.profile, speed, header.data_blocks)

    def _receive(self, candidate: Candidate, reader: SuperframeReader, events: list[Event]) -> None:
        assert candidate.sync is not None
        assert candidate.plan is not None
        self._candidate = None
        previous = self._continued(candidate)
        header = candidate.sync.header
        channel = candidate.channel
        clock = self._clock_of(candidate)
        frame = reader.read(
            candidate.start,
            candidate.sync,
            candidate.plan,
            channel,
            clock,
            previous.sync.channel if previous is not None else None,
            previous.coherence if previous is not None else 0.0,
        )
        if frame is None:
            self._lose(events, _STOPPED)
            return
        if frame.decoded.lost and previous is None and clock != 0:
            # The clock is that of the transmission before, whose sender may have been another one.
            afresh = reader.read(candidate.start, candidate.sync, candidate.plan, channel, 0.0)
            if afresh is not None and afresh.decoded.lost < frame.decoded.lost:
                frame = afresh
        if header is None and frame.all_lost:
            frame = reader.read_as_last(frame, channel)
        hidden = previous is None or previous.all_lost
        if hidden and header is not None and header.number and not frame.decoded.lost:
            horizon = candidate.start - _LOOK_BACK_S * self.sample_rate
            before = reader.read_before(frame, channel, max(self._resume, horizon, 0.0))
            if before is not None:
                self._report(replace(candidate, start=before.start), before, events)
        self._resume = frame.end - 1.5 * _SAME_S * self.sample_rate
        if frame.decoded.lost:
            # A slip may have brought the next superframe forward into this one.
            self._resume = frame.sync.window
        if previous is None and header is not None and frame.all_lost and frame.one_sided:
            reason = one_sided(candidate.profile)
            self._refuse(candidate.start, candidate.profile, header, reason, events)
            self._observe(candidate, frame)
            return
        if header is not None:
            time_s = frame.start / self.sample_rate
            speed, name = frame.plan.speed.number, candidate.profile.name
            events.append(Acquired(time_s, name, speed, header.number, frame.result.stats))
        self._report(candidate, frame, events)
        self._remember(candidate, frame, events)

    def _report(self, candidate: Candidate, frame: Superframe, events: list[Event]) -> None:
        time_s = frame.start / self.sample_rate
        name, speed = candidate.profile.name, frame.plan.speed.number
        events.extend(
            Packet(time_s, name, speed, data) for data in frame.decoded.packets if data is not None
        )
        if frame.decoded.lost:
            events.append(BlockLost(time_s, frame.decoded.lost))
        self._observe(candidate, frame)

    def _remember(self, candidate: Candidate, frame: Superframe, events: list[Event]) -> None:
        """Carry forward what helps with the next superframe, or end the transmission."""
        previous = self._continued(candidate)
        first = frame.start if previous is None else previous.first
        weak = candidate.profile.sync_repeats > 1 and not frame.decoded.lost
        if weak or float(np.median(frame.result.coherence)) > COHERENT:
            self._clock = (candidate.profile.preamble, frame.result.clock, frame.end)
        header = frame.sync.header
        shorter = frame.plan.data_blocks < frame.plan.speed.blocks
        if shorter or (header is not None and header.last):
            self._previous = None
            rate = self.sample_rate
            if frame.all_lost and not frame.finished:
                events.append(Lost(frame.start / rate, _STOPPED))
                return
            events.append(Ended(frame.end / rate, (frame.end - first) / rate, frame.result.stats))
            return
        bridged = 0
        coherence = float(np.median(frame.result.coherence))
        if header is None:
            assert previous is not None
            coherence = max(coherence, previous.coherence)
            header = previous.header
            bridged = previous.bridged + 1 if frame.all_lost else 0
        sync = frame.sync
        if not frame.decoded.lost:
            sync = replace(sync, channel=frame.result.channel)
        elif previous is not None:
            sync = replace(sync, channel=previous.sync.channel)
        self._previous = Previous(
            candidate.profile, candidate.channel, frame.end, header, sync, coherence, bridged,
            first, frame.all_lost,
        )  # fmt: skip

    def _lose(self, events: list[Event], reason: str) -> None:
        assert self._previous is not None
        events.append(Lost(self._previous.end / self.sample_rate, reason))
        self._previous = None

    def _refuse(
        self, start: float, profile: Profile, header: BurstHeader, reason: str, events: list[Event]
    ) -> None:
        """Tell of a transmission that cannot be read from this input, at its first superframe."""
        name, until = self._refused
        if not header.number or profile.name != name or start > until:
            events.append(Lost(start / self.sample_rate, reason))
        length = profile.longest_s * self.sample_rate
        more = 0.0 if header.last else (_MAX_BRIDGED + 1.5) * length
        self._refused = profile.name, start + more

    def _continued(self, candidate: Candidate) -> Previous | None:
        """The superframe that this one follows without a gap, if there is one."""
        previous = self._previous
        if previous is None or candidate.profile.preamble != previous.profile.preamble:
            return None
        near = abs(candidate.start - previous.end) < _SAME_S * self.sample_rate
        return previous if near else None

    def _clock_of(self, candidate: Candidate) -> float:
        preamble, clock, end = self._clock
        fresh = candidate.start - end < _MEMORY_S * self.sample_rate
        return clock if preamble == candidate.profile.preamble and fresh else 0.0

    def _reader(self, profile: Profile) -> SuperframeReader:
        key = (profile.name, profile.preamble)
        if key not in self._readers:
            self._readers[key] = SuperframeReader(profile, self.sample_rate, self._history)
        return self._readers[key]

    def _opening(self, preamble: Preamble) -> Profile:
        """The profile with which superframes of this preamble are synchronised."""
        return next(profile for profile in self._profiles if profile.preamble == preamble)

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
        self._history.drop_before(int(keep - (_LOOK_BACK_S + 0.1) * rate))

    def _observe(self, candidate: Candidate, frame: Superframe | None) -> None:
        if self._observer is not None:
            sync = candidate.sync if frame is None else frame.sync
            self._observer(
                observe(
                    candidate.profile,
                    self.sample_rate,
                    candidate.start,
                    candidate.metric,
                    sync,
                    frame,
                )
            )
