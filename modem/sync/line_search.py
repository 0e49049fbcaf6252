"""Delays of a superframe's symbols below the noise: one straight line through all of them.

A single symbol's pilots then tell next to nothing, all of them together enough: the powers that
every symbol shows at every delay are added along straight lines (a Radon transform, Radon 1917),
and the line with the largest sum is the maximum likelihood estimate of offset and clock where the
phase of each symbol is unknown.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_GRID = 0.25  # spacing of the delays at which powers are tabulated [samples]


@njit(cache=True, nogil=True, fastmath=True)
def _powers(
    pilots: NDArray[np.complex64],
    bins: NDArray[np.int64],
    fft_size: int,
    out: NDArray[np.float64],
) -> None:
    """Fill out (symbols, delays) with |sum z exp(2j pi k tau / N)|**2 at the delays tau = _GRID
    times -(delays // 2) and up, relative to the symbol's energy."""
    for s in range(out.shape[0]):
        energy = 1e-30
        for p in range(pilots.shape[1]):
            energy += abs(pilots[s, p]) ** 2
        for d in range(out.shape[1]):
            turn = 2j * np.pi / fft_size * _GRID * (d - out.shape[1] // 2)
            total = 0j
            for p in range(pilots.shape[1]):
                total += pilots[s, p] * np.exp(turn * bins[s, p])
            out[s, d] = (total.real**2 + total.imag**2) / energy


@njit(cache=True, nogil=True)
def _best_line(
    powers: NDArray[np.float64],
    offsets: NDArray[np.float64],
    slopes: NDArray[np.float64],
) -> tuple[float, float]:
    """Offset and slope [samples, samples per symbol] of the line with the largest sum; symbol s
    lies at offset + slope * (s + 1)."""
    best = -1.0
    chosen = (0.0, 0.0)
    last = powers.shape[1] - 2
    middle = powers.shape[1] // 2
    for offset in offsets:
        for slope in slopes:
            score = 0.0
            for s in range(powers.shape[0]):
                place = (offset + slope * (s + 1)) / _GRID + middle
                low = min(max(int(place), 0), last)
                part = min(max(place - low, 0.0), 1.0)
                score += powers[s, low] + part * (powers[s, low + 1] - powers[s, low])
            if score > best:
                best = score
                chosen = (offset, slope)
    return chosen


def find_line(
    pilots: NDArray[np.complex64],
    bins: NDArray[np.int64],
    fft_size: int,
    offset_reach: float,
    slope_reach: float,
) -> tuple[float, float]:
    """Offset [samples] and slope [samples per symbol] of the symbols' delays.

    pilots        (symbols, p) received times conjugate expected cells
    bins          (symbols, p) their FFT bins
    offset_reach  largest offset that is tried [samples], slope_reach the same of the slope
    """
    symbols = len(pilots)
    reach = offset_reach + slope_reach * symbols
    powers = np.empty((symbols, 2 * int(np.ceil(reach / _GRID)) + 3))
    _powers(np.ascontiguousarray(pilots, np.complex64), bins, fft_size, powers)
    offset, slope = 0.0, 0.0
    wide = np.array([offset_reach, slope_reach])
    step = np.array([_GRID, 2 * _GRID / symbols])
    for _ in range(3):  # coarse to fine
        rows = [
            np.arange(-np.ceil(width / one), np.ceil(width / one) + 1) * one
            for width, one in zip(wide, step, strict=True)
        ]
        offset, slope = _best_line(powers, offset + rows[0], slope + rows[1])
        wide, step = 2 * step, step / 3
    return float(offset), float(slope)


def agreement(pilots: NDArray[np.complexfloating], reach: int) -> NDArray[np.float32]:
    """Coherence (symbols,) of pilots (symbols, p) whose delay is taken off, 0 to 1, from each
    symbol and `reach` neighbours on either side. Its square is S / (S + N) at a flat channel; what
    noise alone would show is taken off."""
    count = pilots.shape[1]
    energy = np.sum(np.abs(pilots) ** 2, axis=1)
    cross = np.abs(pilots.sum(axis=1)) ** 2 - energy
    kernel = np.ones(2 * reach + 1)
    top = np.convolve(cross, kernel, "full")[reach : reach + energy.size]
    bottom = np.convolve(energy, kernel, "full")[reach : reach + energy.size]
    share = top / ((count - 1) * bottom + 1e-30)
    return np.sqrt(np.clip(share, 0, 1)).astype(np.float32)
