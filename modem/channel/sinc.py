"""Band-limited interpolation: the value of a sampled signal at any times.

Kept apart from the modem's own resampler on purpose: a channel that shared code with the receiver
would hide the receiver's mistakes.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from modem.channel.signal import Samples

# A Kaiser window of 110 dB whose transition reaches from 0.95 to 1.05 of the lower Nyquist
# frequency: length = (A - 8) / (2.285 * width), width = 0.05 * 2 pi.
_ATTENUATION_DB = 110.0
HALF_TAPS = 72
_PHASES = 1024
_BLOCK = 1 << 16


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _interpolate(
    x: Samples, positions: NDArray[np.float64], table: Samples, out: Samples
) -> None:  # pragma: no cover
    """out[i] = x(positions[i]), zero outside; table is linear between its rows (phases)."""
    phases = table.shape[0] - 1
    taps = table.shape[1]
    for i in range(positions.size):
        whole = math.floor(positions[i])
        phase = (positions[i] - whole) * phases
        row = min(int(phase), phases - 1)
        weight = np.float32(phase - row)
        low = table[row]
        high = table[row + 1]
        first = whole - taps // 2 + 1
        total = np.float32(0.0)
        for k in range(max(0, -first), min(taps, x.size - first)):
            total += x[first + k] * (low[k] + weight * (high[k] - low[k]))
        out[i] = total


@lru_cache(maxsize=8)
def _table(cutoff: float) -> Samples:
    """(phases + 1, taps) windowed sinc low pass; cutoff is relative to the input's Nyquist."""
    half = math.ceil(HALF_TAPS / cutoff)
    phases = max(64, math.ceil(_PHASES * cutoff))
    beta = 0.1102 * (_ATTENUATION_DB - 8.7)
    fraction = np.arange(phases + 1)[:, None] / phases
    time = np.arange(2 * half)[None, :] - (half - 1) - fraction
    window = np.i0(beta * np.sqrt(np.clip(1 - (time / half) ** 2, 0, None))) / np.i0(beta)
    return np.ascontiguousarray(cutoff * np.sinc(cutoff * time) * window, dtype=np.float32)


def at_times(
    x: Samples, blocks: Iterator[NDArray[np.float64]], count: int, cutoff: float
) -> Samples:
    """Values of x at times given in input samples, in blocks that add up to count.

    cutoff  (0, 1], relative to the input's Nyquist frequency: below 1 when the output is slower
    """
    out = np.empty(count, np.float32)
    done = 0
    table = _table(min(1.0, round(cutoff, 4)))
    x = np.ascontiguousarray(x, dtype=np.float32)
    for positions in blocks:
        _interpolate(x, positions, table, out[done : done + positions.size])
        done += positions.size
    return out


def resample(x: Samples, ratio: float) -> Samples:
    """x at `ratio` times its sample rate; clean to 0.95 of the lower Nyquist frequency.

    Output sample m is x at time m / ratio; there are round(n * ratio) of them.
    """
    if ratio == 1.0:
        return x
    count = round(x.size * ratio)
    times = (
        np.arange(start, min(start + _BLOCK, count)) / ratio for start in range(0, count, _BLOCK)
    )
    return at_times(x, times, count, min(1.0, ratio))
