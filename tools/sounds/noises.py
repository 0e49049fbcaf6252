"""Noise, tones, sweeps, clicks."""

import numpy as np
from scipy import fft, signal

from sounds import Maker, Samples, held, mix, played, softened, times

_LOW_HZ, _HIGH_HZ = 200.0, 3700.0
_PREAMBLE_HZ = (400.0, 3200.0)  # a sweep over this band is what preambles resemble most


def white(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Gaussian."""
    return rng.standard_normal(round(seconds * rate))


def pink(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """3 dB less an octave."""
    return _coloured(rng, seconds, rate, 0.5)


def brown(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """6 dB less an octave."""
    return _coloured(rng, seconds, rate, 1.0)


def _coloured(rng: np.random.Generator, seconds: float, rate: int, slope: float) -> Samples:
    count = round(seconds * rate)
    size = fft.next_fast_len(count, real=True)
    spectrum = fft.rfft(rng.standard_normal(size))
    hertz = np.maximum(fft.rfftfreq(size, 1 / rate), 20.0)
    return np.asarray(fft.irfft(spectrum / hertz**slope, size)[:count])


def hum(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Mains of 50 or 60 Hz with harmonics, and some hiss."""
    t = times(seconds, rate)
    wander = np.cumsum(rng.standard_normal(t.size)) * 1e-3 / rate
    phase = rng.choice([50, 60]) * (t + wander)
    total = 1e-3 * rng.standard_normal(t.size)
    for harmonic in range(1, 20):
        strength = rng.exponential() / harmonic
        total += strength * np.cos(2 * np.pi * (harmonic * phase + rng.random()))
    return total


def steady(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """One to five tones together, others every 3 to 10 s."""
    count = round(seconds * rate)
    lengths = rng.uniform(3, 10, 8)
    total = np.zeros(count)
    for voice in range(5):
        sounding = rng.random(8) < (1.0 if voice == 0 else 0.5)
        tone = played(held(rng.uniform(_LOW_HZ, _HIGH_HZ, 8), lengths, rate, count), rate)
        total += tone * held(sounding * rng.uniform(0.1, 1, 8), lengths, rate, count)
    return total


def keyed(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """A tone in dots, dashes and pauses, as of Morse, at several speeds."""
    count = round(seconds * rate)
    units = np.tile([0.0, 0.0], (2000, 1))
    units[:, 0] = rng.choice([1, 3], 2000)
    units[:, 1] = rng.choice([1, 1, 1, 3, 7], 2000)
    dot_s = 1.2 / rng.uniform(8, 40)
    gate = held(np.tile([1.0, 0.0], 2000), units.ravel() * dot_s, rate, count)
    return softened(gate, rate, 0.005) * played(np.full(count, rng.uniform(400, 1500)), rate)


def stepped(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """A tone of another frequency every 5 to 500 ms."""
    count = round(seconds * rate)
    length_s = float(np.exp(rng.uniform(np.log(0.005), np.log(0.5))))
    hertz = rng.uniform(_LOW_HZ, _HIGH_HZ, 4000)
    return played(held(hertz, np.full(4000, length_s), rate, count), rate)


def sweeps(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Up and down at 20 ms to 10 s a sweep; every fourth over the preambles' band at their pace."""
    parts: list[Samples] = []
    left = round(seconds * rate)
    while left > 0:
        if rng.random() < 0.25:
            ends, length_s = rng.permutation(_PREAMBLE_HZ), rng.uniform(0.025, 0.15)
        else:
            ends = rng.uniform(_LOW_HZ, _HIGH_HZ, 2)
            length_s = float(np.exp(rng.uniform(np.log(0.02), np.log(10.0))))
        spaced = np.geomspace if rng.random() < 0.4 else np.linspace
        # One sweep is often made many times over, as by a siren.
        hertz = spaced(ends[0], ends[1], max(round(length_s * rate), 2))
        parts.append(np.tile(hertz, rng.choice([1, 1, 1, 10]))[:left])
        left -= parts[-1].size
    return played(np.concatenate(parts), rate)


def chirps(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Short curved whistles with pauses, as of birds."""
    total = np.zeros(round(seconds * rate))
    at = 0.0
    while at < seconds:
        t = times(float(np.exp(rng.uniform(np.log(0.02), np.log(0.4)))), rate)
        x = t / t[-1]
        hertz = rng.uniform(600, 3400) + rng.normal(0, 1500) * x + rng.normal(0, 1500) * x * x
        whistle = played(np.clip(hertz, 100, 3900), rate) * np.sin(np.pi * x)
        for _ in range(rng.integers(1, 8)):
            mix(total, whistle, at, rate)
            at += t[-1] + rng.uniform(0.01, 0.2)
        at += rng.exponential(0.3)
    return total


def clicks(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Impulses and short rings at random, over a hiss, as of a scratched record or a bad line."""
    total = 1e-3 * rng.standard_normal(round(seconds * rate))
    for _ in range(round(seconds * rng.uniform(1, 40))):
        t = times(0.02, rate)
        ring = np.exp(-t / rng.exponential(2e-3)) * np.cos(2 * np.pi * rng.uniform(0, 3900) * t)
        at = rng.uniform(0, seconds)
        mix(total, rng.normal() * ring, at, rate)
        if rng.random() < 0.5:
            mix(total, rng.normal(0, 3, 1), at, rate)
    return total


def squares(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Square waves, saws and pulses, steady or in bursts."""
    count = round(seconds * rate)
    lengths = rng.uniform(1, 4, 16)
    phase = np.cumsum(held(rng.uniform(20, 1500, 16), lengths, rate, count)) / rate
    duty = held(rng.choice([0.02, 0.1, 0.25, 0.5], 16), lengths, rate, count)
    wave = np.where(phase % 1 < duty, 1.0, -1.0)
    saw = held(rng.integers(0, 2, 16).astype(float), lengths, rate, count)
    wave = np.where(saw > 0, signal.sawtooth(2 * np.pi * phase), wave)
    t = times(seconds, rate)
    bursts = held(rng.choice([0.0, 1.0, 8.0, 25.0], 16), lengths, rate, count)
    return np.where((t * bursts) % 1 < 0.5, wave, 0.0)


MAKERS: dict[str, Maker] = {
    "white noise": white,
    "pink noise": pink,
    "brown noise": brown,
    "hum": hum,
    "steady tones": steady,
    "keyed tones": keyed,
    "stepped tones": stepped,
    "sweeps": sweeps,
    "chirps": chirps,
    "clicks": clicks,
    "square waves": squares,
}
