"""One superframe, from samples to soft bits: fine timing, clock, channel, equaliser, demapper.

Positions are in input samples from the start of the array given, as fractions. The receiver holds
a whole superframe before it reads the payload, so that the clock is estimated from all of it and
the samples are interpolated anew at exactly the sender's instants: rotating phases alone would
leave the carriers leaking into one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modem.constellation import error_power, soft_demap
from modem.equalizer import TINY
from modem.events import FrameStats
from modem.header import BurstHeader, read_header
from modem.lanes import separate
from modem.noise import estimate_noise
from modem.profile import Profile
from modem.superframe import Layout
from modem.tracker import COHERENT, SLIP_REACH_S, SymbolTracker, Track
from modem.transmitter import sync_cells
from modem.weak import KNOWN_REACH, SHOWN_REACH, WeakReader

_WEAK_DB = 5.0  # below it a symbol's own pilots tell too little of its delay
_USUAL_CLOCK = 220e-6  # clocks of sound cards differ by no more
_CARRIER_SHIFT = 0.25  # carriers that the clock may shift the highest one by unnoticed
_FADED = 0.1  # power of a channel against the one before, below which something took the signal
_SAME_LEVEL = 0.1  # by which sync symbol and payload may differ in amplitude


@dataclass(frozen=True)
class Sync:
    """What the sync symbol told.

    window     position of its FFT window
    quality    share of the training's energy inside one prefix, 0 to 1
    header     None where it could not be read
    channel    (lanes * carriers,) complex64, or what `Demodulated` has
    clock      relative duration error of the sender's samples, 0 when unknown
    snr_db     mean over the carriers, infinite where a single symbol does not tell
    """

    window: float
    quality: float
    header: BurstHeader | None
    channel: NDArray[np.complex64]
    clock: float = 0.0
    snr_db: float = np.inf


@dataclass(frozen=True)
class Demodulated:
    """Soft bits of the payload and everything that was estimated on the way.

    llr          (cells, order) float32
    end          position of the end of the superframe
    stats        what the events tell of it
    cells        (cells,) complex64, equalised
    noise_var    (lanes * carriers,) float32, relative to unit cells; NaN where no data is sent
    delays_s     (symbols,) late against the channel estimate, clock and slip taken off [s]
    clock        relative duration error of the sender's samples
    coherence    (symbols,) of the pilots, 0 to 1
    channel      (lanes * carriers,) complex64, of the sum of the lanes on each side; with two lanes
                 that of their difference follows
    """

    llr: NDArray[np.float32]
    end: float
    stats: FrameStats
    cells: NDArray[np.complex64]
    noise_var: NDArray[np.float32]
    delays_s: NDArray[np.float64]
    clock: float
    coherence: NDArray[np.float32]
    channel: NDArray[np.complex64]


class Demodulator:
    """Reads superframes of one profile from samples of one input rate."""

    def __init__(self, profile: Profile, input_rate: int) -> None:
        self.profile = profile
        self._tracker = SymbolTracker(profile, input_rate)
        self._weak = WeakReader(profile, self._tracker) if profile.sync_repeats > 1 else None
        self.margin = self._tracker.margin

    @property
    def sync_span(self) -> float:
        """Input samples from the start of the preamble that `synchronise` reads."""
        waveform = self.profile.numerology
        samples = self.profile.superframe_samples(0, 0) + waveform.prefix
        return samples * self._tracker.ratio * 1.001 + self.margin

    def payload_span(self, plan: Layout) -> float:
        """Input samples from the sync symbol's window that `demodulate` reads."""
        waveform = self.profile.numerology
        samples = (plan.symbols + self.profile.lanes) * float(waveform.fft_size + plan.speed.prefix)
        samples += SLIP_REACH_S * waveform.sample_rate
        return samples * self._tracker.ratio * 1.001 + self.margin

    def superframe_span(self, plan: Layout, clock: float) -> float:
        """Length of a superframe with this layout [input samples]."""
        samples = self.profile.superframe_samples(plan.symbols, plan.speed.prefix)
        return samples * self._tracker.ratio * (1 + clock)

    def nominal_window(self, start: float, clock: float) -> float:
        """Where the sync symbol's FFT window lies when the superframe starts exactly here."""
        waveform = self.profile.numerology
        ahead = self.profile.preamble_samples + waveform.sync_samples - waveform.fft_size
        ahead += (self.profile.sync_repeats - 1) * waveform.symbol_samples - self.profile.lead
        return start + ahead * self._tracker.ratio * (1 + clock)

    def synchronise(self, x: NDArray[np.float32], start: float, clock: float) -> Sync:
        """Fine timing, channel and header of the superframe whose preamble starts near `start`.

        clock  relative duration error of the sender's samples, 0 when unknown
        """
        if self._weak is not None:
            found = self._weak.synchronise(x, start, clock)
            return Sync(
                found.window, found.quality, found.header, found.channel, found.clock, found.snr_db
            )
        waveform = self.profile.numerology
        ratio = self._tracker.ratio
        training = waveform.training_index
        reference = waveform.reference[training]
        ahead = self.profile.preamble_samples + waveform.prefix
        if clock == 0 and waveform.carriers[-1] * _USUAL_CLOCK > _CARRIER_SHIFT:
            clock = self._first_clock(x, start + ahead * ratio, training, reference)
        step = ratio * (1 + clock)
        window = start + ahead * step
        sync = self._tracker.read(x, window, step, np.zeros(1))[0]
        shift, quality = self._centre(sync[training] * np.conj(reference))
        window += shift * step
        sync = self._tracker.read(x, window, step, np.zeros(1))[0]

        raw = np.zeros(waveform.carriers.size, np.complex64)
        raw[training] = sync[training] * np.conj(reference)
        looks = np.zeros(waveform.carriers.size)
        looks[training] = 1
        channel, noise = self._tracker.estimate_channel(raw, looks, waveform.prefix)
        header_index = waveform.header_index
        gain = channel[header_index]
        power = np.abs(gain) ** 2 + TINY
        turned = sync[header_index] * np.conj(gain * waveform.reference[header_index])
        header = read_header(turned / power, noise[header_index] / power)
        if header is not None and header.speed <= len(self.profile.speeds):
            prefix = self.profile.speed(header.speed).prefix
            if self.profile.reverberant or prefix > waveform.prefix:
                # Now all carriers are known, and how long a response is to be expected.
                turn = np.conj(sync_cells(self.profile, header))
                looks = np.ones(turn.size)
                channel, _ = self._tracker.estimate_channel(sync * turn, looks, prefix)
                for _ in range(2):
                    clean = self._tracker.without_preamble(sync, header, channel, prefix)
                    channel, _ = self._tracker.estimate_channel(clean * turn, looks, prefix)
        return Sync(window, quality, header, channel, clock)

    def widen(self, sides: Sequence[NDArray[np.float32]], sync: Sync, clock: float) -> Sync:
        """What the sync symbol shows of all carriers and lanes, once its header, read with the
        profile that shares its preamble, tells that it is of this one."""
        assert sync.header is not None
        waveform = self.profile.numerology
        sent = sync_cells(self.profile, sync.header)
        loudest = max(sides, key=lambda x: float(np.mean(x**2)))
        if clock == 0 and waveform.carriers[-1] * _USUAL_CLOCK > _CARRIER_SHIFT:
            everything = np.arange(sent.size)
            clock = self._first_clock(loudest, sync.window, everything, sent)
        step = self._tracker.ratio * (1 + clock)
        looks = np.ones(sent.size)
        channels = []
        for x in sides:
            received = self._tracker.read(x, sync.window, step, np.zeros(1))[0] * np.conj(sent)
            channels.append(self._tracker.estimate_channel(received, looks, waveform.prefix)[0])
        return replace(sync, channel=np.concatenate(channels), clock=clock)

    def _first_clock(
        self,
        x: NDArray[np.float32],
        window: float,
        places: NDArray[np.int64],
        sent: NDArray[np.complex64],
    ) -> float:
        """Clock error with which the cells sent at these places agree best at this window.

        Symbols this long do not show their upper carriers otherwise. The response's fourth power
        is largest where it is sharp.
        """
        waveform = self.profile.numerology
        reference = np.conj(sent)
        spacing = _CARRIER_SHIFT / 2 / waveform.carriers[-1]
        count = int(np.ceil(_USUAL_CLOCK / spacing))
        clocks = np.arange(-count, count + 1) * spacing
        sharpness = np.empty(clocks.size)
        spectrum = np.zeros(waveform.fft_size, np.complex64)
        for i, clock in enumerate(clocks):
            step = self._tracker.ratio * (1 + clock)
            cells = self._tracker.read(x, window, step, np.zeros(1))[0][places]
            spectrum[waveform.carriers[places]] = cells * reference
            sharpness[i] = np.sum(np.abs(np.fft.ifft(spectrum)) ** 4)
        best = min(max(int(np.argmax(sharpness)), 1), clocks.size - 2)
        low, top, high = sharpness[best - 1 : best + 2]
        bend = low + high - 2 * top
        between = float(np.clip(0.5 * (low - high) / bend, -1, 1)) if bend < 0 else 0.0
        return float(clocks[best] + between * spacing)

    def demodulate(
        self,
        sides: Sequence[NDArray[np.float32]],
        sync: Sync,
        plan: Layout,
        clock: float,
        earlier: NDArray[np.complex64] | None = None,
    ) -> Demodulated:
        """Soft bits of a superframe with this layout.

        sides    (n,) samples of each side of the recording, as many as the profile has lanes
        earlier  channel of the superframe before, which serves where the sync symbol was hit
        """
        waveform = self.profile.numerology
        # A sync symbol whose header is lost was hit by something, and so is the channel it shows.
        channels = [sync.channel] if earlier is None else [sync.channel, earlier]
        if sync.header is None:
            channels.reverse()
        size = len(sides) * waveform.carriers.size
        by_side = zip(*(np.split(channel[:size], len(sides)) for channel in channels), strict=True)
        tracks = [
            self._follow(x, sync, plan, clock, _louder_first(choices))
            for x, choices in zip(sides, by_side, strict=True)
        ]
        if len(tracks) > 1:
            known = next((channel for channel in channels if channel.size > size), None)
            equalised, channel = separate(self._tracker, sides, sync.window, plan, tracks, known)
        else:
            equalised, channel = self._tracker.equalise(tracks[0]), tracks[0].channel
        long_response = self.profile.reverberant or plan.speed.prefix > waveform.prefix
        power = np.abs(channel[:size]) ** 2 + TINY if long_response else None
        cells = equalised.reshape(-1)[plan.cells]
        noise_var, per_symbol = estimate_noise(equalised, plan, power)
        variance = np.repeat(per_symbol, waveform.carriers.size, axis=1) * noise_var
        llr = soft_demap(
            cells,
            variance.reshape(-1)[plan.cells],
            plan.speed.order,
            plan.speed.shape,
        )
        relative_clock = float(np.mean([track.clock for track in tracks]))
        step = self._tracker.ratio * (1 + relative_clock)
        closing = (len(sides) - 1) * (waveform.fft_size + plan.speed.prefix)
        length = float(tracks[0].offsets[-1]) + closing + waveform.fft_size + self.profile.lead
        end = sync.window + length * step
        first = max(int(sync.window), 0)
        energy = np.mean([np.mean(x[first : int(end)] ** 2) for x in sides])
        level_dbfs = 10 * np.log10(max(float(energy), 1e-18))
        errors = error_power(cells, plan.speed.order, plan.speed.shape)
        stats = FrameStats(
            snr_db=_effective_snr_db(noise_var[plan.loaded]),
            evm_db=float(10 * np.log10(max(float(np.mean(errors)), 1e-12))),
            level_dbfs=float(level_dbfs),
            clock_ppm=relative_clock * 1e6,
        )
        return Demodulated(
            llr=llr,
            end=end,
            stats=stats,
            cells=cells,
            noise_var=noise_var,
            delays_s=np.mean([track.delays for track in tracks], axis=0) / waveform.sample_rate,
            clock=relative_clock,
            coherence=np.mean([track.coherence for track in tracks], axis=0),
            channel=channel,
        )

    def _follow(
        self,
        x: NDArray[np.float32],
        sync: Sync,
        plan: Layout,
        clock: float,
        channels: Iterable[NDArray[np.complex64]],
    ) -> Track:
        """The payload's symbols with the first of these channels that they agree with, or with the
        best."""
        best = None
        for channel in channels:
            if self._weak is not None and sync.snr_db < _WEAK_DB:
                known = sync.clock == clock != 0
                reach = KNOWN_REACH if known else SHOWN_REACH
                track = self._weak.follow(x, sync.window, plan, sync.clock, reach, channel)
            else:
                track = self._tracker.follow(
                    x, sync.window, sync.header, plan, clock or sync.clock, channel,
                    known_clock=clock != 0,
                )  # fmt: skip
            coherence = float(np.median(track.coherence))
            # A sync symbol that was hit in part is weaker than the payload, however alike it looks.
            good = coherence > COHERENT and abs(np.median(np.abs(track.gains)) - 1) < _SAME_LEVEL
            if best is None or good or coherence > np.median(best.coherence):
                best = track
            if good:
                break
        assert best is not None
        return best

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
        delay = np.concatenate((np.arange(half - half // 4), np.arange(-(half // 4), 0)))
        prefix = waveform.prefix
        kernel = np.zeros(half)
        kernel[: prefix + 1] = 1
        energy = np.fft.irfft(np.fft.rfft(response) * np.conj(np.fft.rfft(kernel)), half)
        if self.profile.reverberant:
            first = int(np.argmax(response))
            begin = (first - self.profile.lead) % half
            return float(delay[first] - self.profile.lead), float(energy[begin]) / total
        best = int(np.argmax(energy))
        inside = (best + np.arange(prefix + 1)) % half
        centre = float(np.sum(delay[inside] * response[inside]) / response[inside].sum())
        return centre - prefix / 2, float(energy[best]) / total


def _louder_first(channels: tuple[NDArray[np.complex64], ...]) -> list[NDArray[np.complex64]]:
    """The same channels of a side, but the first one last if it shows next to nothing: the sync
    symbol may be missing on one side only."""
    power = [float(np.mean(np.abs(channel) ** 2)) for channel in channels]
    faded = power[0] < _FADED * power[-1]
    return [*channels[1:], channels[0]] if faded else list(channels)


def _effective_snr_db(noise_var: NDArray[np.float32]) -> float:
    """The SNR of a flat channel of the same capacity: a few dead carriers do not hide the rest."""
    capacity = float(np.mean(np.log2(1 + 1 / noise_var.astype(np.float64))))
    return float(10 * np.log10(max(2**capacity - 1, 1e-9)))
