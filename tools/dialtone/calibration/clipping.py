"""Overload: at which level a loop stops to follow, and how much of the sound it cuts off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialtone.calibration.testsound import HIGH, PERIODS, Floats, Step, TestSound
from dialtone.decibels import dbfs
from modem.sync.resampler import interpolate, interpolation_table

_TOP = 0.0005  # share of the samples that are the highest peaks
_FOLLOWS = 0.93  # of what a peak should reach: 0.6 dB less is overload
_CREST = 1.6  # peak over rms from which down even the softest step is squared off
_TOUCHES_DB = 0.3  # beyond the limit, of a single peak that does no harm
_LOUDER = 4.0  # than silence, for a step to tell anything
_FULL_SCALE_DBFS = -0.5  # a limit from here on is the converter's own


@dataclass(frozen=True, slots=True)
class Overload:
    """A limit that the peaks meet.

    limit_dbfs  where it lies in the recording
    starts_db   level of playing at which the highest peak reaches it
    share       of the samples that are cut off at the loudest step
    clean       number of the loudest step that passes whole, 0 where none does
    """

    limit_dbfs: float
    starts_db: float
    share: float
    clean: int

    @property
    def at_full_scale(self) -> bool:
        """Whether the recording's own full scale is the limit."""
        return self.limit_dbfs >= _FULL_SCALE_DBFS


@dataclass(frozen=True, slots=True)
class Track:
    """A channel of a recording as it is, and where the test sound lies in it.

    samples      (n,) at the recording's own moments, as that is where a converter clips
    rate         nominal [Hz]
    start, step  sample i of the test sound lies at start + step * i
    """

    samples: NDArray[np.float32]
    rate: int
    start: float
    step: float

    def passage(self, first: int, count: int) -> tuple[Floats, Floats]:
        """What was recorded while `count` samples of the test sound were heard from `first` on,
        and where each sample lies behind `first` [samples of the test sound]."""
        begin = max(int(np.ceil(self.start + self.step * first)), 0)
        end = int(np.floor(self.start + self.step * (first + count)))
        samples = self.samples[begin:end].astype(np.float64)
        at = np.arange(begin, begin + samples.size, dtype=np.float64)
        return samples, (at - self.start) / self.step - first


def overload(x: Floats, track: Track, sound: TestSound, silence_rms: float) -> Overload | None:
    """Compare each step of the multitone with what the softer ones let expect.

    x            (sound.length,) the same channel on the clock of the test sound
    silence_rms  what is heard anyway; steps that do not stand out of it tell nothing
    A period is the same sound in each step, so that below the limit it only grows.
    """
    steps = [step for step in sound.steps if stands_out(x, sound, step, silence_rms)]
    if len(steps) < 2:
        return None
    softest, _ = track.passage(steps[0].start, PERIODS * sound.period)
    softest -= softest.mean()
    if np.abs(softest).max() < _CREST * np.sqrt(np.mean(softest**2)):
        loudest = np.abs(track.passage(steps[-1].start, PERIODS * sound.period)[0])
        top = float(loudest.max())
        return Overload(dbfs(top), steps[0].level_db, float((loudest > _FOLLOWS * top).mean()), 0)
    shape = np.zeros(sound.period)  # of a period at 0 dB, as learned so far
    weight = 0.0
    for step in steps:
        scale = 10 ** (step.level_db / 20)
        if weight:
            heard, places = track.passage(step.start, PERIODS * sound.period)
            expected = _expected(shape, places, track, sound)
            if (limit := _limit(heard, expected)) is not None:
                return _judged(limit, heard, expected, sound, step)
        periods = x[step.start : step.start + PERIODS * sound.period]
        mean = periods.reshape(PERIODS, sound.period).mean(axis=0) / scale
        weight += scale**2
        shape += scale**2 * (mean - shape) / weight
    return None


def stands_out(x: Floats, sound: TestSound, step: Step, silence_rms: float) -> bool:
    """Whether a step of the multitone is clearly louder than what is heard anyway."""
    steady = x[step.start : step.start + PERIODS * sound.period]
    return float(np.sqrt(np.mean(steady**2))) > _LOUDER * silence_rms


def _expected(shape: Floats, places: Floats, track: Track, sound: TestSound) -> Floats:
    """The periodic sound of that shape at the moments of the recording."""
    table = interpolation_table(sound.rate, track.rate, HIGH * min(sound.rate, track.rate))
    tiled = np.tile(shape, PERIODS + 2).astype(np.float32)
    out = np.empty((1, places.size), np.float32)
    start = np.array([places[0] + sound.period])
    interpolate(tiled, table, start, np.array([1 / track.step]), out)
    return out[0].astype(np.float64)


def _gain(heard: Floats, expected: Floats) -> float:
    """By how much a step is louder, as its softer half tells."""
    small = np.abs(expected) <= np.median(np.abs(expected))
    return float(heard[small] @ expected[small]) / max(float(np.sum(expected[small] ** 2)), 1e-30)


def _limit(heard: Floats, expected: Floats) -> float | None:
    """The level that the highest peaks stop at, full scale 1; None where they do not."""
    top = np.argsort(np.abs(expected))[-max(round(_TOP * expected.size), 4) :]
    wanted = _gain(heard, expected) * np.abs(expected[top])
    # The middle one: where the sound drops out, peaks are missing and the others are whole.
    if np.median(heard[top] * np.sign(expected[top]) - _FOLLOWS * wanted) > 0:
        return None
    return float(np.median(np.abs(heard[top])))


def _judged(
    limit: float, heard: Floats, expected: Floats, sound: TestSound, step: Step
) -> Overload:
    at_zero = np.abs(expected) * abs(_gain(heard, expected)) / 10 ** (step.level_db / 20)
    share = float((at_zero * 10 ** (sound.steps[-1].level_db / 20) > limit).mean())
    starts_db = dbfs(limit / float(at_zero.max()))
    whole = [each for each in sound.steps if each.level_db <= starts_db + _TOUCHES_DB]
    return Overload(dbfs(limit), starts_db, share, max(len(whole) - 1, 0))
