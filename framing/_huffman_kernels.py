"""The numba kernels that write and read the streams of the Huffman coder.

They take arrays and never read outside them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from framing._huffman_codes import CLASSES_MAX, I64, LENGTH_MAX, STREAMS, U8, U16, U32, U64, Int

_TABLE = 1 << LENGTH_MAX


def stream_words(size: Int, streams: Int) -> Int:
    """Words of 32 bits set apart for each stream: its longest possible content and two to spare."""
    quarter = (size + streams - 1) // streams
    return (quarter * LENGTH_MAX) // 32 + 4


@njit(cache=True, nogil=True)
def encode_streams(
    data: U8, codes: U32, kinds: U8, capacity: Int, words: U64, lengths: I64
) -> None:
    """Code part i of `data` into words[i * capacity:]; lengths (streams,) gets the bytes of each.

    codes     (classes * 256,) uint32: those of `canonical_codes` for each class
    kinds     (256,) uint8: the class of the bytes that follow a value, below `classes`
    capacity  words of 64 bits for each stream: half of `stream_words`, rounded up
    """
    streams = lengths.size
    quarter = (data.size + streams - 1) // streams
    bits, sixteen = np.uint64(0xFFFF), np.uint64(16)
    one, last_bit = np.uint64(1), np.uint64(63)
    for stream in range(streams):
        at = stream * capacity
        i = stream * quarter
        end = min(i + quarter, data.size)
        held = count = np.uint64(0)
        before = np.int64(0)
        while i < end:
            byte = np.int64(data[i])
            code = np.uint64(codes[np.int64(kinds[before]) << 8 | byte])
            put = code & bits
            taken = code >> sixteen
            before = byte
            i += 1
            if i + 3 <= end:
                # Four codes are joined, the last two by themselves, before the chain that
                # each step has to wait for.
                byte, third = np.int64(data[i]), np.int64(data[i + 1])
                code = np.uint64(codes[np.int64(kinds[before]) << 8 | byte])
                put |= (code & bits) << taken
                taken += code >> sixteen
                code = np.uint64(codes[np.int64(kinds[byte]) << 8 | third])
                pair = code & bits
                width = code >> sixteen
                before = np.int64(data[i + 2])
                code = np.uint64(codes[np.int64(kinds[third]) << 8 | before])
                put |= (pair | (code & bits) << width) << taken
                taken += width + (code >> sixteen)
                i += 3
            held |= put << count
            words[at] = held
            full = count + taken > last_bit
            held = put >> one >> (last_bit - count) if full else held
            count = (count + taken) & last_bit
            at += full
        words[at] = held
        lengths[stream] = 8 * (at - stream * capacity) + (np.int64(count) + 7) // 8


@njit(cache=True, nogil=True)
def decoding_table(lengths: U8, codes: U32, kinds: U8, table: U16) -> None:
    """What the next LENGTH_MAX bits begin with: table (classes << LENGTH_MAX,) uint16, filled.

    lengths  (classes, 256) uint8, 0 for a value that does not occur
    codes    (classes * 256,) uint32: those of `canonical_codes` for each class, full
    kinds    (256,) uint8: the class of the bytes that follow a value, below `classes`

    An entry is the byte, the length of its code << 8, and the class of the next byte << 12.
    """
    for kind in range(lengths.shape[0]):
        end = (kind + 1) << LENGTH_MAX
        for symbol in range(256):
            if lengths[kind, symbol]:
                code = np.int64(codes[kind << 8 | symbol])
                entry = np.int64(kinds[symbol]) << 12 | code >> 16 << 8 | symbol
                for i in range(kind << LENGTH_MAX | code & 0xFFFF, end, 1 << (code >> 16)):
                    table[i] = entry


@njit(cache=True, nogil=True)
def decode_streams(
    words: U32, lengths: I64, table: U16, first: Int, capacity: Int, out: U8
) -> bool:
    """Decode out.size symbols from the streams in `words`; False where they do not fit the code.

    Nor do they where what fills the last byte of a stream is not zero.

    words     (streams * capacity,) uint32, zero beyond each stream's end
    lengths   (streams,) int64 bytes of each stream
    table     of `decoding_table`, every entry filled
    first     the class of the first byte of each stream
    capacity  of `stream_words`

    A symbol takes at most LENGTH_MAX bits whatever the words hold, so no index leaves the
    capacity.
    """
    streams = lengths.size
    quarter = (out.size + streams - 1) // streams
    common = 0  # symbols of each stream that the four-fold loop decodes
    held = np.zeros(STREAMS, np.uint64)
    counts = np.zeros(STREAMS, np.uint64)
    places = np.empty(STREAMS, np.int64)
    entries = np.empty(STREAMS, np.uint64)
    bits, kind = np.uint64(_TABLE - 1), np.uint64((CLASSES_MAX - 1) << LENGTH_MAX)
    to_kind = np.uint64(12 - LENGTH_MAX)
    a = b = c = d = np.uint64(0)
    na = nb = nc = nd = np.uint64(0)
    pa, pb, pc, pd = np.int64(0), capacity, 2 * capacity, 3 * capacity
    ea = eb = ec = ed = np.uint64(first << 12)
    eight, five, word = np.uint64(8), np.uint64(5), np.uint64(32)
    low, taken = np.uint64(0xFF), np.uint64(15)
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
            ea = np.uint64(table[ea >> to_kind & kind | a & bits])
            eb = np.uint64(table[eb >> to_kind & kind | b & bits])
            ec = np.uint64(table[ec >> to_kind & kind | c & bits])
            ed = np.uint64(table[ed >> to_kind & kind | d & bits])
            out[i + k] = ea & low
            out[i + k + quarter] = eb & low
            out[i + k + 2 * quarter] = ec & low
            out[i + k + 3 * quarter] = ed & low
            la, lb, lc, ld = (
                ea >> eight & taken,
                eb >> eight & taken,
                ec >> eight & taken,
                ed >> eight & taken,
            )
            a >>= la
            b >>= lb
            c >>= lc
            d >>= ld
            na -= la
            nb -= lb
            nc -= lc
            nd -= ld
    held[0], held[1], held[2], held[3] = a, b, c, d
    counts[0], counts[1], counts[2], counts[3] = na, nb, nc, nd
    places[0], places[1], places[2], places[3] = pa, pb, pc, pd
    entries[0], entries[1], entries[2], entries[3] = ea, eb, ec, ed

    for s in range(streams):
        at, x, n, entry = places[s], held[s], counts[s], entries[s]
        for i in range(s * quarter + common, min((s + 1) * quarter, out.size)):
            x |= np.uint64(words[at]) << n
            short = n < word
            at += short
            n += np.uint64(short) << five
            entry = np.uint64(table[entry >> to_kind & kind | x & bits])
            out[i] = entry & low
            x >>= entry >> eight & taken
            n -= entry >> eight & taken
        used = (at - s * capacity) * 32 - np.int64(n)
        if used > 8 * lengths[s] or used <= 8 * (lengths[s] - 1):
            return False
        if x:  # at least the last byte's fill, and beyond it the zeros behind the stream
            return False
    return True
