"""Margins that spare prediction the question whether a neighbour exists."""

from __future__ import annotations

import numpy as np
from numba import njit

PAD = 3  # columns on either side of a row


@njit(cache=True, nogil=True)
def pad_start(rows: np.ndarray, now: int, up: int) -> None:
    """Give a new row, in every channel, a left margin: the first sample of the row above."""
    for k in range(rows.shape[0]):
        for i in range(PAD):
            rows[k, now, i] = rows[k, up, PAD]


@njit(cache=True, nogil=True)
def pad_end(rows: np.ndarray, now: int, width: int) -> None:
    """Extend a finished row by copies of its last sample; its margin becomes its first."""
    for k in range(rows.shape[0]):
        for i in range(PAD):
            rows[k, now, i] = rows[k, now, PAD]
            rows[k, now, width + PAD + i] = rows[k, now, width + PAD - 1]
