"""Reed-Solomon code across blocks: lost blocks are filled from parity blocks.

Byte j of all blocks is one code word over GF(256). The code is that of
`reedsolo.RSCodec(parity)`: polynomial 0x11d, generator 2, first root
alpha**0, data first. Only erasures are filled: a block's own CRC tells which
blocks are lost.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]

MAX_BLOCKS = 255
_PRIMITIVE = 0x11D


class TooManyErasuresError(ValueError):
    """More blocks are lost than there are parity blocks."""


def _tables() -> tuple[Bytes, Bytes, Bytes]:
    """Powers of 2 (255,), inverses (256,) and products (256, 256) in GF(256)."""
    power = np.empty(255, np.uint8)
    log = np.zeros(256, np.int64)
    value = 1
    for exponent in range(255):
        power[exponent] = value
        log[value] = exponent
        value <<= 1
        if value & 0x100:
            value ^= _PRIMITIVE
    product = power[(log[:, None] + log) % 255]
    product[0] = product[:, 0] = 0
    return power, power[-log % 255], product


_POWER, _INVERSE, _PRODUCT = _tables()


@njit(cache=True, nogil=True)
def _combine(weights: Bytes, blocks: Bytes, product: Bytes) -> Bytes:
    """Matrix product weights (m, k) times blocks (k, size) in GF(256)."""
    out = np.zeros((weights.shape[0], blocks.shape[1]), np.uint8)
    for row in range(weights.shape[0]):
        for k in range(blocks.shape[0]):
            times = product[weights[row, k]]
            for j in range(blocks.shape[1]):
                out[row, j] ^= times[blocks[k, j]]
    return out


def _inverse(matrix: Bytes) -> Bytes:
    """Inverse of a square matrix whose leading minors are not zero, by Gauss-Jordan."""
    size = matrix.shape[0]
    work = np.concatenate((matrix, np.eye(size, dtype=np.uint8)), axis=1)
    for k in range(size):
        work[k] = _PRODUCT[_INVERSE[work[k, k]], work[k]]
        factors = work[:, k].copy()
        factors[k] = 0
        work ^= _PRODUCT[factors[:, None], work[k]]
    return work[:, size:]


@lru_cache(maxsize=64)
def _weights(blocks: int, lost: tuple[int, ...]) -> Bytes:
    """What each block that is there contributes to each lost one: (lost, blocks - lost).

    The first len(lost) check equations of the code, sum over j of c_j * x_j**i = 0 with
    x_j = 2**(blocks - 1 - j), solved for the lost c_j. Every leading minor of that
    system is a Vandermonde determinant of distinct x_j, hence not zero.
    """
    check = _POWER[np.outer(np.arange(len(lost)), blocks - 1 - np.arange(blocks)) % 255]
    there = np.delete(np.arange(blocks), lost)
    return _combine(_inverse(check[:, list(lost)]), check[:, there], _PRODUCT)


def encode(blocks: Bytes, parity: int) -> Bytes:
    """Parity blocks (parity, size) of data blocks (k, size) uint8; k + parity <= 255."""
    # Read-only input, as np.frombuffer gives, would make numba compile the kernel again.
    blocks = np.require(blocks, requirements=("C", "W"))
    count = blocks.shape[0] + parity
    _check(blocks, count, parity)
    weights = _weights(count, tuple(range(blocks.shape[0], count)))
    return _combine(weights, blocks, _PRODUCT)


def recover(blocks: Bytes, erased: npt.NDArray[np.bool_], parity: int) -> Bytes:
    """Data blocks (k, size) of received data and parity blocks (k + parity, size).

    erased  (k + parity,) bool, which blocks are lost; what they hold is not read
    Raises TooManyErasuresError where more than `parity` blocks are lost.
    """
    _check(blocks, blocks.shape[0], parity)
    erased = np.asarray(erased, np.bool_)
    if erased.shape != blocks.shape[:1]:
        raise ValueError(f"erased must be ({blocks.shape[0]},), got {erased.shape}")
    data = blocks[: blocks.shape[0] - parity].copy()
    lost = np.flatnonzero(erased)
    if lost.size > parity:
        raise TooManyErasuresError(f"{lost.size} of {blocks.shape[0]} blocks lost, parity {parity}")
    lost_data = lost[lost < data.shape[0]]
    if lost_data.size:
        weights = _weights(blocks.shape[0], tuple(lost.tolist()))
        data[lost_data] = _combine(weights[: lost_data.size], blocks[~erased], _PRODUCT)
    return data


def _check(blocks: Bytes, count: int, parity: int) -> None:
    if blocks.ndim != 2 or blocks.dtype != np.uint8:
        raise ValueError(f"blocks must be (count, size) uint8, got {blocks.shape} {blocks.dtype}")
    if not 0 <= parity < count <= MAX_BLOCKS:
        raise ValueError(
            f"data + parity must be at most {MAX_BLOCKS}, got {count}, {parity} parity"
        )
