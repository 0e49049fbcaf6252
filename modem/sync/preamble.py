"""Preambles and their detector.

Every profile opens its superframes with one period of a multi-sine between 400 and 3200 Hz, a
band that every channel from the telephone up lets through, so that one detector at 8 kHz serves
all profiles. Its phases are those of a Zadoff-Chu sequence (Chu, IEEE Trans. IT 18, 1972): nearly
constant envelope, and different roots do not resemble one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modem.errors import ConfigError

DETECTOR_RATE = 8000  # [Hz]
_LOW_HZ, _HIGH_HZ = 400.0, 3200.0
_BLOCK = 4096  # FFT length [samples at DETECTOR_RATE]
_GUARD = 256  # ends of a block where the band-pass is disturbed by the block's edges
_SETTLE = 160  # a peak is final when none higher follows within 20 ms


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
        self._templates = []
        self._lengths = []
        for preamble in preambles:
            waveform = preamble.waveform(DETECTOR_RATE)
            spectrum = np.conj(np.fft.fft(waveform / np.sqrt(waveform.size), _BLOCK))
            spectrum[_BLOCK // 2 + 1 :] = 0
            spectrum[1 : _BLOCK // 2] *= 2
            self._templates.append(spectrum[: _BLOCK // 2 + 1].astype(np.complex64))
            self._lengths.append(waveform.size)
        self._hop = _BLOCK - max(self._lengths) - 2 * _GUARD
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
        spectrum = np.fft.rfft(block) * self._band
        power = np.fft.irfft(spectrum, _BLOCK) ** 2
        energy = np.concatenate(([0.0], np.cumsum(power, dtype=np.float64)))
        lags = slice(_GUARD, _GUARD + self._hop)
        best = np.zeros(self._hop)
        index = np.zeros(self._hop, np.int64)
        full = np.zeros(_BLOCK, np.complex64)
        floor = 1e-12 * _BLOCK  # digital silence has no correlation
        for i, (template, length) in enumerate(zip(self._templates, self._lengths, strict=True)):
            full[: _BLOCK // 2 + 1] = spectrum * template
            correlation = np.fft.ifft(full)[lags]
            window = energy[length:][lags] - energy[:-length][lags]
            squared = correlation.real**2 + correlation.imag**2
            metric = squared / np.maximum(window, floor)
            metric[metric < self._preambles[i].threshold] = 0
            index[metric > best] = i
            np.maximum(best, metric, out=best)
        for position in np.flatnonzero(best):
            self._consider(first + int(position), int(index[position]), best[position], found)
        if self._peak is not None and first + self._hop > self._peak[0] + _SETTLE:
            self._emit(found)

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
