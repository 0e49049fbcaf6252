"""Hermitian Toeplitz systems against a general solver."""

import numpy as np
import pytest
from scipy.linalg import toeplitz

from modem.toeplitz import solve_toeplitz


@pytest.mark.parametrize("count", [1, 2, 7, 49, 193])
def test_solution_is_that_of_a_general_solver(count: int) -> None:
    """The normal equations of taps that are seen on half of all carriers."""
    rng = np.random.default_rng(count)
    seen = np.zeros(1024)
    seen[40:560] = rng.uniform(0.5, 2, 520)
    column = np.fft.ifft(seen)[:count] * seen.size
    column[0] += 0.01 * count
    wanted = rng.normal(size=(count, 2)) @ (1, 1j)
    exact = np.linalg.solve(toeplitz(column, column.conj()), wanted)
    np.testing.assert_allclose(solve_toeplitz(column, wanted), exact, rtol=1e-7, atol=1e-9)
