"""Which byte values share a code for the bytes after them. Numba kernels."""

from __future__ import annotations

import numpy as np
from numba import njit

from framing._huffman_codes import CLASSES_MAX, I16, I32, I64, STREAMS, U8, U32, Int

_UNIT_BITS = 4
_UNIT = 1 << _UNIT_BITS  # costs are in 1/16 bit, and integers: the same bytes on every machine
_CODE_COST = 160 * _UNIT  # what a further code has to save: about what its lengths take
_SMOOTHING = 8  # the overall statistics weigh an eighth of a pattern
_COUNT = 64  # followers are counted in 1/64 beside the smoothing
_FAR = 7  # bits by which what is beyond the table of logarithms is cut
_FREQUENT = 1 / 256  # share of the followers that a value has to have to become a pattern

_COUNTS = np.arange((1 << 16) + 1)
_LOGS = np.log2(np.maximum(_COUNTS, 1))
# n times the logarithm of n, so that a row's cost under a code of its own is a sum of these
WEIGHTS: I32 = np.rint(_UNIT * _COUNTS * _LOGS).astype(np.int32)
LOGS: I16 = np.rint(_UNIT * _LOGS).astype(np.int16)


@njit(cache=True, nogil=True)
def count_pairs(data: U8, streams: Int, pairs: U32) -> None:
    """Add to pairs (256, 256) uint32 how often a byte (column) follows one (row) in `data`.

    data  (n,) uint8, n >= 1; the byte before the first one of each stream counts as 0
    """
    quarter = (data.size + streams - 1) // streams
    common = 0  # bytes of each stream that are counted side by side, as no one waits for another
    a = b = c = d = np.int64(0)
    if streams == STREAMS:
        common = data.size - 3 * quarter  # the last quarter is the shortest
    for i in range(common):
        byte = np.int64(data[i])
        pairs[a, byte] += 1
        a = byte
        byte = np.int64(data[i + quarter])
        pairs[b, byte] += 1
        b = byte
        byte = np.int64(data[i + 2 * quarter])
        pairs[c, byte] += 1
        c = byte
        byte = np.int64(data[i + 3 * quarter])
        pairs[d, byte] += 1
        d = byte
    for stream in range(streams):
        start = stream * quarter + common
        before = np.int64(data[start - 1]) if common else np.int64(0)
        for i in range(start, min((stream + 1) * quarter, data.size)):
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
def least_bits(counts: I32, weights: I32) -> Int:
    """The entropy of counts (classes, 256) int32 under one code for all classes [bits]."""
    everything = least = np.int64(0)
    for byte in range(256):
        total = np.int64(0)
        for kind in range(counts.shape[0]):
            total += counts[kind, byte]
        everything += total
        least -= weights[total]
    return (least + weights[everything]) >> _UNIT_BITS


@njit(cache=True, nogil=True)
def choose_classes(pairs: U32, kinds: U8, weights: I32, logs: I16) -> Int:
    """Sort the byte values into classes by what follows them; returns how many classes.

    pairs    of `count_pairs`
    kinds    (256,) uint8, filled: the class of each value
    weights  WEIGHTS
    logs     LOGS

    The frequent value whose followers are coded worst becomes the pattern of a further class, as
    long as this saves more than a code takes; every value joins the class whose pattern suits it
    best.
    """
    totals = np.zeros(256, np.int64)
    overall = np.zeros(256, np.int64)
    rows = np.empty((256, 256), np.int16)  # of `pairs`, cut where they suffice to compare
    for before in range(256):
        kinds[before] = 0
        row = pairs[before]
        total = np.int64(0)
        for byte in range(256):
            total += row[byte]
        if total:
            for byte in range(256):
                overall[byte] += row[byte]
                rows[before, byte] = min(row[byte], np.uint32(32767))
        totals[before] = total
    everything = totals.sum()
    least = np.zeros(256, np.int64)  # cost of a value's followers under a code of their own
    for before in range(256):
        if totals[before] > _FREQUENT * everything:
            weight = np.int64(0)
            for byte in range(256):
                weight += weights[pairs[before, byte]]
            least[before] = weights[totals[before]] - weight
        else:
            least[before] = np.int64(1) << 60
    costs = np.zeros(256, np.int16)
    best = np.full(256, np.int64(1) << 40)
    pattern: Int = totals.argmax()
    classes = 0
    while True:
        spread = (totals[pattern] * (_COUNT // _SMOOTHING) << 16) // everything
        most = _log(totals[pattern] * (_COUNT + _COUNT // _SMOOTHING), logs)
        for byte in range(256):
            if overall[byte]:
                share = _COUNT * np.int64(pairs[pattern, byte]) + (spread * overall[byte] >> 16)
                costs[byte] = most - _log(share + 1, logs)
        worst = np.int64(0)
        for before in range(256):
            if totals[before]:
                cost = _cost(rows[before], costs)
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
def _log(number: Int, logs: I16) -> Int:
    """Of 1..2**23, in 1/16 bit."""
    if number < logs.size:
        return np.int64(logs[number])
    return logs[number >> _FAR] + (_FAR << _UNIT_BITS)


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
def _cost(row: I16, costs: I16) -> Int:
    """Of a row of followers; 65536 of at most 23 bits in 1/16 bit fit 32 bits."""
    cost = np.int32(0)
    for byte in range(256):
        cost = np.int32(cost + np.int32(np.int32(row[byte]) * np.int32(costs[byte])))
    return np.int64(cost)
