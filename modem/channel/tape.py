"""A cassette deck: recorded on one machine and played on another.

The numbers of the three grades are published ones where there are any (level and noise of type II
tape, wow and flutter as decks are specified) and assumptions elsewhere (the mix of flutter
frequencies, the rate and depth of drop-outs). Left out: print-through, azimuth, crosstalk.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modem.channel.line import filtered
from modem.channel.signal import Samples, Signal, active_power


@dataclass(frozen=True, slots=True)
class Grade:
    """One quality of deck and tape.

    speed_error   relative; positive plays fast
    flutter       rms of the relative speed deviation up to 400 Hz
    scrape        the same from 2 to 5 kHz
    snr_db        level of 3 % third harmonic at 400 Hz over unweighted hiss
    top_hz        -3 dB of the high end
    dropouts      per minute
    """

    speed_error: float
    flutter: float
    scrape: float
    snr_db: float
    top_hz: float
    dropouts: float


GRADES = {
    "good": Grade(0.0, 0.0005, 0.0002, 55, 19500, 1),
    "typical": Grade(0.0, 0.0015, 0.0004, 48, 18000, 5),
    "poor": Grade(0.03, 0.003, 0.0008, 40, 13000, 20),
}

# Recorded so far below the 3 % level, which costs an OFDM signal least.
_RECORDING_DB = -14.0
# tanh of a sine of this peak has 3 % of third harmonic, after the emphasis below.
_DRIVE_AT_3_PERCENT = 0.68
# High frequencies saturate about 10 dB earlier: emphasis before the tape, undone behind it.
_EMPHASIS_HZ = (1600.0, 5500.0)
_WOW_HZ = (0.45, 1.3, 6.0, 27.0)
_WOW_SHARES = (0.5, 0.4, 0.5, 0.35)
_RANDOM_SHARE = 0.45
_BLOCK = 1 << 16


def tape(signal: Signal, rng: np.random.Generator, grade: str) -> Signal:
    """Band limits, saturation, drop-outs, hiss, then speed error, wow, flutter and scrape.

    The recording level is set from the signal's active power; the level comes back as it was.
    The tracks of a stereo signal lie side by side: they share the tape's motion and drop-outs, but
    not the hiss.
    """
    tracks = np.atleast_2d(signal.samples.T)
    motion, *hisses = rng.integers(1 << 62, size=1 + len(tracks))
    played = [
        _track(signal.holding(track), GRADES[grade], int(motion), np.random.default_rng(hiss))
        for track, hiss in zip(tracks, hisses, strict=True)
    ]
    return signal.holding(played[0] if signal.samples.ndim == 1 else np.stack(played, axis=1))


def _track(signal: Signal, quality: Grade, motion: int, hisses: np.random.Generator) -> Samples:
    """motion: seed of what all tracks share."""
    rng = np.random.default_rng(motion)
    power = active_power(signal)
    if power == 0:
        return np.zeros(round(signal.samples.size / (1 + quality.speed_error)), np.float32)
    reference = math.sqrt(power) * 10 ** (-_RECORDING_DB / 20)
    x = _saturated(_band_limited(signal, quality.top_hz), signal.sample_rate, reference)
    _drop_out(x, signal.sample_rate, rng, quality.dropouts)
    hiss = np.float32(reference * 10 ** (-quality.snr_db / 20))
    for start in range(0, x.size, _BLOCK):
        part = x[start : start + _BLOCK]
        part += hiss * hisses.standard_normal(part.size, dtype=np.float32)
    return _played(x, signal.sample_rate, rng, quality)


def _band_limited(signal: Signal, top_hz: float) -> Samples:
    from scipy.signal import butter

    fs = signal.sample_rate
    sections = butter(2, 30 / (fs / 2), "highpass", output="sos")
    if top_hz < 0.49 * fs:
        sections = np.vstack((sections, butter(3, top_hz / (fs / 2), output="sos")))
    return filtered(signal.samples, sections)


def _saturated(x: Samples, fs: int, reference_rms: float) -> Samples:
    """Soft saturation; a sine of reference_rms at 400 Hz gets 3 % of third harmonic."""
    from scipy.signal import bilinear, tf2sos

    zero, pole = (2 * fs * math.tan(math.pi * min(f / fs, 0.45)) for f in _EMPHASIS_HZ)
    up, down = bilinear([1 / zero, 1], [1 / pole, 1], fs)
    drive = np.float32(_DRIVE_AT_3_PERCENT / (math.sqrt(2) * reference_rms))
    louder = filtered(x, tf2sos(up, down))
    return filtered(np.tanh(louder * drive) / drive, tf2sos(down, up))


def _drop_out(x: Samples, fs: int, rng: np.random.Generator, per_minute: float) -> None:
    """Dips of 6 to 25 dB and 5 to 50 ms with soft edges, at random times."""
    for _ in range(rng.poisson(per_minute * x.size / fs / 60)):
        length = round(rng.uniform(0.005, 0.05) * fs)
        depth_db = rng.uniform(6, 25)
        start = int(rng.integers(0, x.size))
        part = x[start : start + length]
        shape = np.sin(np.pi * (np.arange(part.size) + 0.5) / length) ** 0.5
        part *= (10 ** (-depth_db * shape / 20)).astype(np.float32)


def _played(x: Samples, fs: int, rng: np.random.Generator, quality: Grade) -> Samples:
    """Read at an unsteady speed."""
    from modem.channel import sinc

    count = round(x.size / (1 + quality.speed_error))
    times = _head_times(count, fs, rng, quality)
    return sinc.at_times(x, times, count, 1 / (1 + quality.speed_error))


def _head_times(
    count: int, fs: int, rng: np.random.Generator, quality: Grade
) -> Iterator[NDArray[np.float64]]:
    """Positions on the tape, in samples, of each sample played; block by block."""
    from scipy.signal import butter, sosfilt

    shares = np.array((*_WOW_SHARES, _RANDOM_SHARE))
    *wows, random_rms = quality.flutter * shares / math.sqrt(float(np.sum(shares**2)))
    phases = rng.uniform(0, 2 * np.pi, len(_WOW_HZ))
    nyquist = fs / 2
    bands = [(butter(2, min(400 / nyquist, 0.9), output="sos"), random_rms)]
    if nyquist > 2000:
        edges = (2000 / nyquist, min(5000 / nyquist, 0.99))
        bands.append((butter(2, edges, "bandpass", output="sos"), quality.scrape))
    states = [np.zeros((len(sections), 2)) for sections, _ in bands]
    scales = [rms / _noise_gain(sections) for sections, rms in bands]
    position = 0.0
    for start in range(0, count, _BLOCK):
        time = np.arange(start, min(start + _BLOCK, count)) / fs
        speed = np.full(time.size, 1 + quality.speed_error)
        for hz, rms, phase in zip(_WOW_HZ, wows, phases, strict=True):
            speed += math.sqrt(2) * rms * np.cos(2 * np.pi * hz * time + phase)
        for i, (sections, _) in enumerate(bands):
            white = rng.standard_normal(time.size)
            coloured, states[i] = sosfilt(sections, white, zi=states[i])
            speed += scales[i] * coloured
        times = position + np.cumsum(speed)
        position = float(times[-1])
        yield times


def _noise_gain(sections: NDArray[np.float64]) -> float:
    """Output rms for white noise of rms 1."""
    from scipy.signal import sosfilt

    impulse = np.zeros(1 << 14)
    impulse[0] = 1
    return math.sqrt(float(np.sum(sosfilt(sections, impulse) ** 2)))
