"""Reading the symbols of a superframe at the sender's instants, with the channel they came through.

Positions are in input samples from the start of the array given, as fractions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modem.constellation import hard_decide
from modem.equalizer import (
    TINY,
    ChannelSmoother,
    LongResponseSmoother,
    equalise,
    moving_average,
)
from modem.header import BurstHeader
from modem.profile import Profile
from modem.superframe import Layout
from modem.sync.clock import fit_from, fit_line, reliability, steady, track_delays
from modem.sync.resampler import interpolate, interpolation_table
from modem.transmitter import sync_cells

_MAX_PASSES = 6
_CHANNEL_PASSES = 4  # the channel is refined by delays that are fitted against it, until
_SETTLED = 0.01  # its change is this share of the noise: the next one would be a tenth of it
_CLOCK_TOLERANCE = 0.02e-6  # a further pass is worth it above this change of the clock
_SAME = 0.05  # shares by which noise and trust may change without a further estimate
_LOOK_REACH = 12  # carriers on either side over which the noise is taken as equal
SLIP_REACH_S = 0.045  # slips of two voice packets of 20 ms can be bridged
COHERENT = 0.8  # pilots of a good symbol agree at least so well, but at the lowest speeds
_CLOCK_SYMBOLS = 6  # fewer symbols tell less of the clock than the superframe before
_FOLLOWED = 0.5  # below this there is nothing to improve a channel estimate with
_MAX_STEP = 8.0  # samples by which a symbol may come off the place predicted for it
_HIT = 0.03  # of its power: a sync symbol noisier than that may have been hit by something
_STEADY = 8  # symbols on either side over which gains are then averaged
_PROBES = 4  # symbols that are looked for behind a slip


@dataclass(frozen=True)
class Track:
    """Payload symbols and how they were found.

    received   (symbols, carriers) cells before equalisation
    offsets    (1 + symbols,) samples of the sender from the sync symbol's window
    clock      relative duration error of the sender's samples
    delays     (symbols,) what remains [samples]; gains (symbols,) against the channel
    coherence  (symbols,) of the pilots, 0 to 1
    channel    (carriers,) complex64
    """

    received: NDArray[np.complex64]
    offsets: NDArray[np.float64]
    clock: float
    delays: NDArray[np.float64]
    gains: NDArray[np.complex128]
    coherence: NDArray[np.float32]
    channel: NDArray[np.complex64]


class SymbolTracker:
    """Finds the payload symbols of one profile in samples of one input rate.

    ratio   input samples per sample of the sender, at equal clocks
    margin  input samples that interpolation reaches beyond a position
    """

    def __init__(self, profile: Profile, input_rate: int) -> None:
        waveform = profile.numerology
        self.profile = profile
        self.ratio = input_rate / waveform.sample_rate
        self._table = interpolation_table(input_rate, waveform.sample_rate, waveform.high_hz)
        self.margin = self._table.shape[1] // 2 + 1
        self._smoothers: dict[int, ChannelSmoother | LongResponseSmoother] = {}
        for prefix in {waveform.prefix, *(speed.prefix for speed in profile.speeds)}:
            self._smoothers[prefix] = self._smoother(prefix)
        self._reach = min(max(1.5, waveform.prefix / 8), _MAX_STEP)

    def _smoother(self, prefix: int) -> ChannelSmoother | LongResponseSmoother:
        waveform, lead = self.profile.numerology, self.profile.lead
        if self.profile.reverberant:
            # What comes behind the prefix is part of the response too, if a disturbed one.
            return LongResponseSmoother(waveform, -2 * lead, 3 * prefix, prefix // 32, 2)
        if prefix > waveform.prefix:
            return LongResponseSmoother(waveform, -lead, prefix + 2 * lead, 6, 4)
        return ChannelSmoother(waveform)

    def read(
        self, x: NDArray[np.float32], window: float, step: float, offsets: NDArray[np.float64]
    ) -> NDArray[np.complex64]:
        """Cells (len(offsets), carriers) of FFT windows at window + step * offsets."""
        windows = np.empty((offsets.size, self.profile.numerology.fft_size), np.float32)
        steps = np.full(offsets.size, step)
        interpolate(x, self._table, window + step * offsets, steps, windows)
        return self.profile.numerology.demodulate(windows)

    def estimate_channel(
        self, raw: NDArray[np.complexfloating], looks: NDArray[np.floating], prefix: int
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """Channel and noise power of one look, both on all carriers; the response is as long as
        symbols of this prefix allow for."""
        smooth = self._smoothers[prefix].fit(raw, looks)
        seen = np.flatnonzero(looks > 0)
        power = float(np.average(np.abs(raw[seen]) ** 2, weights=looks[seen])) + TINY
        noise = 0.01 * power
        ratio = 0.0
        for _ in range(3):
            before, ratio = ratio, max(noise / max(power - noise, noise / 4), 1e-8)
            if abs(ratio - before) < _SAME * ratio:
                break
            channel = smooth(ratio)
            error = np.abs(raw[seen] - channel[seen]) ** 2 * looks[seen]
            noise = float(error.mean()) + TINY
        spread = np.maximum(moving_average(error, _LOOK_REACH), TINY)
        return channel, np.interp(np.arange(raw.size), seen, spread).astype(np.float32)

    def follow(
        self,
        x: NDArray[np.float32],
        window: float,
        header: BurstHeader | None,
        plan: Layout,
        clock: float,
        channel: NDArray[np.complex64],
        *,
        known_clock: bool,
    ) -> Track:
        """Read the payload's symbols at the sender's instants.

        Every pass reads all symbols with the clock of the pass before. A slip in the middle, as
        of a jitter buffer, moves the symbols behind it.
        """
        waveform = self.profile.numerology
        # With a longer prefix the response still begins where it does in the sync symbol.
        symbol_samples = waveform.fft_size + plan.speed.prefix
        offsets = np.arange(plan.symbols + 1, dtype=np.float64) * symbol_samples
        slip: int | None = None  # first symbol behind it
        settled = known_clock  # from the superframe before
        short = plan.symbols < _CLOCK_SYMBOLS
        for _ in range(_MAX_PASSES):
            step = self.ratio * (1 + clock)
            received = self.read(x, window, step, offsets)
            track = self._fit_pilots(received[1:], plan.comb, channel)
            if settled and slip is None and float(np.median(track.coherence[-3:])) < COHERENT:
                found = self._find_slip(x, window, step, offsets, plan, track)
                slip = plan.symbols
                if found is not None:
                    slip, shift = found
                    offsets[slip + 1 :] += shift
                    continue
            if short and known_clock and slip is None:
                break  # too few symbols to improve on what is known
            if short and header is not None and slip is None:
                start = self._fit_sync(received[0], header, channel)[1]
                slope, jump = fit_from(start, track.delays, track.coherence), 0.0
            else:
                slope, jump = fit_line(track.delays, track.coherence, slip)
            settled = abs(slope) < _CLOCK_TOLERANCE * symbol_samples
            if settled and (slip is not None or np.median(track.coherence[-3:]) >= COHERENT):
                break
            clock += slope / symbol_samples
            if slip is not None:
                offsets[slip + 1 :] += jump
        else:  # the last pass still changed something: the cells must be those of what is returned
            received = self.read(x, window, self.ratio * (1 + clock), offsets)
            track = self._fit_pilots(received[1:], plan.comb, channel)
        long_response = isinstance(self._smoothers[plan.speed.prefix], LongResponseSmoother)
        # A few symbols cannot tell a turn of the channel from a delay: refining would wander off.
        sync_noise: float | None = None
        passes = 1 if short and not long_response else _CHANNEL_PASSES
        for number in range(passes):
            if np.median(track.coherence) <= _FOLLOWED:
                break
            places, known = plan.comb, waveform.reference[plan.comb]
            if long_response and number:  # so many taps need more looks than the pilots are
                places, known = self._decide(track, plan)
            channel, sync_noise = self._improve(
                received, header, plan, track, places, known, sync_noise
            )
            change = float(np.mean(np.abs(channel - track.channel) ** 2))
            track = self._fit_pilots(received[1:], plan.comb, channel)
            noise = (1 - float(track.coherence.max()) ** 2) * float(np.mean(np.abs(channel) ** 2))
            if change < _SETTLED * noise and (number or not long_response):
                break
        return replace(
            track, offsets=offsets, clock=clock,
            delays=steady(track.delays, track.coherence),
            gains=steady(track.gains, track.coherence),
        )  # fmt: skip

    def equalise(self, track: Track) -> NDArray[np.complex64]:
        """Cells (symbols, carriers) as they were sent, but for noise."""
        return self.settle(track.received, track.delays, track.gains, track.channel)

    def settle(
        self,
        received: NDArray[np.complex64],
        delays: NDArray[np.float64],
        gains: NDArray[np.complex128],
        channel: NDArray[np.complex64],
    ) -> NDArray[np.complex64]:
        """Cells (symbols, carriers) with each symbol's delay and gain, and this channel taken
        off."""
        waveform = self.profile.numerology
        return equalise(received, channel, delays, gains, waveform.carriers, waveform.fft_size)

    def _fit_pilots(
        self,
        received: NDArray[np.complex64],
        pilots: NDArray[np.int64],
        channel: NDArray[np.complex64],
    ) -> Track:
        """Delay, gain and coherence of every payload symbol against a channel."""
        waveform = self.profile.numerology
        symbols = len(received)
        expected = channel[pilots] * waveform.reference[pilots]
        weighted = np.take_along_axis(received, pilots, axis=1) * np.conj(expected)
        delays = np.empty(symbols)
        gains = np.empty(symbols, np.complex128)
        coherence = np.empty(symbols, np.float32)
        track_delays(
            weighted, waveform.carriers[pilots], waveform.fft_size, self._reach,
            delays, gains, coherence,
        )  # fmt: skip
        gains /= np.mean(np.abs(expected) ** 2, axis=1) + TINY
        return Track(received, np.empty(0), 0.0, delays, gains, coherence, channel)

    def _improve(
        self,
        received: NDArray[np.complex64],
        header: BurstHeader | None,
        plan: Layout,
        track: Track,
        places: NDArray[np.int64],
        cells: NDArray[np.complex64],
        sync_noise: float | None,
    ) -> tuple[NDArray[np.complex64], float]:
        """The channel from all that is known: cells (symbols, p) of every symbol at these places,
        and the sync symbol as far as it agrees with them (a drop-out may have hit it). And the
        noise of the sync symbol, which does not change from pass to pass; None to find it."""
        waveform, prefix = self.profile.numerology, plan.speed.prefix
        turn = np.exp(
            2j * np.pi / waveform.fft_size * track.delays[:, None] * waveform.carriers[places]
        )
        seen = np.take_along_axis(received[1:], places, axis=1) * turn
        known = np.zeros(waveform.carriers.size, np.complex64)
        gains = track.gains
        if header is None:
            sync_noise = np.inf
        else:
            sync = self.without_preamble(received[0], header, track.channel, prefix)
            known, _ = self._fit_sync(sync, header, track.channel)
            if sync_noise is None:
                every = np.ones(known.size)
                sync_noise = float(self.estimate_channel(known, every, prefix)[1].mean())
            if sync_noise > _HIT * float(np.mean(np.abs(known) ** 2)):
                # The combs of the symbols differ. Without a good symbol that has all carriers, a
                # gain for each would explain a ripple in the channel, and nothing correct either.
                gains = steady(gains, track.coherence, _STEADY)
        assert sync_noise is not None
        power = np.abs(gains) ** 2
        strength = np.minimum(power / (np.median(power) + TINY), 1.0)
        heard = strength > 1e-6
        seen *= np.conj(cells)
        seen[heard] /= gains[heard, None]
        energy = np.abs(cells) ** 2
        weight = reliability(track.coherence)
        weight = np.minimum(weight / np.median(weight), 2.0) * strength * heard + TINY
        looks = np.zeros(waveform.carriers.size)
        total = np.zeros(waveform.carriers.size, np.complex128)
        each = np.broadcast_to(weight[:, None], places.shape)
        np.add.at(looks, places, energy * each)
        np.add.at(total, places, seen * each)
        channel = track.channel
        trust = -1.0
        for _ in range(2):
            error = float(np.average(np.abs(seen - channel[places] * energy) ** 2, weights=each))
            before, trust = trust, min(error / sync_noise, 1.0)
            if abs(trust - before) <= _SAME * trust:
                break
            mean = (total + trust * known) / np.maximum(looks + trust, 1e-9)
            raw = mean.astype(np.complex64)
            channel, _ = self.estimate_channel(raw, looks + trust, prefix)
        return channel, sync_noise

    def _decide(
        self, track: Track, plan: Layout
    ) -> tuple[NDArray[np.int64], NDArray[np.complex64]]:
        """Places (symbols, loaded) and cells of all that was sent, as far as decisions are right;
        a wrong one takes a neighbour, which is off by little."""
        waveform = self.profile.numerology
        cells = hard_decide(self.equalise(track), plan.speed.order, plan.speed.shape)
        np.put_along_axis(cells, plan.pilots, waveform.reference[plan.pilots], axis=1)
        places = np.broadcast_to(plan.loaded, (plan.symbols, plan.loaded.size))
        return places, np.take_along_axis(cells, places, axis=1)

    def without_preamble(
        self,
        cells: NDArray[np.complex64],
        header: BurstHeader,
        channel: NDArray[np.complex64],
        prefix: int,
    ) -> NDArray[np.complex64]:
        """Cells (carriers,) of the sync symbol, what late echoes bring in from the preamble taken
        off: all that was sent is known, and most of it is a strong tone at the preamble's end.

        Paths later than the sync symbol's prefix repeat the preamble where that prefix should go
        on: the difference of the two, behind those paths, is what disturbs the symbol.
        """
        waveform = self.profile.numerology
        size, guard = waveform.fft_size, 2 * waveform.prefix
        if self.profile.reverberant or prefix <= guard:
            return cells
        symbol = waveform.modulate(sync_cells(self.profile, header)[None], 0)
        ahead = min(size - guard, self.profile.preamble_samples)
        difference = np.zeros(2 * size)  # sent before the prefix, less what would be cyclic
        preamble = self.profile.preamble.waveform(waveform.sample_rate)
        end = size - guard
        difference[end - ahead : end] = preamble[-ahead:] - symbol[end - ahead : end]
        spectrum = np.zeros(size, np.complex128)
        spectrum[waveform.carriers] = channel
        response = np.zeros(2 * size, np.complex128)
        late = slice(guard, prefix + 2 * self.profile.lead)
        response[late] = np.fft.ifft(spectrum)[late]
        heard = np.fft.ifft(np.fft.fft(response) * np.fft.fft(difference))[size:]
        scale = np.sqrt(2.0 * waveform.carriers.size) / size
        disturbance = np.fft.fft(heard)[waveform.carriers] * scale
        return np.asarray(cells - disturbance, np.complex64)

    def _fit_sync(
        self, received: NDArray[np.complex64], header: BurstHeader, channel: NDArray[np.complex64]
    ) -> tuple[NDArray[np.complex64], float]:
        """The channel that the sync symbol shows, brought to the delay and gain of `channel`, and
        its delay against that: `channel` was estimated with an earlier idea of the clock."""
        waveform = self.profile.numerology
        known = received * np.conj(sync_cells(self.profile, header))
        delay = np.empty(1)
        gain = np.empty(1, np.complex128)
        coherence = np.empty(1, np.float32)
        track_delays(
            (known * np.conj(channel))[None], waveform.carriers[None], waveform.fft_size,
            self._reach, delay, gain, coherence,
        )  # fmt: skip
        turn = np.exp(2j * np.pi / waveform.fft_size * delay[0] * waveform.carriers)
        gain /= np.mean(np.abs(channel) ** 2) + TINY
        return np.asarray(known * turn / (gain[0] + TINY), np.complex64), float(delay[0])

    def _find_slip(
        self,
        x: NDArray[np.float32],
        window: float,
        step: float,
        offsets: NDArray[np.float64],
        plan: Layout,
        track: Track,
    ) -> tuple[int, float] | None:
        """Where the last symbols are found elsewhere: (first symbol that moves, shift), or None.

        A few symbols at the end are looked for at all shifts. Their combs of pilots interlace, so
        that together they have no second peak within reach. Then the symbol from which the shift
        holds is the one that makes the coherence of all symbols largest.
        """
        waveform = self.profile.numerology
        probes = np.arange(max(plan.symbols - _PROBES, 0), plan.symbols)
        reach = round(SLIP_REACH_S * waveform.sample_rate)
        shifts = np.arange(-reach, reach + 1, waveform.prefix // 2).astype(np.float64)
        rows = np.add.outer(shifts, offsets[probes + 1]).ravel()
        pilots = plan.comb[probes]
        cells = self.read(x, window, step, rows).reshape(shifts.size, probes.size, -1)
        cells *= np.conj(track.channel * waveform.reference)
        matched = np.zeros((shifts.size, waveform.fft_size), np.complex64)
        for probe, carriers in enumerate(pilots):
            matched[:, waveform.carriers[carriers]] += cells[:, probe, carriers]
        response = np.abs(np.fft.ifft(matched)) * waveform.fft_size
        response /= np.abs(matched).sum(axis=1, keepdims=True) + TINY
        near = np.arange(-(waveform.prefix // 2), waveform.prefix // 2 + 1)
        response = response[:, near]
        row, column = np.unravel_index(int(np.argmax(response)), response.shape)
        if response[row, column] < max(COHERENT, 1.25 * float(np.median(track.coherence[probes]))):
            return None
        shift = shifts[row] + near[column]
        agreement = []
        expected = track.channel[plan.comb] * waveform.reference[plan.comb]
        for moved in (offsets[1:], offsets[1:] + shift):
            cells = self.read(x, window, step, moved)
            matched = np.take_along_axis(cells, plan.comb, axis=1) * np.conj(expected)
            agreement.append(np.abs(matched.sum(axis=1)) / (np.abs(matched).sum(axis=1) + TINY))
        gain = np.cumsum((agreement[1] - agreement[0])[::-1])[::-1]
        return int(np.argmax(gain)), float(shift)
