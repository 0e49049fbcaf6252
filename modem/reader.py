"""Superframes out of the receiver's memory, by absolute position.

Beside the plain case there are two in which a superframe is read without its own header: the one
before a superframe that was read, and the last one of a transmission, of unknown length.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modem.demodulator import Demodulated, Demodulator, Sync
from modem.history import History
from modem.lanes import alike
from modem.observation import Observation
from modem.profile import Profile
from modem.superframe import DecodedBlocks, Layout, layout

_ABSENT = 0.5  # coherence of the pilots below which there is no signal
_ABSENT_WEAK = 0.25  # the same where superframes are read below the noise
_HEARD = 0.7  # the same for a single symbol


@dataclass(frozen=True)
class Superframe:
    """One superframe as it was read; positions are absolute input samples.

    finished  whether there is a signal in its last quarter
    """

    start: float
    end: float
    sync: Sync
    plan: Layout
    result: Demodulated
    decoded: DecodedBlocks
    finished: bool

    @property
    def all_lost(self) -> bool:
        return self.decoded.lost == len(self.decoded.packets)

    @property
    def one_sided(self) -> bool:
        """Whether this is of two lanes, and the recording does not tell them apart."""
        return self.plan.profile.lanes > 1 and alike(self.result.channel)


class SuperframeReader:
    """Reads superframes of one profile."""

    def __init__(self, profile: Profile, input_rate: int, history: History) -> None:
        self.profile = profile
        self._demodulator = Demodulator(profile, input_rate)
        self._history = history

    def sync_end(self, start: float) -> float:
        """Up to where samples must have come before a superframe's sync symbol can be read."""
        return start + self._demodulator.sync_span

    def payload_end(self, sync: Sync, plan: Layout) -> float:
        """The same for its payload."""
        return sync.window + self._demodulator.payload_span(plan)

    def synchronise(self, start: float, channel: int, clock: float) -> Sync:
        """The sync symbol of the superframe whose preamble starts near `start`."""
        x, origin = self._history.view(
            start - self._demodulator.margin, self.sync_end(start), channel
        )
        sync = self._demodulator.synchronise(x, start - origin, clock)
        return replace(sync, window=sync.window + origin)

    def widen(self, sync: Sync, channel: int, clock: float) -> Sync:
        """What the same sync symbol shows of all of this profile's carriers and lanes, after its
        header was read with the profile that shares the preamble."""
        sides, origin = self._view(
            sync.window - self._demodulator.margin,
            sync.window + self._demodulator.sync_span,
            channel,
        )
        here = replace(sync, window=sync.window - origin)
        return replace(self._demodulator.widen(sides, here, clock), window=sync.window)

    def _view(self, low: float, high: float, channel: int) -> tuple[list[NDArray[np.float32]], int]:
        """The samples between two positions on the sides that hold the lanes."""
        channels = range(self.profile.lanes) if self.profile.lanes > 1 else (channel,)
        views = [self._history.view(low, high, side) for side in channels]
        return [view for view, _ in views], views[0][1]

    def expected(self, sync: Sync, start: float, clock: float) -> Sync:
        """The sync symbol placed where it must be if the superframe starts exactly here."""
        return replace(sync, window=self._demodulator.nominal_window(start, clock))

    def read(
        self,
        start: float,
        sync: Sync,
        plan: Layout,
        channel: int,
        clock: float,
        earlier: NDArray[np.complex64] | None = None,
        coherence: float = 0.0,
    ) -> Superframe | None:
        """The superframe, or None where it has no header of its own and no signal is there.

        earlier    channel estimate of the superframe before, if this one continues it
        coherence  of that superframe's pilots, 0 when unknown
        """
        margin = self._demodulator.margin
        sides, origin = self._view(sync.window - margin, self.payload_end(sync, plan), channel)
        here = replace(sync, window=sync.window - origin)
        result = self._demodulator.demodulate(sides, here, plan, clock, earlier)
        heard = float(np.median(result.coherence))
        absent = _ABSENT if self.profile.sync_repeats == 1 else _ABSENT_WEAK
        if sync.header is None and heard < max(absent, 0.8 * coherence):
            return None
        finished = float(np.median(result.coherence[-(plan.symbols // 4 + 1) :])) >= absent
        decoded = plan.decode(result.llr)
        return Superframe(start, result.end + origin, sync, plan, result, decoded, finished)

    def read_before(self, frame: Superframe, channel: int, horizon: float) -> Superframe | None:
        """The full superframe before this one, if it does not start far ahead of `horizon`.

        A drop-out in its preamble or sync symbol, or the start of the recording, hides it only
        from those who do not know where it lies, how it is built and how its channel looks.
        """
        speed = frame.plan.speed
        plan = layout(self.profile, speed, speed.blocks)
        clock = frame.result.clock
        length = self._demodulator.superframe_span(plan, clock)
        window = frame.sync.window - length
        if window < horizon - 0.2 * length:
            return None
        sync = Sync(window, 0.0, None, frame.result.channel)
        before = self.read(frame.start - length, sync, plan, channel, clock)
        return None if before is None or before.all_lost else before

    def read_as_last(self, frame: Superframe, channel: int) -> Superframe:
        """A superframe that was taken for a full one, read anew as a shorter one.

        The pilots tell how many symbols there are, which leaves one or two numbers of blocks.
        """
        heard = np.flatnonzero(frame.result.coherence > _HEARD)
        symbols = int(heard[-1]) + 1 if heard.size else 0
        full = frame.plan
        guess = symbols * full.data_blocks // full.symbols
        for blocks in range(max(guess - 2, 1), min(guess + 3, full.data_blocks)):
            plan = layout(self.profile, full.speed, blocks)
            if plan.symbols != symbols:
                continue
            result = frame.result
            shorter = self.read(
                frame.start, frame.sync, plan, channel, result.clock, result.channel
            )
            if shorter is not None and not shorter.all_lost:
                return shorter
        return frame


def observe(
    profile: Profile,
    rate: int,
    start: float,
    metric: float,
    sync: Sync | None,
    frame: Superframe | None,
) -> Observation:
    """What an observer is told of a superframe, or of a false start where there is none."""
    carrier_hz = np.tile(profile.numerology.carrier_hz, profile.lanes)
    result = None if frame is None else frame.result
    decoded = None if frame is None else frame.decoded
    nothing = np.full(carrier_hz.size, np.nan, np.float32)
    return Observation(
        time_s=start / rate,
        duration_s=0.0 if frame is None else (frame.end - start) / rate,
        profile=profile.name,
        metric=metric,
        header=None if sync is None else sync.header,
        blocks=decoded.blocks if decoded else 0,
        blocks_failed=decoded.failed if decoded else 0,
        packets=len(decoded.packets) - decoded.lost if decoded else 0,
        stats=result.stats if result else None,
        carrier_hz=carrier_hz,
        snr_db=-10 * np.log10(result.noise_var) if result else nothing,
        constellation=result.cells[:: max(result.cells.size // 4000, 1)].copy()
        if result
        else np.empty(0, np.complex64),
        delays_s=result.delays_s.copy() if result else np.empty(0),
    )
