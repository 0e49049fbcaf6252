"""Square QAM with Gray labels, and its soft demapper.

A label of m bits is split in halves: the first m/2 choose the in-phase amplitude, the rest the
quadrature amplitude. In each half the first bit is the sign and the last the most fragile.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from modem.errors import ConfigError

MAX_BITS = 14


@lru_cache(maxsize=16)
def amplitudes(bits: int) -> NDArray[np.float32]:
    """(2**(bits/2),) amplitudes of one dimension, indexed by label; both dimensions together have
    mean power 1. Gray labels as in 3GPP TS 38.211, 5.1: all zeros is a positive amplitude."""
    if bits not in range(2, MAX_BITS + 1, 2):
        raise ConfigError(f"bits per symbol must be even and 2 to {MAX_BITS}, got {bits}")
    half = bits // 2
    levels = np.zeros(1 << half)
    for label in range(1 << half):
        value = 1.0
        for j in range(half):  # from the last bit to the first, each folds the axis once more
            sign = 1 - 2 * ((label >> j) & 1)
            value = sign * (2.0**j - value) if j else float(sign)
        levels[label] = value
    return np.asarray(levels / np.sqrt(2 * np.mean(levels**2)), np.float32)


def map_bits(bits: NDArray[np.uint8], order: int) -> NDArray[np.complex64]:
    """Bits (n, order), one per element, to symbols (n,) of mean power 1."""
    levels = amplitudes(order)
    weight = 1 << np.arange(order // 2 - 1, -1, -1)
    labels = bits.reshape(-1, 2, order // 2) @ weight
    return np.asarray(levels[labels[:, 0]] + 1j * levels[labels[:, 1]], np.complex64)


@njit(cache=True, nogil=True, fastmath=True)
def _demap(
    values: NDArray[np.float32],
    variance: NDArray[np.float32],
    levels: NDArray[np.float32],
    half: int,
    out: NDArray[np.float32],
) -> None:
    """Fill out (2 * n, half) for values (2 * n,), I and Q by turns; variance (n,)."""
    zero = np.empty(half, np.float32)
    one = np.empty(half, np.float32)
    for i in range(values.size):
        for j in range(half):
            zero[j] = np.float32(1e30)
            one[j] = np.float32(1e30)
        for label in range(levels.size):
            distance = values[i] - levels[label]
            distance *= distance
            for j in range(half):
                if (label >> (half - 1 - j)) & 1:
                    one[j] = min(one[j], distance)
                else:
                    zero[j] = min(zero[j], distance)
        for j in range(half):
            out[i, j] = (one[j] - zero[j]) / variance[i // 2]


def soft_demap(
    symbols: NDArray[np.complexfloating], noise_var: NDArray[np.floating], order: int
) -> NDArray[np.float32]:
    """Max-log LLRs of received symbols.

    symbols    (n,) complex64, equalised, mean power 1
    noise_var  (n,) float32 > 0, E|w|**2 per complex symbol
    order      bits per symbol, even
    returns    (n, order) float32, ln P(b=0) - ln P(b=1); positive means 0

    Gray labels make the two dimensions independent, so each is searched alone. At the rates in
    use, max-log loses 0.01 dB to the exact sum. Source: Tosato & Bisaglia, IEEE ICC 2002.
    """
    values = np.ascontiguousarray(symbols, np.complex64).view(np.float32)
    out = np.empty((values.size, order // 2), np.float32)
    _demap(values, np.ascontiguousarray(noise_var, np.float32), amplitudes(order), order // 2, out)
    return out.reshape(-1, order)


def hard_decide(symbols: NDArray[np.complex64], order: int) -> NDArray[np.complex64]:
    """The constellation points nearest to the symbols, same shape."""
    step = float(np.min(np.abs(amplitudes(order)))) * 2
    limit = (1 << (order // 2)) - 1
    values = np.ascontiguousarray(symbols, np.complex64).view(np.float32)
    index = np.clip(2 * np.floor(values / step) + 1, -limit, limit)
    return np.asarray(index * (step / 2), np.float32).view(np.complex64)
