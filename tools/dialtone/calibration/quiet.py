"""What an input hears while nothing is played: noise, mains hum, a constant offset."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dialtone.calibration.testsound import Floats

HUM_DB = 6.0  # above the noise, from where hum matters
HUM_TOP_HZ = 1000.0  # below it are the harmonics that do

_MAINS_HZ = (50, 60)
_HARMONICS = 20
_BESIDE_HZ = 8.0  # where the noise around a harmonic is read
_WIDTH_HZ = 2.0  # mains wander, and a window widens
_CLEAR_DB = 10.0  # of a harmonic above the noise beside it
_FAINT = 1e-15


@dataclass(frozen=True, slots=True)
class Quiet:
    """Levels are relative to an rms of 1.

    rms_dbfs    of everything but a constant offset
    noise_dbfs  the same without the hum
    dc          the constant offset, full scale 1
    hum_hz      50 or 60, None without hum
    hum_dbfs    all harmonics together
    """

    rms_dbfs: float
    noise_dbfs: float
    dc: float
    hum_hz: int | None
    hum_dbfs: float

    @property
    def hum_above_noise_db(self) -> float:
        return self.hum_dbfs - self.noise_dbfs


def quiet(x: NDArray[np.floating], rate: int) -> Quiet:
    """Measure silence (n,) of that rate [Hz]."""
    heard: Floats = x.astype(np.float64) if x.size else np.zeros(1)
    dc = float(heard.mean())
    total = float(np.mean((heard - dc) ** 2))
    density, width_hz = _density(heard - dc, rate)
    hum = {mains: _hum(density, width_hz, mains) for mains in _MAINS_HZ}
    mains = max(hum, key=lambda hz: hum[hz])
    power = min(hum[mains], total)
    return Quiet(_db(total), _db(total - power), dc, mains if power > 0 else None, _db(power))


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, _FAINT)))


def _density(x: Floats, rate: int) -> tuple[Floats, float]:
    """Power per bin of a windowed spectrum, and the width of a bin [Hz]."""
    window = np.hanning(x.size + 2)[1:-1]
    power = 2 * np.abs(np.fft.rfft(x * window)) ** 2 / (x.size * np.sum(window**2))
    return power, rate / x.size


def _hum(density: Floats, width_hz: float, mains_hz: int) -> float:
    """Power of a mains frequency and its harmonics, of those that stand out."""
    total = 0.0
    for harmonic in range(1, _HARMONICS + 1):
        hz = harmonic * mains_hz
        near = slice(_at(hz - _WIDTH_HZ, width_hz), _at(hz + _WIDTH_HZ, width_hz) + 1)
        around = slice(_at(hz - _BESIDE_HZ, width_hz), _at(hz + _BESIDE_HZ, width_hz) + 1)
        if around.stop > density.size:
            break
        beside = float(np.median(density[around]))
        line = float(density[near].sum()) - beside * (near.stop - near.start)
        if line > beside * (near.stop - near.start) * 10 ** (_CLEAR_DB / 10):
            total += line
    return total


def _at(hz: float, width_hz: float) -> int:
    return max(round(hz / width_hz), 0)
