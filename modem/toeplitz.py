"""Hermitian Toeplitz systems, as the normal equations of evenly spaced taps are."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, fastmath=True)
def solve_toeplitz(
    column: NDArray[np.complex128], wanted: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """x (n,) with T x = wanted, where T[i, j] is column[i - j] for i >= j and T is Hermitian and
    positive definite, in n**2 steps and in one thread.

    Source: Levinson's recursion (Golub & Van Loan, Matrix Computations, 4.7).
    """
    count = column.size
    solution = np.zeros(count, np.complex128)
    forward = np.zeros(count, np.complex128)  # solves the leading n equations for (1, 0, 0, ...)
    grown = np.zeros(count, np.complex128)
    forward[0] = 1 / column[0]
    solution[0] = wanted[0] / column[0]
    for n in range(1, count):
        beyond = 0j  # what the next equation makes of both
        missed = wanted[n]
        for i in range(n):
            beyond += column[n - i] * forward[i]
            missed -= column[n - i] * solution[i]
        scale = 1 / (1 - (beyond.real**2 + beyond.imag**2))
        for i in range(n + 1):
            backward = forward[n - i].conjugate() if i else 0j
            grown[i] = scale * (forward[i] - beyond * backward)
        for i in range(n + 1):
            forward[i] = grown[i]
        for i in range(n + 1):
            solution[i] += missed * forward[n - i].conjugate()
    return solution
