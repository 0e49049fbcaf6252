"""Signals below the noise: repeated sync symbols, and symbols that follow a line.

What the ordinary way finds symbol by symbol is found here from all symbols together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modem.equalizer import TINY, moving_average
from modem.header import BurstHeader, read_header
from modem.profile import Profile
from modem.superframe import Layout
from modem.sync.line_search import agreement, find_line
from modem.tracker import SLIP_REACH_S, SymbolTracker, Track
from modem.transmitter import all_sync_cells, header_indices

_CLOCK_REACH = 280e-6  # clocks beyond are not looked for
_CLOCK_STEP = 40e-6  # costs 0.1 dB at most over the sync symbols
_OFFSET_REACH = 2.0  # from the sync symbols to the payload's line [samples]
KNOWN_REACH = 60e-6  # how far the clock of the superframe before may be off
SHOWN_REACH = 150e-6  # the same for one that only the sync symbols showed
_UNEVEN = 0.65  # agreement that falls so far from one part to another may come from a slip
_SLIP_GAIN = 15.0  # noise lets one symbol gain so much at one shift with probability exp(-15)
_GAIN_REACH = 4  # symbols on either side over which gains are averaged


@dataclass(frozen=True)
class FoundSync:
    """What repeated sync symbols told.

    window   position of the last one's FFT window
    quality  share of the energy above the noise that lies inside one prefix, 0 to 1
    header   None where it could not be read
    channel  (carriers,) complex64
    clock    relative duration error of the sender's samples
    snr_db   mean over the carriers
    """

    window: float
    quality: float
    header: BurstHeader | None
    channel: NDArray[np.complex64]
    clock: float
    snr_db: float


class WeakReader:
    """Repeated sync symbols and weak payloads of one profile."""

    def __init__(self, profile: Profile, tracker: SymbolTracker) -> None:
        self.profile = profile
        self._tracker = tracker
        self._header = header_indices(profile)

    def synchronise(self, x: NDArray[np.float32], start: float, clock: float) -> FoundSync:
        """The sync symbols of the superframe whose preamble starts near `start`.

        clock  relative duration error of the sender's samples, 0 when unknown
        """
        found = self._synchronise(x, start, clock, 0.0 if clock else _CLOCK_REACH)
        if clock and found.header is None:  # the sender may be another one
            found = self._synchronise(x, start, 0.0, _CLOCK_REACH)
        return found

    def _synchronise(
        self, x: NDArray[np.float32], start: float, clock: float, reach: float
    ) -> FoundSync:
        """The same with clocks tried up to `reach` from `clock`."""
        waveform = self.profile.numerology
        back = np.arange(-(self.profile.sync_repeats - 1), 1.0) * waveform.symbol_samples
        ahead = self.profile.preamble_samples + waveform.prefix - back[0]
        best = (-1.0, 0.0, clock, 0.0)
        for other in clock + np.arange(-reach, reach + 1e-9, _CLOCK_STEP):
            step = self._tracker.ratio * (1 + other)
            received = self._tracker.read(x, start + ahead * step, step, back)
            energy, shift, quality = self._centre(self._training(received)[0])
            if energy > best[0]:
                best = (energy, shift, float(other), quality)
        _, shift, clock, quality = best
        step = self._tracker.ratio * (1 + clock)
        window = start + (ahead + shift) * step
        received = self._tracker.read(x, window, step, back)
        channel, noise = self._tracker.estimate_channel(*self._training(received), waveform.prefix)
        header = self._read_header(received, channel, noise)
        if header is not None:  # now all that was sent is known
            known = received * np.conj(all_sync_cells(self.profile, header))
            looks = np.full(waveform.carriers.size, float(len(received)))
            channel, noise = self._tracker.estimate_channel(
                known.mean(axis=0), looks, waveform.prefix
            )
            noise = np.mean(np.abs(known - channel) ** 2, axis=0)
        ratio = float(np.mean(np.abs(channel) ** 2) / (np.mean(noise) + TINY))
        snr_db = 10 * np.log10(max(ratio, 1e-9))
        return FoundSync(window, quality, header, channel, clock, float(snr_db))

    def _training(
        self, received: NDArray[np.complex64]
    ) -> tuple[NDArray[np.complex64], NDArray[np.float64]]:
        """Mean (carriers,) of the looks at the channel, and their number at each carrier."""
        known = np.ones(received.shape)
        for row, place in zip(known, self._header, strict=True):
            row[place] = 0
        looks = known.sum(axis=0)
        total = np.sum(known * received, axis=0) * np.conj(self.profile.numerology.reference)
        return np.asarray(total / np.maximum(looks, 1), np.complex64), looks

    def _centre(self, raw: NDArray[np.complex64]) -> tuple[float, float, float]:
        """Energy of the channel's response above the noise inside one prefix, how far the FFT
        window must move [samples] for it to lie in the prefix's middle, and its share."""
        waveform = self.profile.numerology
        size = waveform.fft_size
        spectrum = np.zeros(size, np.complex64)
        spectrum[waveform.carriers] = raw
        response = np.abs(np.fft.ifft(spectrum)) ** 2
        response = response - float(np.median(response)) / np.log(2)  # of exponential noise
        total = np.concatenate((response[-size // 4 :], response[: size // 2]))
        inside = np.convolve(total, np.ones(waveform.prefix + 1), "valid")
        best = int(np.argmax(inside))
        taps = np.maximum(total[best : best + waveform.prefix + 1], 0)
        # Noise on weak taps would move the middle about.
        taps[taps < 0.1 * taps.max()] = 0
        centre = float(np.sum(np.arange(taps.size) * taps) / (taps.sum() + TINY))
        energy = float(inside[best])
        share = energy / max(float(response.sum()), energy, TINY)
        return energy, best - size // 4 + centre - waveform.prefix / 2, share

    def _read_header(
        self,
        received: NDArray[np.complex64],
        channel: NDArray[np.complex64],
        noise: NDArray[np.float32],
    ) -> BurstHeader | None:
        reference = self.profile.numerology.reference
        power = np.abs(channel) ** 2 + TINY
        equalised = received * np.conj(channel * reference) / power
        cells = [row[place] for row, place in zip(equalised, self._header, strict=True)]
        variance = [(noise / power)[place] for place in self._header]
        return read_header(np.concatenate(cells), np.concatenate(variance))

    def follow(
        self,
        x: NDArray[np.float32],
        window: float,
        plan: Layout,
        clock: float,
        reach: float,
        channel: NDArray[np.complex64],
    ) -> Track:
        """The payload's symbols along the best straight line of their delays.

        clock  a first idea of it, reach  how far off that may be
        """
        waveform = self.profile.numerology
        offsets = np.arange(plan.symbols + 1, dtype=np.float64) * waveform.symbol_samples
        bins = waveform.carriers[plan.pilots]
        expected = channel[plan.pilots] * waveform.reference[plan.pilots]
        fine = min(reach, KNOWN_REACH) / 2
        for attempt, width in enumerate((reach, fine, fine)):
            step = self._tracker.ratio * (1 + clock)
            received = self._tracker.read(x, window, step, offsets)[1:]
            pilots = np.take_along_axis(received, plan.pilots, axis=1) * np.conj(expected)
            offset, slope = find_line(
                pilots, bins, waveform.fft_size, _OFFSET_REACH, width * waveform.symbol_samples
            )
            delays = offset + slope * np.arange(1.0, plan.symbols + 1)
            pilots *= np.exp(2j * np.pi / waveform.fft_size * delays[:, None] * bins)
            if attempt == 0:
                clock += slope / waveform.symbol_samples
            elif attempt == 1:
                seen = agreement(pilots, _GAIN_REACH)
                if seen.min() > _UNEVEN * seen.max():
                    break
                slip, shift = self._find_slip(x, window, step, offsets, plan, expected, pilots)
                if slip == plan.symbols:
                    break
                offsets[slip + 1 :] += shift
        gains = pilots.mean(axis=1) / (np.mean(np.abs(expected) ** 2, axis=1) + TINY)
        return Track(
            received, offsets, clock, delays, np.asarray(moving_average(gains, _GAIN_REACH)),
            agreement(pilots, _GAIN_REACH), channel,
        )  # fmt: skip

    def _find_slip(
        self,
        x: NDArray[np.float32],
        window: float,
        step: float,
        offsets: NDArray[np.float64],
        plan: Layout,
        expected: NDArray[np.complex64],
        pilots: NDArray[np.complexfloating],
    ) -> tuple[int, float]:
        """First symbol that a slip moved, and how far [samples]; plan.symbols where none did.

        expected  (symbols, p) what the pilots should be
        pilots    (symbols, p) matched, at the delays of the line without a slip

        Every shift and every place is tried: the symbols behind it must show more power where the
        shift puts them. In noise a symbol's power, relative to its energy, is exponential with
        mean 1.
        """
        waveform = self.profile.numerology
        reach = round(SLIP_REACH_S * waveform.sample_rate)
        shifts = np.arange(-reach, reach + 1, waveform.prefix // 2).astype(np.float64)
        near = np.arange(-waveform.prefix / 4, waveform.prefix / 4 + 0.1, 0.5)
        straight = np.abs(pilots.sum(axis=1)) ** 2 / (np.sum(np.abs(pilots) ** 2, axis=1) + TINY)
        scores = np.empty((plan.symbols, shifts.size, near.size))
        for s, carriers in enumerate(plan.pilots):
            cells = self._tracker.read(x, window, step, offsets[s + 1] + shifts)[:, carriers]
            cells = cells * np.conj(expected[s])
            turn = np.exp(
                2j * np.pi / waveform.fft_size * np.outer(waveform.carriers[carriers], near)
            )
            energy = np.sum(np.abs(cells) ** 2, axis=1, keepdims=True) + TINY
            scores[s] = np.abs(cells @ turn) ** 2 / energy - straight[s]
        gain = np.cumsum(scores[::-1], axis=0)[::-1]
        slip, row, column = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if gain[slip, row, column] < _SLIP_GAIN:
            return plan.symbols, 0.0
        return int(slip), float(shifts[row] + near[column])
