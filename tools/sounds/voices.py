"""Speech that means nothing: a buzz or a hiss through moving formants (Klatt 1980), in phrases."""

import numpy as np
from scipy import signal

from sounds import Maker, Samples

_VOWELS_HZ = (
    (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
    (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
)  # fmt: skip
"""Formants of men's vowels; Peterson & Barney 1952."""
_WIDTHS_HZ = (60.0, 90.0, 150.0)
_STEP_S = 0.01
_RATE = 16000


def voice(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """One speaker."""
    count = round(seconds * _RATE)
    formants, pitch, voiced, hissed, hiss_hz = _phrases(rng, int(seconds / _STEP_S) + 1)
    places = np.arange(count) / (_STEP_S * _RATE)

    def smooth(track: Samples) -> Samples:
        return np.asarray(np.interp(places, np.arange(track.size), track))

    shaken = pitch * (1 + 0.01 * rng.standard_normal(pitch.size))
    turns = np.cumsum(smooth(shaken)) / _RATE
    pulses = np.diff(np.floor(turns), prepend=0.0)
    buzz = signal.lfilter([1.0], [1.0, -1.6, 0.64], pulses) * smooth(voiced)
    buzz += 0.02 * rng.standard_normal(count) * smooth(voiced)
    total = _through(buzz, formants)
    total /= np.sqrt(np.mean(total * total)) + 1e-9
    hiss = _through(rng.standard_normal(count) * smooth(hissed), hiss_hz)
    total += rng.uniform(0.1, 0.4) * hiss / (np.sqrt(np.mean(hiss * hiss)) + 1e-9)
    if rate == _RATE:
        return np.asarray(total)
    divisor = int(np.gcd(rate, _RATE))
    return np.asarray(signal.resample_poly(total, rate // divisor, _RATE // divisor))


def babble(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Three to eight speakers at once."""
    total = np.zeros(round(seconds * rate))
    for _ in range(rng.integers(3, 9)):
        total += 10 ** rng.uniform(-0.7, 0) * voice(rng, seconds, rate)[: total.size]
    return total


def _phrases(
    rng: np.random.Generator, steps: int
) -> tuple[Samples, Samples, Samples, Samples, Samples]:
    """For every step: formants (steps, 3) [Hz], pitch [Hz], how loud buzz and hiss are, and the
    hiss's middle (steps, 1) [Hz]."""
    size = rng.uniform(0.9, 1.35)  # of the speaker's vocal tract, a woman's or a child's is shorter
    formants, pitch = np.full((steps, 3), 500.0), np.full(steps, 100.0)
    voiced, hissed, hiss_hz = np.zeros(steps), np.zeros(steps), np.full((steps, 1), 3000.0)
    base_hz = rng.uniform(85, 260)
    before = np.array(_VOWELS_HZ[0], float)
    at = 0
    while at < steps:
        phrase_end = at + rng.integers(40, 300)
        start = at
        while at < phrase_end:
            target = size * np.array(_VOWELS_HZ[rng.integers(len(_VOWELS_HZ))], float)
            length = int(rng.integers(6, 25))
            here = slice(at, at + length)
            glide = np.minimum(np.linspace(0, 2, length), 1)[:, None]
            formants[here] = (before + glide * (target - before))[: max(steps - at, 0)]
            falls = 1.15 - 0.3 * (np.arange(at, at + length) - start) / (phrase_end - start)
            accent = 1 + rng.normal(0, 0.12) * np.sin(np.pi * np.arange(length) / length)
            pitch[here] = (base_hz * falls * accent)[: max(steps - at, 0)]
            voiced[here] = rng.uniform(0.5, 1)
            at += length
            before = target
            match rng.integers(5):
                case 0:  # fricative
                    end = at + int(rng.integers(5, 15))
                    hissed[at:end], hiss_hz[at:end] = rng.uniform(0.3, 1), rng.uniform(1500, 7000)
                    at = end
                case 1:  # stop: closed, then a burst
                    hissed[at + 6 : at + 8], hiss_hz[at : at + 8] = 1, rng.uniform(800, 5000)
                    at += 8
        at += int(rng.integers(10, 100))
    return formants, pitch, voiced, hissed, hiss_hz


def _through(x: Samples, middles_hz: Samples) -> Samples:
    """x through resonators in series whose middles (steps, resonators) change every step."""
    step = round(_STEP_S * _RATE)
    out = x.copy()
    for number in range(middles_hz.shape[1]):
        width = _WIDTHS_HZ[number] if middles_hz.shape[1] > 1 else 1500.0
        radius = np.exp(-np.pi * width / _RATE)
        state = np.zeros(2)
        for i, low in enumerate(range(0, x.size, step)):
            turn = 2 * np.pi * min(middles_hz[i, number], 0.45 * _RATE) / _RATE
            feedback = np.array([1, -2 * radius * np.cos(turn), radius * radius])
            piece = out[low : low + step]
            out[low : low + step], state = signal.lfilter(
                [feedback.sum()], feedback, piece, zi=state
            )
    return out


MAKERS: dict[str, Maker] = {"speech, synthetic": voice, "babble, synthetic": babble}
