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

_ALPHA, _BETA = 0.5, 0.15  # loop gains; the pilots of one symbol already fix the delay well


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
    steps = int(np.ceil(reach / 0.25))
    for s in range(symbols):
        best = -1.0
        chosen = 0
        total = 0.0
        for p in range(count):
            total += abs(pilots[s, p])
        for i in range(2 * steps + 1):
            tau = predicted + (i - steps) * 0.25
            turn = 2j * np.pi * tau / fft_size
            accumulated = 0j
            for p in range(count):
                accumulated += pilots[s, p] * np.exp(turn * bins[s, p])
            score = accumulated.real**2 + accumulated.imag**2
            if score > best:
                best = score
                chosen = i
        tau = predicted + (chosen - steps) * 0.25
        width = 0.25
        for _ in range(3):
            left = 0j
            middle = 0j
            right = 0j
            for p in range(count):
                centre = pilots[s, p] * np.exp(2j * np.pi * tau / fft_size * bins[s, p])
                side = np.exp(2j * np.pi * width / fft_size * bins[s, p])
                left += centre * side.conjugate()
                middle += centre
                right += centre * side
            low = abs(left) ** 2
            high = abs(right) ** 2
            bend = low + high - 2 * abs(middle) ** 2
            if bend < 0:
                tau += min(max(0.5 * width * (low - high) / bend, -width), width)
            width /= 3
        accumulated = 0j
        for p in range(count):
            accumulated += pilots[s, p] * np.exp(2j * np.pi * tau / fft_size * bins[s, p])
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
