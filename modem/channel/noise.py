"""Noise and hum that are added to a signal."""

import numpy as np

from modem.channel.signal import Signal, active_power

_BLOCK = 1 << 20
_HUM_HZ = 50.0
_HUM_PARTS_DB = {1: 0.0, 2: -6.0, 3: -8.0, 5: -14.0, 7: -20.0, 9: -26.0, 12: -32.0}


def awgn(signal: Signal, rng: np.random.Generator, snr_db: float) -> Signal:
    """White noise over the full band 0..fs/2, snr_db below the signal's active power.

    The noise covers the whole signal, its silent parts too. A silent signal stays as it is: there
    is nothing to be so many dB below.
    """
    return _with_noise(signal, rng, active_power(signal) * 10 ** (-snr_db / 10))


def noise(signal: Signal, rng: np.random.Generator, level_dbfs: float) -> Signal:
    """White noise of an absolute rms level; 0 dBFS is an rms of 1."""
    return _with_noise(signal, rng, 10 ** (level_dbfs / 10))


def _with_noise(signal: Signal, rng: np.random.Generator, power: float) -> Signal:
    out = signal.samples.copy()
    deviation = np.float32(np.sqrt(power))
    for start in range(0, out.size, _BLOCK):
        part = out[start : start + _BLOCK]
        part += deviation * rng.standard_normal(part.size, dtype=np.float32)
    return signal.holding(out)


def hum(signal: Signal, rng: np.random.Generator, level_dbfs: float) -> Signal:
    """50 Hz mains hum with harmonics at random phases; level_dbfs is its total rms."""
    harmonics = np.array(list(_HUM_PARTS_DB))
    amplitudes = 10 ** (np.array(list(_HUM_PARTS_DB.values())) / 20)
    amplitudes *= 10 ** (level_dbfs / 20) / np.sqrt(np.sum(amplitudes**2) / 2)
    phases = rng.uniform(0, 2 * np.pi, harmonics.size)
    out = signal.samples.copy()
    for start in range(0, out.size, _BLOCK):
        part = out[start : start + _BLOCK]
        turn = 2 * np.pi * _HUM_HZ / signal.sample_rate * np.arange(start, start + part.size)
        for harmonic, amplitude, phase in zip(harmonics, amplitudes, phases, strict=True):
            part += (amplitude * np.cos(harmonic * turn + phase)).astype(np.float32)
    return signal.holding(out)
