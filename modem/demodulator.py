"""One superframe, from samples to soft bits: fine timing, clock, channel, equaliser, demapper.

Positions are in input samples from the start of the array given, as fractions. The receiver holds
a whole superframe before it reads the payload, so that the clock is estimated from all of it and
the samples are interpolated anew at exactly the sender's instants: rotating phases alone would
leave the carriers leaking into one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modem.constellation import hard_decide, soft_demap
from modem.equalizer import ChannelSmoother, moving_average
from modem.events import FrameStats
from modem.header import BurstHeader, read_header
from modem.profile import Profile
from modem.superframe import Layout
from modem.sync.clock import fit_line, track_delays
from modem.sync.resampler import interpolate, interpolation_table
from modem.transmitter import sync_cells

_MAX_PASSES = 5
_CLOCK_TOLERANCE = 0.2e-6  # a further pass is worth it above this change of the clock
_NOISE_REACH = 12  # carriers on either side over which the noise is taken as equal
_PILOT_REACH = 40  # the same for the unbiased but sparse estimate from pilots
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


class Demodulator:
    """Reads superframes of one profile from samples of one input rate."""

    def __init__(self, profile: Profile, input_rate: int) -> None:
        self.profile = profile
        waveform = profile.numerology
        self._ratio = input_rate / waveform.sample_rate
        self._table = interpolation_table(input_rate, waveform.sample_rate, waveform.high_hz)
        self.margin = self._table.shape[1] // 2 + 1
        self._from_training = ChannelSmoother(waveform, waveform.training_index)
        self._from_all = ChannelSmoother(waveform, np.arange(waveform.carriers.size))

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

        raw = sync[training] * np.conj(reference)
        channel, noise = self._smooth(self._from_training, raw)
        header_index = waveform.header_index
        gain = channel[header_index]
        power = np.maximum(np.abs(gain) ** 2, 1e-20)
        header_noise = np.interp(header_index, training, noise).astype(np.float32)
        header = read_header(sync[header_index] / gain, header_noise / power)
        return Sync(window, quality, header, channel)

    def demodulate(
        self, x: NDArray[np.float32], sync: Sync, plan: Layout, clock: float
    ) -> Demodulated:
        """Soft bits of a superframe with this layout.

        A sync whose header is None (it was predicted) lends its channel; otherwise the whole sync
        symbol, now known, is used to estimate the channel anew.
        """
        waveform = self.profile.numerology
        offsets = np.arange(plan.symbols + 1) * float(waveform.symbol_samples)
        pilots = plan.pilots
        pilot_bins = waveform.carriers[pilots]
        expected = waveform.reference[pilots]
        delays = np.empty(plan.symbols)
        gains = np.empty(plan.symbols, np.complex128)
        quality = np.empty(plan.symbols, np.float32)
        for _ in range(_MAX_PASSES):
            received = self._read(x, sync.window, self._ratio * (1 + clock), offsets)
            channel = sync.channel
            if sync.header is not None:
                known = sync_cells(self.profile, sync.header)
                channel, _ = self._smooth(self._from_all, received[0] * np.conj(known))
            sounded = np.take_along_axis(received[1:], pilots, axis=1)
            weighted = sounded * np.conj(channel[pilots] * expected)
            track_delays(
                weighted, pilot_bins, waveform.fft_size, 1.5, 0.0, delays, gains, quality
            )
            slope, residual = fit_line(delays, quality)
            change = slope / waveform.symbol_samples
            if abs(change) < _CLOCK_TOLERANCE:
                break
            clock += change
        turn = np.exp(
            2j * np.pi / waveform.fft_size * np.multiply.outer(_steady(delays, quality), waveform.carriers)
        )
        level = np.mean(np.abs(channel[pilots] * expected) ** 2, axis=1)
        common = _steady(gains / level, quality)
        equalised = (received[1:] * turn / (common[:, None] * channel)).astype(np.complex64)
        cells, noise_var, per_symbol = self._refine(equalised, plan)
        variance = np.multiply.outer(per_symbol, noise_var).astype(np.float32)
        llr = soft_demap(cells, variance.reshape(-1)[plan.cells], plan.speed.order)
        step = self._ratio * (1 + clock)
        end = sync.window + (offsets[-1] + waveform.fft_size + waveform.prefix / 2) * step
        first = max(int(sync.window), 0)
        level_dbfs = 20 * np.log10(max(float(np.sqrt(np.mean(x[first : int(end)] ** 2))), 1e-9))
        errors = cells - hard_decide(cells, plan.speed.order)
        stats = FrameStats(
            snr_db=float(-10 * np.log10(np.mean(noise_var[plan.loaded]))),
            evm_db=float(10 * np.log10(max(float(np.mean(np.abs(errors) ** 2)), 1e-12))),
            level_dbfs=float(level_dbfs),
            clock_ppm=float(clock * 1e6),
        )
        return Demodulated(
            llr, end, stats, cells, noise_var, delays / waveform.sample_rate, clock,
            float(np.median(quality)), channel,
        )  # fmt: skip

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
        self, smoother: ChannelSmoother, raw: NDArray[np.complex64]
    ) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
        """Channel on all carriers and noise power on the sounded ones, of one known symbol."""
        power = np.abs(raw) ** 2
        # Neighbours differ by little but noise, which their second difference shows.
        bend = raw[:-2] - 2 * raw[1:-1] + raw[2:]
        noise = float(np.mean(np.abs(bend) ** 2)) / 6 + 1e-20
        for _ in range(2):
            ratio = max(noise / max(float(power.mean()) - noise, noise / 4), 1e-8)
            channel = smoother.smooth(raw, ratio)
            spread = moving_average(np.abs(raw - channel[smoother.sounded]) ** 2, _NOISE_REACH)
            noise = float(spread.mean()) + 1e-20
        return channel, np.maximum(spread, 1e-20)

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
        per_symbol = np.maximum(by_symbol / usual, 0.5)
        dead = from_pilots > _DEAD_SYMBOL * usual_pilot
        per_symbol[dead] = np.maximum(from_pilots[dead] / usual_pilot, per_symbol[dead])
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
        noise_var = (shape * np.maximum(excess, 1.0)).astype(np.float32)
        return equalised.reshape(-1)[plan.cells], noise_var, per_symbol.astype(np.float32)


def _steady(values: NDArray, quality: NDArray[np.float32], reach: int = 2) -> NDArray:
    """Moving average over neighbouring symbols, each weighted by the coherence of its pilots."""
    return moving_average(values, reach, np.maximum(quality.astype(np.float64), 1e-3) ** 4)
