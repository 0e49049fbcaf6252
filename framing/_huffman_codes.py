"""The codes of the Huffman coder: lengths, bits, and how they are written. Numba kernels.

They take arrays and never read outside them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int = Any  # int outside of the kernels, int64 inside
U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]
I16 = NDArray[np.int16]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

LENGTH_MAX = 11  # longest code [bits]; a decoding table has 2**LENGTH_MAX entries
STREAMS = 4  # of a chunk that is not short
CLASSES_MAX = 8  # codes of a chunk; the decoding tables of all of them fit a first-level cache
TABLE_BYTES_MAX = CLASSES_MAX * 640 + 128  # a code: 256 symbols at 7 bits of length, 9 of runs
_FIRST_GUESS = 8  # the code length that the first present symbol is compared with

_NEVER = 1 << 40  # above any weight


@njit(cache=True, nogil=True)
def plan_lengths(counts: I32, lengths: U8) -> Int:
    """Code lengths of at most LENGTH_MAX bits for symbols that occur `counts` times.

    counts   (codes, 256) int32, 0..65535 or one alone in its row; no row all zero
    lengths  (codes, 256) uint8, filled; 0 for a symbol that does not occur, 1 for one alone
    returns  the bits of all symbols together; one that is alone in its code takes none
    Source: Huffman's code, from two queues (van Leeuwen, ICALP 1976). Where that is longer, its
    codes are cut, which on text and pixels stays within a thousandth of the best bounded code.
    """
    bits = 0
    for i in range(counts.shape[0]):
        bits += _plan_code(counts[i], lengths[i])
    return bits


@njit(cache=True, nogil=True)
def _plan_code(counts: I32, lengths: U8) -> Int:
    order = np.empty(256, np.int64)
    n = _ascending(counts, order)
    lengths[:] = 0
    if n == 1:
        lengths[order[0]] = 1
        return 0
    weights = np.empty(2 * n, np.int64)  # of the leaves, rarest first, and then of the inner nodes
    parents = np.empty(2 * n, np.int64)
    for i in range(n):
        weights[i] = counts[order[i]]
    leaf, inner = 0, n
    for node in range(n, 2 * n - 1):
        weight = np.int64(0)
        for _ in range(2):
            first = weights[leaf] if leaf < n else _NEVER
            second = weights[inner] if inner < node else _NEVER
            take = first <= second
            parents[leaf if take else inner] = node
            weight += first if take else second
            leaf += take
            inner += not take
        weights[node] = weight
    depths = parents
    depths[2 * n - 2] = 0
    for node in range(2 * n - 3, -1, -1):
        depths[node] = depths[parents[node]] + 1
    per_length = np.zeros(LENGTH_MAX + 1, np.int64)
    excess = -(1 << LENGTH_MAX)  # over a full code, in codes of LENGTH_MAX bits
    for i in range(n):
        length = min(depths[i], LENGTH_MAX)
        per_length[length] += 1
        excess += 1 << (LENGTH_MAX - length)
    _fit(per_length, weights, excess)
    bits = np.int64(0)
    i = 0
    for length in range(LENGTH_MAX, 0, -1):
        for _ in range(per_length[length]):
            lengths[order[i]] = length
            bits += length * weights[i]
            i += 1
    return bits


@njit(cache=True, nogil=True)
def _fit(per_length: I64, weights: I64, excess: Int) -> None:
    """Make a code full that needs `excess` codes of LENGTH_MAX bits more than there are.

    per_length  (LENGTH_MAX + 1,) int64, changed: codes of each length
    weights     of the symbols, rarest first; a rarer one never has a shorter code

    What costs least for what it frees is made longer by a bit, until it suffices; what is free
    then makes those shorter that gain most.
    """
    while excess > 0:
        rarer = per_length[LENGTH_MAX]
        longer, cost, freed = 0, np.int64(_NEVER), 1
        for length in range(LENGTH_MAX - 1, 0, -1):
            if per_length[length]:
                frees = min(1 << (LENGTH_MAX - 1 - length), excess)
                if weights[rarer] * freed < cost * frees:
                    longer, cost, freed = length, weights[rarer], frees
            rarer += per_length[length]
        per_length[longer] -= 1
        per_length[longer + 1] += 1
        excess -= 1 << (LENGTH_MAX - 1 - longer)
    while excess < 0:
        rarer = 0
        shorter, gain, taken = 0, np.int64(0), 1
        for length in range(LENGTH_MAX, 1, -1):
            takes = 1 << (LENGTH_MAX - length)
            rarer += per_length[length]
            fits = per_length[length] > 0 and takes <= -excess
            if fits and weights[rarer - 1] * taken > gain * takes:
                shorter, gain, taken = length, weights[rarer - 1], takes
        per_length[shorter] -= 1
        per_length[shorter - 1] += 1
        excess += taken


@njit(cache=True, nogil=True)
def _ascending(counts: I32, order: I64) -> Int:
    """The symbols that occur, rarest first, then by value, into `order`; returns how many."""
    places = np.zeros((2, 257), np.int64)
    n = 0
    for symbol in range(256):
        count = counts[symbol]
        if count:
            places[0, (count & 255) + 1] += 1
            places[1, (count >> 8 & 255) + 1] += 1
            n += 1
    for digit in range(256):
        places[0, digit + 1] += places[0, digit]
        places[1, digit + 1] += places[1, digit]
    by_low = np.empty(256, np.int64)
    for symbol in range(256):
        if counts[symbol]:
            digit = counts[symbol] & 255
            by_low[places[0, digit]] = symbol
            places[0, digit] += 1
    for i in range(n):
        symbol = by_low[i]
        digit = counts[symbol] >> 8 & 255
        order[places[1, digit]] = symbol
        places[1, digit] += 1
    return n


@njit(cache=True, nogil=True)
def canonical_codes(lengths: U8, codes: U32) -> bool:
    """Codes (codes, 256) uint32, filled: length << 16 | bits, first bit lowest; False if not full.

    The code of a symbol that is alone in its row of lengths (codes, 256) uint8 has no bits.
    """
    full = True
    for i in range(lengths.shape[0]):
        full &= _canonical_code(lengths[i], codes[i])
    return full


@njit(cache=True, nogil=True)
def _canonical_code(lengths: U8, codes: U32) -> bool:
    per_length = np.zeros(LENGTH_MAX + 2, np.int64)
    for symbol in range(256):
        codes[symbol] = 0
        per_length[lengths[symbol]] += 1
    if per_length[0] == 255 and per_length[1] == 1:
        return True
    per_length[0] = 0
    following = np.zeros(LENGTH_MAX + 2, np.int64)
    total = 0
    for length in range(1, LENGTH_MAX + 1):
        following[length + 1] = (following[length] + per_length[length]) << 1
        total += per_length[length] << (LENGTH_MAX - length)
    if total != 1 << LENGTH_MAX:
        return False
    for symbol in range(256):
        length = lengths[symbol]
        code = following[length]
        following[length] += 1
        bits = 0
        for _ in range(length):
            bits = bits << 1 | code & 1
            code >>= 1
        codes[symbol] = length << 16 | bits
    return True


@njit(cache=True, nogil=True)
def _put_gamma(table: U8, at: Int, value: Int) -> Int:
    """Elias gamma code of value >= 1 at bit `at`: zeros, a one, the bits below its highest."""
    width = 0
    while value >> (width + 1):
        width += 1
    at += width
    table[at >> 3] |= 1 << (at & 7)
    at += 1
    for i in range(width):
        table[at >> 3] |= (value >> i & 1) << (at & 7)
        at += 1
    return at


@njit(cache=True, nogil=True)
def _get_gamma(data: U8, at: Int) -> tuple[Int, Int]:
    """(value, next bit); value 0 where the data end or the value has more than 10 bits."""
    end = data.size * 8
    width = 0
    while at < end and not data[at >> 3] >> (at & 7) & 1:
        width += 1
        at += 1
    at += 1
    if width > 9 or at + width > end:
        return 0, at
    value = 1 << width
    for i in range(width):
        value |= (data[at >> 3] >> (at & 7) & 1) << i
        at += 1
    return value, at


@njit(cache=True, nogil=True)
def write_lengths(lengths: U8, table: U8, at: Int) -> Int:
    """Runs of absent and present symbols in turn, then the changes of length, from bit `at` on.

    lengths  (256,) uint8
    table    (TABLE_BYTES_MAX,) uint8, zero from `at` on
    returns  the next bit
    """
    symbol = 0
    present = False
    symbols = 0
    while symbol < 256:
        run = 0
        while symbol < 256 and (lengths[symbol] > 0) == present:
            run += 1
            symbol += 1
        at = _put_gamma(table, at, run + 1 if symbol == run and not present else run)
        symbols += run if present else 0
        present = not present
    if symbols > 1:
        previous: Int = _FIRST_GUESS
        for symbol in range(256):
            if lengths[symbol] > 0:
                change = np.int64(lengths[symbol]) - previous
                at = _put_gamma(table, at, 2 * change + 1 if change >= 0 else -2 * change)
                previous += change
    return at


@njit(cache=True, nogil=True)
def read_lengths(data: U8, at: Int, lengths: U8) -> tuple[Int, Int]:
    """The code lengths at bit `at` of `data` (n,) uint8, into lengths (256,) uint8.

    Returns (next bit, symbols); next bit is -1 for lengths that are out of range.
    """
    symbol = symbols = 0
    present = False
    while symbol < 256:
        run, at = _get_gamma(data, at)
        if run == 0:
            return -1, 0
        if symbol == 0 and not present:
            run -= 1
        if symbol + run > 256:
            return -1, 0
        for i in range(symbol, symbol + run):
            lengths[i] = 1 if present else 0
        symbols += run if present else 0
        symbol += run
        present = not present
    if symbols == 0:
        return -1, 0
    if symbols > 1:
        previous: Int = _FIRST_GUESS
        for symbol in range(256):
            if lengths[symbol] > 0:
                value, at = _get_gamma(data, at)
                previous += value >> 1 if value & 1 else -(value >> 1)
                if value == 0 or previous < 1 or previous > LENGTH_MAX:
                    return -1, 0
                lengths[symbol] = previous
    return at, symbols


@njit(cache=True, nogil=True)
def write_classes(lengths: U8, kinds: U8, table: U8) -> Int:
    """The number of codes, their lengths, and the class of each value. Returns the bits.

    lengths  (classes >= 2, 256) uint8
    kinds    (256,) uint8: the class of the bytes that follow a value
    """
    classes = lengths.shape[0]
    at = _put_gamma(table, 0, classes - 1)
    for i in range(classes):
        at = write_lengths(lengths[i], table, at)
    width = _class_bits(classes)
    for symbol in range(256):
        if symbol == 0 or lengths[:, symbol].any():
            for i in range(width):
                table[at >> 3] |= (kinds[symbol] >> i & 1) << (at & 7)
                at += 1
    return at


@njit(cache=True, nogil=True)
def read_classes(data: U8, lengths: U8, kinds: U8) -> tuple[Int, Int]:
    """What `write_classes` wrote, from the start of `data` (n,) uint8.

    lengths  (CLASSES_MAX, 256) uint8, zero
    kinds    (256,) uint8, zero
    returns  (next bit, classes); next bit is -1 for what is out of range
    """
    value, at = _get_gamma(data, 0)
    classes = value + 1
    if classes < 2 or classes > CLASSES_MAX:
        return -1, 0
    for i in range(classes):
        at, _ = read_lengths(data, at, lengths[i])
        if at < 0:
            return -1, 0
    width = _class_bits(classes)
    for symbol in range(256):
        if symbol == 0 or lengths[:, symbol].any():
            if at + width > 8 * data.size:
                return -1, 0
            kind = 0
            for i in range(width):
                kind |= (data[at >> 3] >> (at & 7) & 1) << i
                at += 1
            if kind >= classes:
                return -1, 0
            kinds[symbol] = kind
    return at, classes


@njit(cache=True, nogil=True)
def _class_bits(classes: Int) -> Int:
    """Bits that hold the numbers of `classes` classes."""
    width = 0
    while (classes - 1) >> width:
        width += 1
    return width
