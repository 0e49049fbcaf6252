"""Cyclic redundancy checks of many blocks at once.

A CRC is linear: the check of a block is the exclusive-or of what each byte
contributes at its distance from the end. One table holds those contributions,
so that a whole batch is one gather and one reduction.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

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
    length = blocks.shape[1]
    # The initial register acts as if it were added to the first bits.
    start = np.zeros(length, np.uint8)
    start[:size] = list(initial.to_bytes(size, "big"))
    table = _contributions(width, polynomial, 1 << (length - 1).bit_length())
    distance = np.arange(length - 1, -1, -1)
    return np.bitwise_xor.reduce(table[distance, blocks ^ start], axis=1)


@lru_cache(maxsize=8)
def _contributions(width: int, polynomial: int, length: int) -> Words:
    """Check of each byte value followed by 0 to length - 1 zero bytes: (length, 256)."""
    top = width - 8
    mask = np.uint32((1 << width) - 1)
    register = np.arange(256, dtype=np.uint32) << top
    for _ in range(8):
        high = register >> (width - 1)
        register = ((register << 1) ^ high * np.uint32(polynomial)) & mask
    table = np.empty((length, 256), np.uint32)
    table[0] = register
    for distance in range(1, length):
        before = table[distance - 1]
        table[distance] = ((before << 8) & mask) ^ register[before >> top]
    return table
