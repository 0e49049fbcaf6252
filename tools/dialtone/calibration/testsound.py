"""The test sound: silence, a sweep on each side, and a multitone at rising levels.

silence     the noise and the hum of the input
sweeps      exponential, one side after the other: where the sound begins, the impulse response
            with its echoes, polarity, sides (A. Farina, Simultaneous measurement of impulse
            response and distortion with a swept-sine technique, AES 108th Convention, 2000)
multitone   random phases, a Gaussian signal as the modem's own, periodic; a third of its lines
            stay silent at random, so that what is heard there is distortion, and what is heard
            between the lines is noise (R. Pintelon and J. Schoukens, System Identification: A
            Frequency Domain Approach, IEEE Press 2001, chapter 3). Each step of the level
            begins with a period in which echoes and filters settle.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SILENCE_S = 2.0
LEVELS_DB = (-30.0, -21.0, -12.0, -9.0, -6.0, -3.0, 0.0)
PERIODS = 6  # measured at each level
LOW_HZ = 40.0
HIGH = 0.478  # of the sample rate: what every converter lets through

_SWEEP_S = 0.5
_SWEEP_DB = -12.0  # its peak
_FADE_S = 0.01
_AFTER_SWEEP_S = 0.3
_END_S = 0.3
_PERIOD_S = 0.17  # about: a power of two samples
GROUP = 3  # lines, of which one is silent
_SEED = 1


@dataclass(frozen=True, slots=True)
class Step:
    """The multitone at one level.

    level_db  its peak below full scale
    start     its first sample after the period of settling
    """

    level_db: float
    start: int


class TestSound:
    """The test sound for a sample rate and a number of sides.

    rate    [Hz]
    lanes   1, or 2: both sides of a stereo signal, each with lines of its own
    top_db  level of the loudest step
    """

    __test__ = False  # the name is no test's

    def __init__(self, rate: int, lanes: int, top_db: float = 0.0) -> None:
        self.rate = rate
        self.lanes = lanes
        self.period = 1 << round(np.log2(_PERIOD_S * rate))
        rng = np.random.default_rng(_SEED)
        first = int(np.ceil(LOW_HZ / self.spacing_hz))
        count = (int(HIGH * self.period) - first) // GROUP
        order = np.argsort(rng.random((count, GROUP)), axis=1)
        groups = first + GROUP * np.arange(count)[:, None] + order
        self.idle = np.sort(groups[:, -1])
        self.lines = (
            [np.sort(groups[:, lane]) for lane in range(2)]
            if lanes == 2
            else [np.sort(groups[:, :-1].ravel())]
        )
        self._phases = [rng.uniform(0, 2 * np.pi, lines.size) for lines in self.lines]
        at = round(SILENCE_S * rate)
        self.sweeps = []  # where each begins
        for _ in range(lanes):
            self.sweeps.append(at)
            at += round((_SWEEP_S + _AFTER_SWEEP_S) * rate)
        self.steps = []
        for level_db in LEVELS_DB:
            self.steps.append(Step(level_db + top_db, at + self.period))
            at += (PERIODS + 1) * self.period
        self.length = at + round(_END_S * rate)

    @property
    def seconds(self) -> float:
        return self.length / self.rate

    @property
    def spacing_hz(self) -> float:
        """Between two lines."""
        return self.rate / self.period

    @cached_property
    def sweep(self) -> Floats:
        """(n,) exponential sweep from LOW_HZ to HIGH."""
        t = np.arange(round(_SWEEP_S * self.rate)) / self.rate
        span = np.log(HIGH * self.rate / LOW_HZ)
        phase = 2 * np.pi * LOW_HZ * _SWEEP_S / span * (np.exp(t / _SWEEP_S * span) - 1)
        sweep = 10 ** (_SWEEP_DB / 20) * np.sin(phase)
        fade = round(_FADE_S * self.rate)
        rise = np.sin(np.pi / 2 * np.arange(fade) / fade) ** 2
        sweep[:fade] *= rise
        sweep[-fade:] *= rise[::-1]
        return np.asarray(sweep)

    def sweep_of(self, lane: int) -> Floats:
        """The sweep of a lane: upwards on the first, downwards on the second, so that each is
        known by itself."""
        return self.sweep[:: 1 - 2 * lane]

    @cached_property
    def tones(self) -> list[Floats]:
        """For each lane a period (n,) of the multitone with its peak at full scale."""
        made = []
        for lines, phases in zip(self.lines, self._phases, strict=True):
            spectrum = np.zeros(self.period // 2 + 1, np.complex128)
            spectrum[lines] = np.exp(1j * phases)
            tone = np.fft.irfft(spectrum)
            made.append(tone / np.abs(tone).max())
        return made

    def amplitudes(self, lane: int) -> NDArray[np.complex128]:
        """(lines,) complex amplitude of each line of a lane at 0 dB, that of a cosine being 1."""
        spectrum = np.fft.rfft(self.tones[lane])[self.lines[lane]]
        return np.asarray(2 * spectrum / self.period)

    def rms_dbfs(self, lane: int = 0) -> float:
        """Mean level of a lane's multitone at 0 dB [dB relative to an rms of 1]."""
        return float(10 * np.log10(np.mean(self.tones[lane] ** 2)))

    @cached_property
    def samples(self) -> NDArray[np.float32]:
        """(n, lanes) the whole sound."""
        made = np.zeros((self.length, self.lanes), np.float32)
        for lane, start in enumerate(self.sweeps):
            made[start : start + self.sweep.size, lane] = self.sweep_of(lane)
        for lane, tone in enumerate(self.tones):
            for step in self.steps:
                begin = step.start - self.period
                loud = np.tile(tone * 10 ** (step.level_db / 20), PERIODS + 2)
                made[begin : begin + loud.size, lane] = loud[: self.length - begin]
        # No jump where the multitone begins and ends: it would ring in every filter.
        fade = round(_FADE_S * self.rate)
        first = self.steps[0].start - self.period
        last = self.steps[-1].start + PERIODS * self.period
        rise = (np.arange(fade) / fade)[:, None]
        made[first : first + fade] *= rise
        made[last : last + fade] *= rise[::-1]
        made[last + fade :] = 0
        return made
