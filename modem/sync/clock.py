"""Tracking of delay, phase and gain from symbol to symbol.

A difference of sampling clocks and a change of the path's length are both pure delays: they turn
the phase of carrier k in proportion to k. So one delay is fitted over all pilots of a symbol,
followed by a second-order (alpha-beta) loop from symbol to symbol.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from modem.equalizer import moving_average

_GRID = 0.25  # spacing of the delays that are tried first [samples]
_ALPHA, _BETA = 0.5, 0.15  # loop gains; the pilots of one symbol already fix the delay well


@njit(nogil=True)
def _turn_all(
    pilots: NDArray[np.complex64],
    angle: NDArray[np.float64],
    tau: float,
    out: NDArray[np.float64],
) -> None:
    """Pilots with a delay taken off."""
    for p in range(pilots.size):
        turned = pilots[p] * np.exp(1j * tau * angle[p])
        out[0, p] = turned.real
        out[1, p] = turned.imag


@njit(nogil=True, fastmath=True)
def _step(pilots: NDArray[np.float64], turn: NDArray[np.float64]) -> float:
    """Power of the sum of the pilots, which are then turned on to the next delay."""
    real = 0.0
    imag = 0.0
    for p in range(pilots.shape[1]):
        a, b = pilots[0, p], pilots[1, p]
        real += a
        imag += b
        pilots[0, p] = a * turn[0, p] - b * turn[1, p]
        pilots[1, p] = a * turn[1, p] + b * turn[0, p]
    return real * real + imag * imag


@njit(nogil=True, fastmath=True)
def _around(pilots: NDArray[np.float64], turn: NDArray[np.float64]) -> tuple[float, float, float]:
    """Powers of the sums of the pilots turned back, as they are, and turned on."""
    real = 0.0
    imag = 0.0
    even_real = 0.0  # what turning either way changes alike, and what it changes oppositely
    even_imag = 0.0
    odd_real = 0.0
    odd_imag = 0.0
    for p in range(pilots.shape[1]):
        a, b = pilots[0, p], pilots[1, p]
        real += a
        imag += b
        even_real += a * turn[0, p]
        even_imag += b * turn[0, p]
        odd_real -= b * turn[1, p]
        odd_imag += a * turn[1, p]
    low = (even_real - odd_real) ** 2 + (even_imag - odd_imag) ** 2
    high = (even_real + odd_real) ** 2 + (even_imag + odd_imag) ** 2
    return low, real * real + imag * imag, high


@njit(cache=True, nogil=True)
def track_delays(
    pilots: NDArray[np.complex64],
    bins: NDArray[np.int64],
    fft_size: int,
    reach: float,
    delays: NDArray[np.float64],
    gains: NDArray[np.complex128],
    quality: NDArray[np.float32],
) -> None:
    """Fit exp(-2j pi k tau / N) and a complex gain to the pilots of each symbol.

    pilots   (symbols, p) complex64, received times conjugate expected cells (a matched filter)
    bins     (symbols, p) int64, FFT bins of the pilots
    reach    largest step between prediction and measurement [samples]
    delays   (symbols,) float64, filled: delay [samples], positive is late
    gains    (symbols,) complex128, filled: mean of the pilots after the delay is taken off
    quality  (symbols,) float32, filled: coherence of the pilots, 0 to 1

    The maximum of |sum z exp(2j pi k tau / N)| is searched on a grid around the prediction and
    then refined by a parabola. Source: maximum likelihood delay of a known signal in white noise.
    """
    symbols, count = pilots.shape
    predicted = 0.0
    slope = 0.0  # change of the delay per symbol [samples]
    steps = int(np.ceil(reach / _GRID))
    centre = np.empty((2, count))  # real and imaginary parts: as complex numbers they would not
    side = np.empty((3, 2, count))  # be handled several at a time
    angle = np.empty(count)
    for s in range(symbols):
        total = 0.0
        for p in range(count):
            total += abs(pilots[s, p])
            angle[p] = 2 * np.pi / fft_size * bins[s, p]
            turn = np.exp(1j * angle[p] * _GRID / 9)
            for i in range(2, -1, -1):
                side[i, 0, p] = turn.real
                side[i, 1, p] = turn.imag
                turn = turn * turn * turn
        best = -1.0
        chosen = 0
        _turn_all(pilots[s], angle, predicted - steps * _GRID, centre)
        for i in range(2 * steps + 1):
            score = _step(centre, side[0])
            if score > best:
                best = score
                chosen = i
        tau = predicted + (chosen - steps) * _GRID
        width = _GRID
        for i in range(3):
            _turn_all(pilots[s], angle, tau, centre)
            low, middle, high = _around(centre, side[i])
            bend = low + high - 2 * middle
            if bend < 0:
                tau += min(max(0.5 * width * (low - high) / bend, -width), width)
            width /= 3
        _turn_all(pilots[s], angle, tau, centre)
        accumulated = complex(centre[0].sum(), centre[1].sum())
        delays[s] = tau
        gains[s] = accumulated / count
        quality[s] = abs(accumulated) / total if total > 0 else 0.0
        trust = quality[s] ** 4
        error = tau - predicted
        slope += _BETA * trust * error
        predicted += _ALPHA * trust * error + slope


def reliability(coherence: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weight of each symbol's estimates: the inverse of their variance, which is in proportion to
    the incoherent part of the pilots."""
    return 1 / (1.0001 - np.minimum(coherence.astype(np.float64), 1.0) ** 2)


def fit_line(
    delays: NDArray[np.float64], coherence: NDArray[np.float32], slip: int | None = None
) -> tuple[float, float]:
    """Slope [samples per symbol] of delays (symbols,), and the jump [samples] at symbol `slip`.

    Symbols without coherent pilots do not count, nor do those that lie off the line.
    """
    s = np.arange(delays.size, dtype=np.float64)
    columns = [np.ones_like(s), s]
    if slip is not None and 2 <= slip <= delays.size - 2:
        columns.append((s >= slip).astype(np.float64))
    model = np.stack(columns, axis=1)
    weight = np.sqrt(reliability(coherence))
    near = coherence > 0.8 * coherence.max()
    fit = np.zeros(3)
    for _ in range(4):
        rows = np.flatnonzero(near)
        if rows.size < model.shape[1]:
            break
        w = weight[rows]
        fit[: model.shape[1]] = np.linalg.lstsq(
            model[rows] * w[:, None], delays[rows] * w, rcond=None
        )[0]
        residual = np.abs(delays - model @ fit[: model.shape[1]])
        near &= residual <= 4 * np.median(residual[rows]) + 0.02
    return float(fit[1]), float(fit[2])


def fit_from(start: float, delays: NDArray[np.float64], coherence: NDArray[np.float32]) -> float:
    """Slope [samples per symbol] of delays (symbols,) along a line through `start`, the delay of
    the symbol before the first: where there are too few symbols for a free line."""
    s = np.arange(1, delays.size + 1, dtype=np.float64)
    weight = reliability(coherence)
    return float(np.sum(weight * s * (delays - start)) / np.sum(weight * s * s))


def steady(values: NDArray, coherence: NDArray[np.float32], reach: int = 2) -> NDArray:
    """Estimates of single symbols (symbols,) averaged over neighbours by their reliability."""
    return moving_average(values, reach, reliability(coherence))
