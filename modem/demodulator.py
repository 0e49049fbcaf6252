"""One superframe, from samples to soft bits: fine timing, clock, channel, equaliser, demapper.

Positions are in input samples from the start of the array given, as fractions. The receiver holds
a whole superframe before it reads the payload, so that the clock is estimated from all of it and
the samples are interpolated anew at exactly the sender's instants: rotating phases alone would
leave the carriers leaking into one another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modem.constellation import hard_decide, soft_demap
from modem.equalizer import ChannelSmoother, moving_average
from modem.events import FrameStats
from modem.header import BurstHeader, read_header
from modem.profile import Profile
from modem.superframe import Layout
from modem.sync.clock import fit_line, reliability, steady, track_delays
from modem.sync.resampler import interpolate, interpolation_table
from modem.transmitter import sync_cells

_TINY = 1e-20  # keeps the powers of digital silence off zero
_MAX_PASSES = 6
_CLOCK_TOLERANCE = 0.2e-6  # a further pass is worth it above this change of the clock
_NOISE_REACH = 12  # carriers on either side over which the noise is taken as equal
_PILOT_REACH = 40  # the same for the unbiased but sparse estimate from pilots
_SLIP_REACH_S = 0.045  # slips of two voice packets of 20 ms can be bridged
_COHERENT = 0.8  # pilots of a good symbol agree at least so well, but at the lowest speeds
_PROBES = 4  # symbols that are looked for behind a slip
_DEAD_SYMBOL = 6.0  # pilots this much noisier than the mean tell of a drop-out


@dataclass(frozen=True)
class Sync:
    """What the sync symbol told.

    window     position of its FFT window
    quality    share of the training's energy inside one prefix, 0 to 1
    header     None where it could not be read
    channel    (carriers,) complex64
    """

    window: float
    quality: float
    header: BurstHeader | None
    channel: NDArray[np.complex64]


@dataclass(frozen=True)
class Demodulated:
    """Soft bits of the payload and everything that was estimated on the way.

    llr          (cells, order) float32
    end          position of the end of the superframe
    cells        (cells,) complex64, equalised
    noise_var    (carriers,) float32, relative to unit cells
    delays_s     (symbols,) late against the sync symbol [s]
    coherence    median coherence of the pilots, 0 to 1
    channel      (carriers,) complex64
    """

    llr: NDArray[np.float32]
    end: float
    stats: FrameStats
    cells: NDArray[np.complex64]
    noise_var: NDArray[np.float32]
    delays_s: NDArray[np.float64]
    clock: float
    coherence: float
    channel: NDArray[np.complex64]


@dataclass(frozen=True)
class _Track:
    """Payload symbols and how they were found.

    received   (symbols, carriers) cells before equalisation
    offsets    (1 + symbols,) samples of the sender from the sync symbol's window
    delays     (symbols,) what remains [samples]; gains (symbols,) against the channel
    coherence  (symbols,) of the pilots, 0 to 1
    """

    received: NDArray[np.complex64]
    offsets: NDArray[np.float64]
    clock: float
    delays: NDArray[np.float64]
    gains: NDArray[np.complex128]
    coherence: NDArray[np.float32]
    channel: NDArray[np.complex64]


class Demodulator:
    """Reads superframes of one profile from samples of one input rate."""

    def __init__(self, profile: Profile, input_rate: int) -> None:
        self.profile = profile
        waveform = profile.numerology
        self._ratio = input_rate / waveform.sample_rate
        self._table = interpolation_table(input_rate, waveform.sample_rate, waveform.high_hz)
        self.margin = self._table.shape[1] // 2 + 1
        self._smoother = ChannelSmoother(waveform)

    @property
    def sync_span(self) -> float:
        """Input samples from the start of the preamble that `synchronise` reads."""
        waveform = self.profile.numerology
        samples = self.profile.preamble_samples + waveform.sync_samples + waveform.prefix
        return samples * self._ratio * 1.001 + self.margin

    def payload_span(self, symbols: int) -> float:
        """Input samples from the sync symbol's window that `demodulate` reads."""
        samples = (symbols + 1) * self.profile.numerology.symbol_samples
        return samples * self._ratio * 1.001 + self.margin

    def nominal_window(self, start: float, clock: float) -> float:
        """Where the sync symbol's FFT window lies when the superframe starts exactly here."""
        waveform = self.profile.numerology
        ahead = self.profile.preamble_samples + 1.5 * waveform.prefix
        return start + ahead * self._ratio * (1 + clock)

    def synchronise(self, x: NDArray[np.float32], start: float, clock: float) -> Sync:
        """Fine timing, channel and header of the superframe whose preamble starts near `start`.

        clock  relative duration error of the sender's samples, 0 when unknown
        """
        waveform = self.profile.numerology
        step = self._ratio * (1 + clock)
        training = waveform.training_index
        reference = waveform.reference[training]
        window = start + (self.profile.preamble_samples + waveform.prefix) * step
        sync = self._read(x, window, step, np.zeros(1))[0]
        shift, quality = self._centre(sync[training] * np.conj(reference))
        window += shift * step
        sync = self._read(x, window, step, np.zeros(1))[0]

        raw = np.zeros(waveform.carriers.size, np.complex64)
        raw[training] = sync[training] * np.conj(reference)
        looks = np.zeros(waveform.carriers.size)
        looks[training] = 1
        channel, noise = self._smooth(raw, looks)
        header_index = waveform.header_index
        gain = channel[header_index]
        power = np.abs(gain) ** 2 + _TINY
        header = read_header(
            sync[header_index] * np.conj(gain) / power, noise[header_index] / power
        )
        return Sync(window, quality, header, channel)

    def demodulate(
        self,
        x: NDArray[np.float32],
        sync: Sync,
        plan: Layout,
        clock: float,
        earlier: NDArray[np.complex64] | None = None,
    ) -> Demodulated:
        """Soft bits of a superframe with this layout.

        earlier  channel of the superframe before, which serves where the sync symbol was hit
        """
        waveform = self.profile.numerology
        track = self._follow(x, sync, plan, clock, sync.channel)
        if earlier is not None and float(np.median(track.coherence)) < _COHERENT:
            second = self._follow(x, sync, plan, clock, earlier)
            if np.median(second.coherence) > np.median(track.coherence):
                track = second
        turn = np.exp(2j * np.pi / waveform.fft_size * np.outer(track.delays, waveform.carriers))
        gain = track.gains[:, None] * track.channel
        equalised = (track.received * turn * np.conj(gain) / (np.abs(gain) ** 2 + _TINY)).astype(
            np.complex64
        )
        cells, noise_var, per_symbol = self._refine(equalised, plan)
        variance = np.multiply.outer(per_symbol, noise_var).astype(np.float32)
        llr = soft_demap(cells, variance.reshape(-1)[plan.cells], plan.speed.order)
        step = self._ratio * (1 + track.clock)
        end = sync.window + (track.offsets[-1] + waveform.fft_size + waveform.prefix / 2) * step
        first = max(int(sync.window), 0)
        level_dbfs = 20 * np.log10(max(float(np.sqrt(np.mean(x[first : int(end)] ** 2))), 1e-9))
        errors = cells - hard_decide(cells, plan.speed.order)
        stats = FrameStats(
            snr_db=float(-10 * np.log10(np.mean(noise_var[plan.loaded]))),
            evm_db=float(10 * np.log10(max(float(np.mean(np.abs(errors) ** 2)), 1e-12))),
            level_dbfs=float(level_dbfs),
            clock_ppm=track.clock * 1e6,
        )
        return Demodulated(
            llr, end, stats, cells, noise_var, track.delays / waveform.sample_rate, track.clock,
            float(np.median(track.coherence)), track.channel,
        )  # fmt: skip

    def _follow(
        self,
        x: NDArray[np.float32],
        sync: Sync,
        plan: Layout,
        clock: float,
        channel: NDArray[np.complex64],
    ) -> _Track:
        """Read the payload's symbols at the sender's instants.

        Every pass reads all symbols with the clock of the pass before. A slip in the middle, as
        of a jitter buffer, moves the symbols behind it.
        """
        waveform = self.profile.numerology
        offsets = np.arange(plan.symbols + 1) * float(waveform.symbol_samples)
        slip: int | None = None  # first symbol behind it
        settled = clock != 0  # known from the superframe before
        for _ in range(_MAX_PASSES):
            step = self._ratio * (1 + clock)
            received = self._read(x, sync.window, step, offsets)
            track = self._fit_pilots(received[1:], plan.pilots, channel)
            if settled and slip is None and float(np.median(track.coherence[-3:])) < _COHERENT:
                found = self._find_slip(x, sync.window, step, offsets, plan, track)
                slip = plan.symbols
                if found is not None:
                    slip, shift = found
                    offsets[slip + 1 :] += shift
                    continue
            slope, jump = fit_line(track.delays, track.coherence, slip)
            settled = abs(slope) < _CLOCK_TOLERANCE * waveform.symbol_samples
            if settled and (slip is not None or np.median(track.coherence[-3:]) >= _COHERENT):
                break
            clock += slope / waveform.symbol_samples
            if slip is not None:
                offsets[slip + 1 :] += jump
        channel = self._improve(received, sync.header, plan, track)
        track = self._fit_pilots(received[1:], plan.pilots, channel)
        return replace(
            track, offsets=offsets, clock=clock,
            delays=steady(track.delays, track.coherence),
            gains=steady(track.gains, track.coherence),
        )  # fmt: skip

    def _fit_pilots(
        self,
        received: NDArray[np.complex64],
        pilots: NDArray[np.int64],
        channel: NDArray[np.complex64],
    ) -> _Track:
        """Delay, gain and coherence of every payload symbol against a channel."""
        waveform = self.profile.numerology
        symbols = len(received)
        expected = channel[pilots] * waveform.reference[pilots]
        weighted = np.take_along_axis(received, pilots, axis=1) * np.conj(expected)
        delays = np.empty(symbols)
        gains = np.empty(symbols, np.complex128)
        coherence = np.empty(symbols, np.float32)
        reach = max(1.5, waveform.prefix / 8)
        track_delays(
            weighted, waveform.carriers[pilots], waveform.fft_size, reach, 0.0,
            delays, gains, coherence,
        )  # fmt: skip
        gains /= np.mean(np.abs(expected) ** 2, axis=1) + _TINY
        return _Track(received, np.empty(0), 0.0, delays, gains, coherence, channel)

    def _improve(
        self,
        received: NDArray[np.complex64],
        header: BurstHeader | None,
        plan: Layout,
        track: _Track,
    ) -> NDArray[np.complex64]:
        """The channel from all that is known: the pilots of every symbol, and the sync symbol as
        far as it agrees with them (a drop-out may have hit it)."""
        waveform = self.profile.numerology
        pilots = plan.pilots
        turn = np.exp(
            2j * np.pi / waveform.fft_size * track.delays[:, None] * waveform.carriers[pilots]
        )
        seen = np.take_along_axis(received[1:], pilots, axis=1) * turn
        power = np.abs(track.gains) ** 2
        heard = power > 1e-4 * np.median(power) + _TINY
        seen *= np.conj(waveform.reference[pilots])
        seen[heard] /= track.gains[heard, None]
        weight = reliability(track.coherence)
        weight = np.minimum(weight / np.median(weight), 2.0) * np.maximum(heard, 1e-6)
        looks = np.zeros(waveform.carriers.size)
        total = np.zeros(waveform.carriers.size, np.complex128)
        each = np.broadcast_to(weight[:, None], pilots.shape)
        np.add.at(looks, pilots, each)
        np.add.at(total, pilots, seen * each)
        everywhere = np.ones(waveform.carriers.size)
        known = None
        if header is not None:
            known = received[0] * np.conj(sync_cells(self.profile, header))
            sync_noise = float(self._smooth(known, everywhere)[1].mean())
        channel = track.channel
        for _ in range(2):
            trust = 0.0
            if known is not None:
                error = np.average(np.abs(seen - channel[pilots]) ** 2, weights=each)
                trust = min(float(error) / sync_noise, 1.0)
            both = total if known is None else total + trust * known
            channel, _ = self._smooth(both / np.maximum(looks + trust, 1e-9), looks + trust)
        return channel

    def _find_slip(
        self,
        x: NDArray[np.float32],
        window: float,
        step: float,
        offsets: NDArray[np.float64],
        plan: Layout,
        track: _Track,
    ) -> tuple[int, float] | None:
        """Where the last symbols are found elsewhere: (first symbol that moves, shift), or None.

        A few symbols at the end are looked for at all shifts. Their combs of pilots interlace, so
        that together they have no second peak within reach. Then the symbol from which the shift
        holds is the one that makes the coherence of all symbols largest.
        """
        waveform = self.profile.numerology
        probes = np.arange(max(plan.symbols - _PROBES, 0), plan.symbols)
        reach = round(_SLIP_REACH_S * waveform.sample_rate)
        shifts = np.arange(-reach, reach + 1, waveform.prefix // 2).astype(np.float64)
        rows = np.add.outer(shifts, offsets[probes + 1]).ravel()
        pilots = plan.pilots[probes]
        cells = self._read(x, window, step, rows).reshape(shifts.size, probes.size, -1)
        cells *= np.conj(track.channel * waveform.reference)
        matched = np.zeros((shifts.size, waveform.fft_size), np.complex64)
        for row, carriers in enumerate(pilots):
            matched[:, waveform.carriers[carriers]] += cells[:, row, carriers]
        response = np.abs(np.fft.ifft(matched)) * waveform.fft_size
        response /= np.abs(matched).sum(axis=1, keepdims=True) + _TINY
        near = np.arange(-(waveform.prefix // 2), waveform.prefix // 2 + 1)
        response = response[:, near]
        row, column = np.unravel_index(int(np.argmax(response)), response.shape)
        if response[row, column] < max(_COHERENT, 1.25 * float(np.median(track.coherence[probes]))):
            return None
        shift = shifts[row] + near[column]
        agreement = []
        expected = track.channel[plan.pilots] * waveform.reference[plan.pilots]
        for moved in (offsets[1:], offsets[1:] + shift):
            cells = self._read(x, window, step, moved)
            matched = np.take_along_axis(cells, plan.pilots, axis=1) * np.conj(expected)
            agreement.append(np.abs(matched.sum(axis=1)) / (np.abs(matched).sum(axis=1) + _TINY))
        gain = np.cumsum((agreement[1] - agreement[0])[::-1])[::-1]
        return int(np.argmax(gain)), float(shift)

    def _read(
        self, x: NDArray[np.float32], window: float, step: float, offsets: NDArray[np.float64]
    ) -> NDArray[np.complex64]:
        """Cells (len(offsets), carriers) of FFT windows at window + step * offsets."""
        windows = np.empty((offsets.size, self.profile.numerology.fft_size), np.float32)
        steps = np.full(offsets.size, step)
        interpolate(x, self._table, window + step * offsets, steps, windows)
        return self.profile.numerology.demodulate(windows)

    def _centre(self, raw: NDArray[np.complex64]) -> tuple[float, float]:
        """How far the FFT window must move [samples] so that the channel's response lies in the
        middle of the prefix, and the share of its energy that does."""
        waveform = self.profile.numerology
        half = waveform.fft_size // 2
        spectrum = np.zeros(half, np.complex64)
        spectrum[waveform.carriers[waveform.training_index] // 2] = raw
        response = np.abs(np.fft.ifft(spectrum)) ** 2
        total = float(response.sum())
        if total <= 0:
            return 0.0, 0.0
        delay = np.concatenate((np.arange(half - half // 4), np.arange(-half // 4, 0)))
        prefix = waveform.prefix
        kernel = np.zeros(half)
        kernel[: prefix + 1] = 1
        energy = np.fft.irfft(np.fft.rfft(response) * np.conj(np.fft.rfft(kernel)), half)
        best = int(np.argmax(energy))
        inside = (best + np.arange(prefix + 1)) % half
        centre = float(np.sum(delay[inside] * response[inside]) / response[inside].sum())
        return centre - prefix / 2, float(energy[best]) / total

    def _smooth(
        self, raw: NDArray[np.complex64], looks: NDArray[np.floating]
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """Channel and noise power of one look, both on all carriers."""
        seen = np.flatnonzero(looks > 0)
        power = float(np.average(np.abs(raw[seen]) ** 2, weights=looks[seen])) + _TINY
        noise = 0.01 * power
        for _ in range(3):
            ratio = max(noise / max(power - noise, noise / 4), 1e-8)
            channel = self._smoother.smooth(raw, looks, ratio)
            error = np.abs(raw[seen] - channel[seen]) ** 2 * looks[seen]
            noise = float(error.mean()) + _TINY
        spread = np.maximum(moving_average(error, _NOISE_REACH), _TINY)
        return channel, np.interp(np.arange(raw.size), seen, spread).astype(np.float32)

    def _refine(
        self, equalised: NDArray[np.complex64], plan: Layout
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32], NDArray[np.float32]]:
        """Data cells, noise variance by carrier and relative noise by symbol.

        Decisions give the shape of the noise from many cells but underestimate it, as errors
        beyond half the distance of two points are not seen; pilots set that right.
        """
        expected = self.profile.numerology.reference[plan.pilots]
        pilot_error = np.abs(np.take_along_axis(equalised, plan.pilots, axis=1) - expected) ** 2
        decided = np.abs(equalised - hard_decide(equalised, plan.speed.order)) ** 2
        np.put_along_axis(decided, plan.pilots, pilot_error, axis=1)
        by_symbol = np.median(decided[:, plan.loaded], axis=1)
        usual = max(float(np.median(by_symbol)), 1e-12)
        from_pilots = np.median(pilot_error, axis=1)
        usual_pilot = max(float(np.median(from_pilots)), 1e-12)
        per_symbol = by_symbol / usual
        dead = from_pilots > _DEAD_SYMBOL * usual_pilot
        per_symbol[dead] = np.maximum(from_pilots[dead] / usual_pilot, per_symbol[dead])
        per_symbol = np.clip(per_symbol, 0.5, 1e6)
        weight = 1 / per_symbol**2
        shape = moving_average(np.average(decided, axis=0, weights=weight), _NOISE_REACH)
        shape = np.maximum(shape, 1e-9)
        true = np.zeros(equalised.shape[1])
        seen = np.zeros(equalised.shape[1])
        each = np.broadcast_to(weight[:, None], plan.pilots.shape)
        np.add.at(true, plan.pilots, pilot_error * each)
        np.add.at(seen, plan.pilots, shape[plan.pilots] * each)
        seen = np.maximum(seen, 1e-12)
        excess = moving_average(true / seen, _PILOT_REACH, seen)
        noise_var = np.clip(shape * np.maximum(excess, 1.0), 1e-9, 1e9).astype(np.float32)
        return equalised.reshape(-1)[plan.cells], noise_var, per_symbol.astype(np.float32)
