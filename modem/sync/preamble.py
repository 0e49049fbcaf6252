"""Preambles and their detector.

Every profile opens its superframes with one period of a multi-sine between 400 and 3200 Hz, a
band that every channel from the telephone up lets through, so that one detector at 8 kHz serves
all profiles. Its phases are those of a Zadoff-Chu sequence (Chu, IEEE Trans. IT 18, 1972): nearly
constant envelope, and different roots do not resemble one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from modem.errors import ConfigError

DETECTOR_RATE = 8000  # [Hz]
_LOW_HZ, _HIGH_HZ = 400.0, 3200.0
_BLOCK = 4096  # FFT length [samples at DETECTOR_RATE]
_GUARD = 256  # ends of a block where the band-pass is disturbed by the block's edges
_SETTLE = 160  # a peak is final when none higher follows within 20 ms
# Of a threshold: what every second lag must reach for those between to be looked at. A peak between
# two of them shows two thirds of its height on either side; noise shows this in 1 of 50 blocks.
_HINT = np.float32(0.4)
_FLOOR = np.float32(1e-12 * _BLOCK)  # energy: digital silence has no correlation


@dataclass(frozen=True, slots=True)
class Preamble:
    """root: Zadoff-Chu root; duration_s: one period [s]; threshold: on the squared correlation.

    White noise exceeds the threshold g at one instant with probability (1 - g)**(D - 1) where
    D = duration * 2800 Hz is the number of tones.
    """

    root: int
    duration_s: float
    threshold: float

    def waveform(self, sample_rate: int) -> NDArray[np.float64]:
        """(duration * sample_rate,) samples of rms 1."""
        count = round(self.duration_s * sample_rate)
        first = round(_LOW_HZ * self.duration_s)
        last = round(_HIGH_HZ * self.duration_s)
        if last >= count // 2:
            raise ConfigError(f"sample_rate must be above {2 * _HIGH_HZ} Hz, got {sample_rate}")
        tones = last - first + 1
        k = np.arange(tones)
        spectrum = np.zeros(count // 2 + 1, np.complex128)
        spectrum[first : last + 1] = np.exp(-1j * np.pi * self.root * k * k / tones)
        x = np.fft.irfft(spectrum, count)
        return np.asarray(x / np.sqrt(np.mean(x * x)), np.float64)


@dataclass(frozen=True, slots=True)
class Detection:
    """time_s: start of the preamble; index: which preamble; metric: squared correlation, 0 to 1."""

    time_s: float
    index: int
    metric: float


class PreambleDetector:
    """Stage: samples at DETECTOR_RATE in, detections out; gain and polarity do not matter.

    The metric is |<x, t>|**2 / (|x|**2 |t|**2) with the analytic template t, over the band of the
    preambles alone, so that hum and hiss outside it do not count.
    """

    def __init__(self, preambles: tuple[Preamble, ...]) -> None:
        self._preambles = preambles
        frequency = np.fft.rfftfreq(_BLOCK, 1 / DETECTOR_RATE)
        edge = 150.0
        rise = np.clip((frequency - (_LOW_HZ - edge)) / edge, 0, 1)
        fall = np.clip(((_HIGH_HZ + edge) - frequency) / edge, 0, 1)
        self._band = (np.sin(np.pi / 2 * rise) * np.sin(np.pi / 2 * fall)).astype(np.float32)
        half = _BLOCK // 2
        self._templates = np.zeros((len(preambles), half), np.complex64)
        self._lengths = np.zeros(len(preambles), np.int64)
        for i, preamble in enumerate(preambles):
            waveform = preamble.waveform(DETECTOR_RATE)
            spectrum = np.conj(np.fft.fft(waveform / np.sqrt(waveform.size), _BLOCK))[:half]
            self._templates[i] = spectrum * self._band[:half]
            self._lengths[i] = waveform.size
        self._thresholds = np.array([preamble.threshold for preamble in preambles], np.float32)
        # Turns a correlation at the even lags into that at the odd ones.
        self._odd = np.exp(2j * np.pi / _BLOCK * np.arange(half)).astype(np.complex64)
        self._hop = _BLOCK - int(self._lengths.max()) - 2 * _GUARD
        self._held = np.zeros(_GUARD, np.float32)
        self._origin = -_GUARD
        self._peak: tuple[float, int, float] | None = None  # position, index, metric

    def process(self, chunk: NDArray[np.float32]) -> list[Detection]:
        """Samples (n,) in, all peaks out that no later sample can change."""
        x = np.concatenate((self._held, chunk))
        found: list[Detection] = []
        used = 0
        while x.size - used >= _BLOCK:
            self._search(x[used : used + _BLOCK], self._origin + used + _GUARD, found)
            used += self._hop
        self._held = x[used:].copy()
        self._origin += used
        return found

    @property
    def searched_s(self) -> float:
        """Every preamble that starts before this time has been reported [s]."""
        return (self._origin + _GUARD - _SETTLE) / DETECTOR_RATE

    def _search(self, block: NDArray[np.float32], first: int, found: list[Detection]) -> None:
        """Look for peaks at the lags of one block.

        The analytic correlation lies in less than half the spectrum, so that every second lag
        alone tells whether there may be a peak: most blocks need no more.
        """
        if block.any():
            spectrum = np.fft.rfft(block)
            power = np.fft.irfft(spectrum * self._band, _BLOCK)
            energy = np.concatenate(([0.0], np.cumsum(power * power, dtype=np.float64)))
            products = np.asarray(self._templates * spectrum[: _BLOCK // 2], np.complex64)
            even = np.asarray(np.fft.ifft(products), np.complex64)
            hints = np.empty(len(even), np.bool_)
            limits = _HINT * self._thresholds
            _find_hints(even, energy, self._lengths, limits, self._hop, hints)
            if hints.any():
                self._find_peaks(even, products, energy, np.flatnonzero(hints), first, found)
        if self._peak is not None and first + self._hop > self._peak[0] + _SETTLE:
            self._emit(found)

    def _find_peaks(
        self,
        even: NDArray[np.complex64],
        products: NDArray[np.complex64],
        energy: NDArray[np.float64],
        hints: NDArray[np.int64],
        first: int,
        found: list[Detection],
    ) -> None:
        """All lags of the preambles in `hints`."""
        lags = slice(_GUARD, _GUARD + self._hop)
        best = np.zeros(self._hop)
        index = np.zeros(self._hop, np.int64)
        for i in hints:
            odd = np.fft.ifft(products[i] * self._odd)
            correlation = np.stack((even[i], odd), axis=1).reshape(-1)[lags]
            length = self._lengths[i]
            window = energy[length:][lags] - energy[:-length][lags]
            squared = correlation.real**2 + correlation.imag**2
            metric = squared / np.maximum(window, _FLOOR)
            metric[metric < self._thresholds[i]] = 0
            index[metric > best] = i
            np.maximum(best, metric, out=best)
        for position in np.flatnonzero(best):
            self._consider(first + int(position), int(index[position]), best[position], found)

    def _consider(self, at: int, index: int, metric: float, found: list[Detection]) -> None:
        if self._peak is not None and at > self._peak[0] + _SETTLE:
            self._emit(found)
        if self._peak is None or metric > self._peak[2]:
            self._peak = (at, index, float(metric))

    def _emit(self, found: list[Detection]) -> None:
        assert self._peak is not None
        position, index, metric = self._peak
        found.append(Detection(position / DETECTOR_RATE, index, metric))
        self._peak = None


@njit(cache=True, nogil=True, fastmath=True)
def _find_hints(
    even: NDArray[np.complex64],
    energy: NDArray[np.float64],
    lengths: NDArray[np.int64],
    limits: NDArray[np.float32],
    hop: int,
    hints: NDArray[np.bool_],
) -> None:
    """Which preambles' metric is beyond its limit at one of the even lags.

    even     (preambles, _BLOCK / 2) correlations at all even lags
    energy   (_BLOCK + 1,) of the samples ahead of each
    lengths  (preambles,) [samples]
    hints    (preambles,), filled
    """
    for i in range(even.shape[0]):
        most = np.float32(-1.0)
        for lag in range(_GUARD, _GUARD + hop, 2):
            window = np.float32(energy[lag + lengths[i]] - energy[lag])
            value = even[i, lag // 2]
            squared = value.real * value.real + value.imag * value.imag
            most = max(most, squared - limits[i] * max(window, _FLOOR))
        hints[i] = most > 0
