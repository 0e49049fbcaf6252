"""Cyclic redundancy checks of many blocks at once, a byte at a time."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint32]


def crc24a(blocks: Bytes) -> Words:
    """CRC-24A of each block: (blocks, length >= 3) uint8 -> (blocks,) uint32.

    The register starts at zero, so a block of zeros has check 0.
    Source: 3GPP TS 38.212 5.1; CRC-24/LTE-A in the catalogues.
    """
    return _crc(blocks, 24, 0x864CFB, 0)


def crc16(blocks: Bytes) -> Words:
    """CRC-16 of each block: (blocks, length >= 2) uint8 -> (blocks,) uint32.

    CCITT polynomial, register set to ones: CRC-16/IBM-3740 in the catalogues.
    """
    return _crc(blocks, 16, 0x1021, 0xFFFF)


def _crc(blocks: Bytes, width: int, polynomial: int, initial: int) -> Words:
    blocks = np.asarray(blocks)
    size = width // 8
    if blocks.ndim != 2 or blocks.dtype != np.uint8 or blocks.shape[1] < size:
        got = f"{blocks.shape} {blocks.dtype}"
        raise ValueError(f"blocks must be (blocks, length >= {size}) uint8, got {got}")
    check = np.empty(blocks.shape[0], np.uint32)
    _divide(np.ascontiguousarray(blocks), width, initial, _table(width, polynomial), check)
    return check


@lru_cache(maxsize=2)
def _table(width: int, polynomial: int) -> Words:
    """(256,) what a byte that leaves the register at its top adds to it."""
    register = np.arange(256, dtype=np.uint32) << (width - 8)
    for _ in range(8):
        high = register >> (width - 1)
        register = ((register << 1) ^ high * np.uint32(polynomial)) & np.uint32((1 << width) - 1)
    return np.asarray(register, np.uint32)


@njit(cache=True, nogil=True)
def _divide(blocks: Bytes, width: int, initial: int, table: Words, check: Words) -> None:
    """Fill check (blocks,) with the register's state behind each block."""
    mask = (1 << width) - 1
    for i in range(blocks.shape[0]):
        register = initial
        for j in range(blocks.shape[1]):
            top = (register >> (width - 8)) ^ blocks[i, j]
            register = ((register << 8) & mask) ^ table[top]
        check[i] = register
