"""The numba kernels of the Huffman coder. They take arrays and never read outside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Int = Any  # int outside of the kernels, int64 inside
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
I64 = NDArray[np.int64]

LENGTH_MAX = 12  # longest code [bits]; the decoding table has 2**LENGTH_MAX entries
STREAMS = 4
TABLE_BYTES_MAX = 640  # 256 symbols at 7 bits of length and 9 of runs, and room to spare
_FIRST_GUESS = 8  # the code length that the first present symbol is compared with

_LEVEL = 512  # most entries of one level of the package-merge lists
_NEVER = 1 << 62

_TABLE = 1 << LENGTH_MAX
_MASK = _TABLE - 1


def stream_words(size: Int, streams: Int) -> Int:
    """Words of 32 bits set apart for each stream: its longest possible content and two to spare."""
    quarter = (size + streams - 1) // streams
    return (quarter * LENGTH_MAX) // 32 + 4


@njit(cache=True, nogil=True)
def plan_lengths(data: U8, lengths: U8) -> tuple[Int, Int]:
    """Optimal code lengths of at most LENGTH_MAX bits for `data` (n >= 1,) uint8.

    lengths  (256,) uint8, filled; 0 for a symbol that does not occur, 1 for one that is alone
    returns  (symbols that occur, bits of all codes of the data; 0 for a single symbol)
    Source: the package-merge algorithm, Larmore & Hirschberg, JACM 1990.
    """
    counts = np.zeros(256, np.int64)
    odd = np.zeros(256, np.int64)  # two histograms: runs of a byte do not wait for each other
    for i in range(0, data.size - 1, 2):
        counts[data[i]] += 1
        odd[data[i + 1]] += 1
    if data.size & 1:
        counts[data[data.size - 1]] += 1
    order = np.empty(256, np.int64)
    n = 0
    for symbol in range(256):
        lengths[symbol] = 0
        counts[symbol] += odd[symbol]
        if counts[symbol] > 0:
            i = n
            while i > 0 and counts[order[i - 1]] > counts[symbol]:
                order[i] = order[i - 1]
                i -= 1
            order[i] = symbol
            n += 1
    if n == 1:
        lengths[order[0]] = 1
        return 1, 0
    is_leaf = np.empty(LENGTH_MAX * _LEVEL, np.uint8)
    weights = np.empty(_LEVEL, np.int64)
    merged = np.empty(_LEVEL, np.int64)
    size = 0  # of the list one level deeper: none below the deepest
    for level in range(LENGTH_MAX):
        packages = size // 2
        leaf = package = 0
        size = n + packages
        for i in range(size):
            pair = _NEVER
            if package < packages:
                pair = weights[2 * package] + weights[2 * package + 1]
            if leaf < n and counts[order[leaf]] <= pair:
                merged[i] = counts[order[leaf]]
                is_leaf[level * _LEVEL + i] = 1
                leaf += 1
            else:
                merged[i] = pair
                is_leaf[level * _LEVEL + i] = 0
                package += 1
        weights, merged = merged, weights
    taken = 2 * n - 2
    for level in range(LENGTH_MAX - 1, -1, -1):
        leaves = 0
        for i in range(taken):
            if is_leaf[level * _LEVEL + i]:
                lengths[order[leaves]] += 1
                leaves += 1
        taken = 2 * (taken - leaves)
    bits = 0
    for i in range(n):
        bits += counts[order[i]] * lengths[order[i]]
    return n, bits


@njit(cache=True, nogil=True)
def canonical_codes(lengths: U8, codes: U32) -> bool:
    """Codes (256,) uint32, filled: length << 16 | bits, first bit lowest; False if not full."""
    per_length = np.zeros(LENGTH_MAX + 2, np.int64)
    for symbol in range(256):
        per_length[lengths[symbol]] += 1
    per_length[0] = 0
    following = np.zeros(LENGTH_MAX + 2, np.int64)
    total = 0
    for length in range(1, LENGTH_MAX + 1):
        following[length + 1] = (following[length] + per_length[length]) << 1
        total += per_length[length] << (LENGTH_MAX - length)
    if total != _TABLE:
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
def write_lengths(lengths: U8, table: U8) -> Int:
    """Runs of absent and present symbols in turn, then the changes of length. Returns the bits."""
    at = 0
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
def read_lengths(data: U8, lengths: U8) -> tuple[Int, Int, Int]:
    """The code lengths at the start of `data` (n,) uint8, into lengths (256,) uint8.

    Returns (bytes used, symbols, a present symbol); bytes used is -1 for a table that is not
    the one of a full code.
    """
    at = symbol = symbols = only = 0
    present = False
    while symbol < 256:
        run, at = _get_gamma(data, at)
        if run == 0:
            return -1, 0, 0
        if symbol == 0 and not present:
            run -= 1
        if symbol + run > 256:
            return -1, 0, 0
        for i in range(symbol, symbol + run):
            lengths[i] = 1 if present else 0
            if present:
                symbols += 1
                only = i
        symbol += run
        present = not present
    if symbols == 0:
        return -1, 0, 0
    if symbols > 1:
        previous: Int = _FIRST_GUESS
        for symbol in range(256):
            if lengths[symbol] > 0:
                value, at = _get_gamma(data, at)
                previous += value >> 1 if value & 1 else -(value >> 1)
                if value == 0 or previous < 1 or previous > LENGTH_MAX:
                    return -1, 0, 0
                lengths[symbol] = previous
    for bit in range(at, (at + 7) // 8 * 8):
        if data[bit >> 3] >> (bit & 7) & 1:
            return -1, 0, 0
    return (at + 7) // 8, symbols, only


@njit(cache=True, nogil=True)
def encode_streams(data: U8, codes: U32, capacity: Int, words: U32, lengths: I64) -> None:
    """Code part i of `data` into words[i * capacity:]; lengths (streams,) gets the bytes of each.

    codes     (256,) uint32 of `canonical_codes`
    capacity  of `stream_words`
    """
    streams = lengths.size
    quarter = (data.size + streams - 1) // streams
    for stream in range(streams):
        at = stream * capacity
        first = stream * quarter
        last = min(first + quarter, data.size)
        held = np.uint64(0)
        count = np.uint64(0)
        i = first
        while i < last:
            code = np.uint64(codes[data[i]])
            held |= (code & np.uint64(0xFFFF)) << count
            count += code >> np.uint64(16)
            if i + 1 < last:
                code = np.uint64(codes[data[i + 1]])
                held |= (code & np.uint64(0xFFFF)) << count
                count += code >> np.uint64(16)
            words[at] = np.uint32(held & np.uint64(0xFFFFFFFF))
            whole = count >> np.uint64(5)
            at += np.int64(whole)
            held >>= whole << np.uint64(5)
            count &= np.uint64(31)
            i += 2
        words[at] = np.uint32(held)
        lengths[stream] = 4 * (at - stream * capacity) + (np.int64(count) + 7) // 8


@njit(cache=True, nogil=True)
def decode_streams(words: U32, lengths: I64, codes: U32, capacity: Int, out: U8) -> bool:
    """Decode out.size symbols from the streams in `words`; False where they do not fit the code.

    words     (streams * capacity,) uint32, zero beyond each stream's end
    lengths   (streams,) int64 bytes of each stream
    codes     (256,) uint32 of `canonical_codes`: a full code
    capacity  of `stream_words`

    A symbol takes at most LENGTH_MAX bits whatever the words hold, so no index leaves the
    capacity.
    """
    table = np.empty(_TABLE, np.uint16)
    for symbol in range(256):
        length = codes[symbol] >> 16
        if length:
            for i in range(codes[symbol] & 0xFFFF, _TABLE, 1 << length):
                table[i] = length << 8 | symbol
    streams = lengths.size
    quarter = (out.size + streams - 1) // streams
    common = 0  # symbols of each stream that the four-fold loop decodes
    held = np.zeros(STREAMS, np.uint64)
    counts = np.zeros(STREAMS, np.uint64)
    places = np.empty(STREAMS, np.int64)
    mask = np.uint64(_MASK)
    a = b = c = d = np.uint64(0)
    na = nb = nc = nd = np.uint64(0)
    pa, pb, pc, pd = np.int64(0), capacity, 2 * capacity, 3 * capacity
    eight, five, word = np.uint64(8), np.uint64(5), np.uint64(32)
    low = np.uint64(0xFF)
    if streams == STREAMS:
        common = (out.size - 3 * quarter) // 2 * 2  # the last quarter is the shortest
    for i in range(0, common, 2):
        # Bits of the next word that are already held are put in again: the same bits. A word
        # counts as taken when fewer than 32 bits were held, which no branch has to decide.
        a |= np.uint64(words[pa]) << na
        b |= np.uint64(words[pb]) << nb
        c |= np.uint64(words[pc]) << nc
        d |= np.uint64(words[pd]) << nd
        ta, tb, tc, td = na < word, nb < word, nc < word, nd < word
        pa += ta
        pb += tb
        pc += tc
        pd += td
        na += np.uint64(ta) << five
        nb += np.uint64(tb) << five
        nc += np.uint64(tc) << five
        nd += np.uint64(td) << five
        for k in range(2):
            ea = np.uint64(table[a & mask])
            eb = np.uint64(table[b & mask])
            ec = np.uint64(table[c & mask])
            ed = np.uint64(table[d & mask])
            out[i + k] = ea & low
            out[i + k + quarter] = eb & low
            out[i + k + 2 * quarter] = ec & low
            out[i + k + 3 * quarter] = ed & low
            ea >>= eight
            eb >>= eight
            ec >>= eight
            ed >>= eight
            a >>= ea
            b >>= eb
            c >>= ec
            d >>= ed
            na -= ea
            nb -= eb
            nc -= ec
            nd -= ed
    held[0], held[1], held[2], held[3] = a, b, c, d
    counts[0], counts[1], counts[2], counts[3] = na, nb, nc, nd
    places[0], places[1], places[2], places[3] = pa, pb, pc, pd

    for s in range(streams):
        at, x, n = places[s], held[s], counts[s]
        for i in range(s * quarter + common, min((s + 1) * quarter, out.size)):
            x |= np.uint64(words[at]) << n
            short = n < word
            at += short
            n += np.uint64(short) << five
            entry = np.uint64(table[x & mask])
            out[i] = entry & low
            x >>= entry >> eight
            n -= entry >> eight
        used = (at - s * capacity) * 32 - np.int64(n)
        if used > 8 * lengths[s] or used <= 8 * (lengths[s] - 1):
            return False
    return True
