"""Least squares from running sums: the part of prediction that solves."""

from __future__ import annotations

import numpy as np
from numba import njit

_MOST = 64.0  # weights beyond this come from a degenerate system


@njit(cache=True, nogil=True)
def solve(
    sums: np.ndarray,
    channel: int,
    block: int,
    n: int,
    ridge: float,
    work: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Weights of n features in 1/65536, from the sums of three neighbouring blocks.

    sums     (channels, blocks + 2, s, s) float64, s > n + 1; lower triangles of sums of products,
             row n holding those with the value to predict
    ridge    added to the diagonal
    work     (s + 2, s) float64, overwritten
    weights  (channels, s) int64; the row of `channel` is replaced, unless the system is not
             positive definite or leads to absurd weights

    LDL^T elimination, two pivots and two rows at a time (a quarter of the passes over the
    matrix), the right-hand side carried along as row n; then back substitution.
    """
    first = work.shape[0] - 2
    second = first + 1
    for i in range(n + 1):
        for j in range(i + 1):
            work[i, j] = (
                sums[channel, block - 1, i, j]
                + sums[channel, block, i, j]
                + sums[channel, block + 1, i, j]
            )
    for i in range(n):
        work[i, i] += ridge
    work[n + 1, : n + 2] = 0.0  # takes part as the second row of the last pair
    for k in range(0, n - 1, 2):
        pivot = work[k, k]
        if not pivot > 0.0:
            return
        inverse = 1.0 / pivot
        factor = work[k + 1, k] * inverse
        pivot = work[k + 1, k + 1] - factor * work[k + 1, k]
        if not pivot > 0.0:
            return
        inverse_next = 1.0 / pivot
        work[k + 1, k] = factor
        for i in range(k + 2, n + 1):
            a = work[i, k]
            b = work[i, k + 1] - factor * a
            work[first, i] = a
            work[second, i] = b
            work[i, k] = a * inverse
            work[i, k + 1] = b * inverse_next
        for i in range(k + 2, n + 1, 2):
            f, g = work[i, k], work[i, k + 1]
            f_next, g_next = work[i + 1, k], work[i + 1, k + 1]
            for j in range(k + 2, i + 2):
                work[i, j] -= f * work[first, j] + g * work[second, j]
                work[i + 1, j] -= f_next * work[first, j] + g_next * work[second, j]
    if n & 1:
        if not work[n - 1, n - 1] > 0.0:
            return
        work[n, n - 1] /= work[n - 1, n - 1]
    for k in range(n - 1, -1, -1):
        value = work[n, k]
        for i in range(k + 1, n):
            value -= work[i, k] * work[first, i]
        work[first, k] = value
        if not abs(value) < _MOST:
            return
    for k in range(n):
        weights[channel, k] = np.int64(np.floor(work[first, k] * 65536.0 + 0.5))
