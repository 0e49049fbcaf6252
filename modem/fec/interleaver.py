"""Bit interleaving over a whole superframe, and the scrambler.

All code blocks of a superframe share all its cells: a faded carrier, a drop-out or a click costs
every block a few bits rather than one block everything. Within a block the systematic bits go to
the strongest label bits, which is worth 0.24 dB at 256-QAM against a random order.
"""

from __future__ import annotations

import itertools
from math import gcd

import numpy as np
from numba import njit
from numpy.typing import NDArray


def golden_permutation(size: int) -> NDArray[np.int64]:
    """(size,) a permutation whose neighbours lie far apart: i * g mod size, g near the golden
    section of size and coprime to it."""
    step = max(round(size * 0.6180339887), 1)
    while gcd(step, size) != 1:
        step += 1
    return np.arange(size, dtype=np.int64) * step % size


def block_slots(strength: NDArray[np.integer], blocks: int, length: int) -> NDArray[np.int32]:
    """Places of all coded bits.

    strength  (slots,) rank of every bit slot of the superframe, higher is more reliable
    returns   (blocks, length) indices of slots: strongest first in every block, the slots of one
              strength spread over the whole superframe
    """
    order = np.argsort(-np.asarray(strength), kind="stable")
    ranked = np.asarray(strength)[order]
    edges = np.concatenate(([0], np.flatnonzero(np.diff(ranked)) + 1, [ranked.size]))
    spread = np.concatenate(
        [order[low + golden_permutation(high - low)] for low, high in itertools.pairwise(edges)]
    )
    return np.ascontiguousarray(spread[: blocks * length].reshape(length, blocks).T, np.int32)


@njit(cache=True, nogil=True)
def deinterleave(
    llr: NDArray[np.float32],
    slots: NDArray[np.int32],
    scramble: NDArray[np.uint8],
    out: NDArray[np.float32],
) -> None:
    """Fill out (blocks, length) with the LLRs (slots,) of each block's bits, descrambled."""
    # In the order of memory, so that only one thing is fetched from all over it.
    plain = np.empty(llr.size, np.float32)
    for slot in range(llr.size):
        plain[slot] = -llr[slot] if scramble[slot] else llr[slot]
    for block in range(slots.shape[0]):
        for i in range(slots.shape[1]):
            out[block, i] = plain[np.uint32(slots[block, i])]


def scrambling_sequence(size: int) -> NDArray[np.uint8]:
    """(size,) bits of the PRBS x**23 + x**18 + 1 (ITU-T O.150), started with ones.

    Squaring the polynomial is free in GF(2), b[n] = b[n - 18 * 2**j] ^ b[n - 23 * 2**j], so the
    sequence grows by large pieces.
    """
    bits = np.ones(max(size, 23), np.uint8)
    made = 23
    while made < size:
        scale = 1
        while 46 * scale <= made:
            scale *= 2
        near, far = 18 * scale, 23 * scale
        count = min(near, bits.size - made)
        bits[made : made + count] = (
            bits[made - near : made - near + count] ^ bits[made - far : made - far + count]
        )
        made += count
    return bits[:size]
