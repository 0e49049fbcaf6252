"""Band-limited interpolation at arbitrary instants: rate conversion and clock correction in one.

A Kaiser-windowed sinc is tabulated at PHASES fractions of an input sample and interpolated
linearly between them, which costs 6e-6 (-104 dB) at most. Source: J. O. Smith, Digital Audio
Resampling; Kaiser's length formula: Oppenheim & Schafer, Discrete-Time Signal Processing, 7.5.3.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from modem.errors import ConfigError

PHASES = 512
_ATTENUATION_DB = 90.0


@lru_cache(maxsize=32)
def interpolation_table(
    input_rate: float, output_rate: float, passband_hz: float
) -> NDArray[np.float32]:
    """Taps for reading a signal of `input_rate` at instants `1 / output_rate` apart.

    passband_hz  highest frequency that must come through unharmed [Hz]
    returns      (PHASES + 1, 2 * half) float32; row p holds the taps for a fraction p / PHASES

    What lies above the lower of the two Nyquist frequencies is suppressed as far as it would
    alias below `passband_hz`.
    """
    if min(input_rate, output_rate, passband_hz) <= 0:
        raise ConfigError(
            f"rates and passband must be positive, got {input_rate}, {output_rate}, {passband_hz}"
        )
    cutoff = min(input_rate, output_rate) / 2
    # A passband closer than 4.5 % to the Nyquist frequency would need hundreds of taps.
    edge = min(passband_hz, 0.955 * cutoff)
    transition = 2 * (cutoff - edge) / input_rate  # [cycles per input sample]
    half = int(np.ceil((_ATTENUATION_DB - 8) / (2.285 * 2 * np.pi * transition) / 2)) + 1
    half = -(-half // 8) * 8  # whole SIMD registers
    beta = 0.1102 * (_ATTENUATION_DB - 8.7)
    t = np.arange(-half + 1, half + 1) - np.arange(PHASES + 1)[:, None] / PHASES
    window = np.i0(beta * np.sqrt(np.clip(1 - (t / half) ** 2, 0, 1))) / np.i0(beta)
    taps = 2 * cutoff / input_rate * np.sinc(2 * cutoff / input_rate * t) * window
    taps /= taps.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(taps, np.float32)


@njit(cache=True, nogil=True, fastmath=True)
def interpolate(
    x: NDArray[np.float32],
    table: NDArray[np.float32],
    starts: NDArray[np.float64],
    steps: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Fill out[i, j] with x at position starts[i] + j * steps[i].

    x       (n,) float32; positions outside it read zeros
    table   from interpolation_table
    starts  (m,) float64, steps (m,) float64 [input samples]
    out     (m, count) float32
    """
    phases = table.shape[0] - 1
    taps = table.shape[1]
    half = taps // 2
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            position = starts[i] + j * steps[i]
            base = int(np.floor(position))
            fraction = (position - base) * phases
            row = min(int(fraction), phases - 1)  # a hair below 0 rounds up to a whole sample
            weight = np.float32(fraction - row)
            first = base - half + 1
            total = np.float32(0.0)
            if first >= 0 and first + taps <= x.size:
                # Unsigned, as indices that may be negative keep the loop from being vectorised.
                here, low, high = np.uint64(first), np.uint64(row), np.uint64(row + 1)
                for k in range(np.uint64(taps)):
                    tap = table[low, k] + weight * (table[high, k] - table[low, k])
                    total += x[here + k] * tap
            else:
                for k in range(max(0, -first), min(taps, x.size - first)):
                    total += x[first + k] * (
                        table[row, k] + weight * (table[row + 1, k] - table[row, k])
                    )
            out[i, j] = total


class Resampler:
    """Stage: a stream of `input_rate` to one of `output_rate`; output n lies at n / output_rate."""

    def __init__(self, input_rate: float, output_rate: float, passband_hz: float) -> None:
        self._table = interpolation_table(input_rate, output_rate, passband_hz)
        self._step = input_rate / output_rate
        self._half = self._table.shape[1] // 2
        self._held = np.zeros(self._half, np.float32)
        self._origin = -self._half  # absolute index of the first held sample
        self._made = 0

    def process(self, chunk: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples (n,) in, all those samples out whose look-ahead has arrived."""
        x = np.concatenate((self._held, chunk))
        available = self._origin + x.size - self._half  # positions below this can be read
        end = max(int(np.ceil(available / self._step)), self._made)
        out = np.zeros((1, end - self._made), np.float32)
        if x.any():
            start = np.array([self._made * self._step - self._origin])
            interpolate(x, self._table, start, np.array([self._step]), out)
        self._made = end
        drop = max(int(np.floor(end * self._step)) - self._half - self._origin, 0)
        drop = min(drop, x.size)
        self._held = x[drop:].copy()
        self._origin += drop
        return out[0]
