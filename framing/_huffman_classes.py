"""Which byte values share a code for the bytes after them. Numba kernels."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from framing._huffman_codes import CLASSES_MAX, I32, I64, U8, U32, Int

_UNIT = 16  # costs are in 1/16 bit
_CODE_COST = 160 * _UNIT  # what a further code has to save: about what its lengths take
_SMOOTHING = 1 / 8  # weight of the overall statistics in a pattern

_COUNTS = np.arange((1 << 16) + 1)
# n times the logarithm of n, so that a row's cost under a code of its own is a sum of these
WEIGHTS: I32 = np.rint(_UNIT * _COUNTS * np.log2(np.maximum(_COUNTS, 1))).astype(np.int32)


@njit(cache=True, nogil=True)
def count_pairs(data: U8, streams: Int, pairs: U32) -> None:
    """Add to pairs (256, 256) uint32 how often a byte (column) follows one (row) in `data`.

    data  (n,) uint8, n >= 1; the byte before the first one of each stream counts as 0
    """
    quarter = (data.size + streams - 1) // streams
    for stream in range(streams):
        before = np.int64(0)
        for i in range(stream * quarter, min((stream + 1) * quarter, data.size)):
            byte = np.int64(data[i])
            pairs[before, byte] += 1
            before = byte


@njit(cache=True, nogil=True)
def class_counts(pairs: U32, kinds: U8, counts: I32) -> None:
    """Add to counts (classes, 256) int32 how often each byte follows one of each class."""
    for before in range(256):
        row = pairs[before]
        total = counts[kinds[before]]
        for byte in range(256):
            total[byte] += row[byte]


@njit(cache=True, nogil=True)
def choose_classes(pairs: U32, kinds: U8, weights: I32) -> Int:
    """Sort the byte values into classes by what follows them; returns how many classes.

    pairs    of `count_pairs`
    kinds    (256,) uint8, filled: the class of each value
    weights  WEIGHTS

    The value whose followers are coded worst becomes the pattern of a further class, as long as
    this saves more than a code takes; every value joins the class whose pattern suits it best.
    """
    totals = np.zeros(256, np.int64)
    overall = np.zeros(256, np.int64)
    least = np.zeros(256, np.int64)  # cost of a value's followers under a code of their own
    for before in range(256):
        kinds[before] = 0
        row = pairs[before]
        total = weight = np.int64(0)
        for byte in range(256):
            total += row[byte]
        if total:
            for byte in range(256):
                weight += weights[row[byte]]
            for byte in range(256):
                overall[byte] += row[byte]
        totals[before] = total
        least[before] = weights[total] - weight
    everything = totals.sum()
    costs = np.zeros(256, np.int32)
    best = np.full(256, np.int64(1) << 60)
    pattern: Int = totals.argmax()
    classes = 0
    while True:
        followers = totals[pattern]
        most = math.log2(followers * (1 + _SMOOTHING))
        spread = _SMOOTHING * followers / everything
        for byte in range(256):
            if overall[byte]:
                share = pairs[pattern, byte] + spread * overall[byte]
                costs[byte] = _UNIT * (most - math.log2(share))
        worst = np.int64(0)
        for before in range(256):
            if totals[before]:
                cost = _cost(pairs[before], costs)
                if cost < best[before]:
                    best[before] = cost
                    kinds[before] = classes
                if best[before] - least[before] > worst:
                    worst = best[before] - least[before]
                    pattern = before
        classes += 1
        if classes == CLASSES_MAX or worst < _CODE_COST:
            return _close_ranks(kinds, totals)


@njit(cache=True, nogil=True)
def _close_ranks(kinds: U8, totals: I64) -> Int:
    """Number the classes anew without those that all values have left; returns how many remain."""
    number = np.full(CLASSES_MAX, -1, np.int64)
    classes = 0
    for kind in range(CLASSES_MAX):
        for before in range(256):
            if totals[before] and kinds[before] == kind:
                number[kind] = classes
        classes += number[kind] == classes
    for before in range(256):
        kinds[before] = number[kinds[before]] if totals[before] else 0
    return classes


@njit(cache=True, nogil=True)
def _cost(row: U32, costs: I32) -> Int:
    """Of a row of `pairs`; 65536 bytes of at most 20 bits in 1/16 bit fit 32 bits."""
    cost = np.int32(0)
    for byte in range(256):
        cost = np.int32(cost + np.int32(row[byte]) * costs[byte])
    return np.int64(cost)
