"""Canonical Huffman coding of chunks of at most 64 KiB; raw where that is smaller.

Packed chunk   mode (1): 0 raw, the plaintext follows
               mode (1): 1 one code: size - 1 (2), code lengths (bits), stream lengths, streams
               mode (1): 2 several codes: as mode 1, with the lengths of 2 to 8 codes and the
                         class of each byte value, which chooses the code of the byte after it
Bits fill bytes from the least significant upwards, codes enter with their first bit lowest.
A chunk of 1024 bytes and more is cut into four quarters, each a stream of its own, so that
four independent chains keep a superscalar core busy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framing._huffman_classes import (
    LOGS,
    WEIGHTS,
    choose_classes,
    class_counts,
    count_pairs,
    least_bits,
)
from framing._huffman_codes import (
    CLASSES_MAX,
    I32,
    LENGTH_MAX,
    STREAMS,
    TABLE_BYTES_MAX,
    U8,
    canonical_codes,
    plan_lengths,
    read_classes,
    read_lengths,
    write_classes,
    write_lengths,
)
from framing._huffman_kernels import (
    decode_streams,
    decoding_table,
    encode_streams,
    stream_words,
)
from framing.errors import MalformedError

CHUNK_BYTES = 1 << 16
ENCRYPT_FIRST_BYTES = CHUNK_BYTES - 16  # a tag is packed with each chunk
_FOUR_STREAMS_FROM = 1024

STORED, _ONE_CODE, _SEVERAL_CODES = b"\x00", b"\x01", b"\x02"
MODES = (STORED, _ONE_CODE, _SEVERAL_CODES)
_SIZE_BYTES = 2


def _stream_count(size: int) -> int:
    return STREAMS if size >= _FOUR_STREAMS_FROM else 1


class _Plan:
    """The codes for a chunk, and what it takes with them.

    lengths  (classes, 256) uint8
    table    the lengths and classes as they are written
    bits     of all codes of the chunk
    """

    def __init__(self, counts: I32, kinds: U8) -> None:
        classes = len(counts)
        self.kinds = kinds
        self.lengths = np.empty((classes, 256), np.uint8)
        self.bits = plan_lengths(counts, self.lengths)
        table = np.zeros(TABLE_BYTES_MAX, np.uint8)
        if classes == 1:
            table_bits = write_lengths(self.lengths[0], table, 0)
        else:
            table_bits = write_classes(self.lengths, kinds, table)
        self.table = table[: (table_bits + 7) // 8].tobytes()

    @property
    def size(self) -> int:
        return len(self.table) + (self.bits + 7) // 8


def load() -> None:
    """Load the compiled code of `pack`, for which the first call would take 0.2 s longer."""
    pack(b"aab" * 100)


def pack(chunk: bytes) -> bytes:
    """The chunk (0..65536 bytes) in its smaller form; at most one byte longer."""
    head, body = pack_parts(chunk)
    return head + body


def pack_parts(chunk: bytes) -> tuple[bytes, bytes]:
    """The packed chunk in two parts: (mode, size and code lengths; stream sizes and streams).

    Without the first part the second is not to be read; a stored chunk has all in the second
    but the mode.
    """
    if len(chunk) > CHUNK_BYTES:
        raise ValueError(f"a chunk holds at most {CHUNK_BYTES} bytes, got {len(chunk)}")
    if not chunk:
        return STORED, b""
    data = np.frombuffer(chunk, np.uint8)
    streams = _stream_count(data.size)
    plan = _plan(data, streams)
    beside = 1 + _SIZE_BYTES + 2 * (streams - 1) + streams - 1
    if beside + plan.size >= data.size:
        return STORED, chunk
    mode = _ONE_CODE if len(plan.lengths) == 1 else _SEVERAL_CODES
    head = b"".join((mode, (data.size - 1).to_bytes(_SIZE_BYTES, "big"), plan.table))
    if mode == _ONE_CODE and not plan.bits:
        return head, b""
    return head, _encode(data, streams, plan)


def _plan(data: U8, streams: int) -> _Plan:
    pairs = np.zeros((256, 256), np.uint32)
    count_pairs(data, streams, pairs)
    kinds = np.zeros(256, np.uint8)
    classes = choose_classes(pairs, kinds, WEIGHTS, LOGS)
    counts = np.zeros((classes, 256), np.int32)
    class_counts(pairs, kinds, counts)
    several = _Plan(counts, kinds)
    if classes == 1 or 8 * several.size <= least_bits(counts, WEIGHTS):
        return several
    one = _Plan(counts.sum(axis=0, keepdims=True, dtype=np.int32), np.zeros_like(kinds))
    return several if several.size < one.size else one


def _encode(data: U8, streams: int, plan: _Plan) -> bytes:
    codes = np.empty((len(plan.lengths), 256), np.uint32)
    canonical_codes(plan.lengths, codes)
    capacity = (stream_words(data.size, streams) + 1) // 2
    words = np.empty(capacity * streams, np.uint64)
    sizes = np.empty(streams, np.int64)
    encode_streams(data, codes.ravel(), plan.kinds, capacity, words, sizes)
    coded = words.astype("<u8", copy=False).view(np.uint8)
    body = [int(size).to_bytes(2, "big") for size in sizes[:-1]]
    for i, size in enumerate(sizes.tolist()):
        body.append(coded[8 * i * capacity :][:size].tobytes())
    return b"".join(body)


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before the body of a packed chunk.

    length   of the head [bytes]
    size     of the chunk [bytes]
    lengths  (classes, 256) uint8: the code lengths; no classes in a stored chunk
    kinds    (256,) uint8: the class of each value
    """

    length: int
    size: int
    lengths: U8
    kinds: U8

    @classmethod
    def read(cls, data: U8) -> _Head:
        """The head that `data` begins with. Raises MalformedError."""
        lengths = np.zeros((CLASSES_MAX, 256), np.uint8)
        kinds = np.zeros(256, np.uint8)
        mode, table = data[:1].tobytes(), data[1 + _SIZE_BYTES :]
        if mode == STORED:
            return cls(1, 0, lengths[:0], kinds)
        if mode == _ONE_CODE:
            classes = 1
            bits, _ = read_lengths(table, 0, lengths[0])
        elif mode == _SEVERAL_CODES:
            bits, classes = read_classes(table, lengths, kinds)
        else:
            raise MalformedError
        if bits < 0 or (bits % 8 and table[bits // 8] >> bits % 8):
            raise MalformedError
        size = (int(data[1]) << 8 | int(data[2])) + 1
        return cls(1 + _SIZE_BYTES + (bits + 7) // 8, size, lengths[:classes], kinds)


def unpack(packed: bytes) -> bytes:
    """The chunk. Raises MalformedError; never gives more than 65536 bytes."""
    data = np.frombuffer(packed, np.uint8)
    head = _Head.read(data)
    return _unpack(head, data[head.length :])


def unpack_parts(head: bytes, body: bytes) -> bytes:
    """The chunk whose packed parts these are. Raises MalformedError, as `unpack` and for a head
    that goes on behind its code lengths or ends before."""
    data = np.frombuffer(head, np.uint8)
    read = _Head.read(data)
    if read.length != data.size:
        raise MalformedError
    return _unpack(read, np.frombuffer(body, np.uint8))


def _unpack(head: _Head, body: U8) -> bytes:
    if len(head.lengths) == 0:
        if body.size > CHUNK_BYTES:
            raise MalformedError
        return body.tobytes()
    if len(head.lengths) == 1 and np.count_nonzero(head.lengths) == 1:
        if body.size:
            raise MalformedError
        return bytes([int(head.lengths.argmax())]) * head.size
    return _decode(body, head.size, head.lengths, head.kinds)


def _decode(data: U8, size: int, code_lengths: U8, kinds: U8) -> bytes:
    codes = np.empty((len(code_lengths), 256), np.uint32)
    if not canonical_codes(code_lengths, codes):
        raise MalformedError
    table = np.empty(len(codes) << LENGTH_MAX, np.uint16)
    decoding_table(code_lengths, codes.ravel(), kinds, table)
    streams = _stream_count(size)
    sizes = np.empty(streams, np.int64)
    at = 2 * (streams - 1)
    if data.size < at:
        raise MalformedError
    for i in range(streams - 1):
        sizes[i] = int(data[2 * i]) << 8 | int(data[2 * i + 1])
    sizes[-1] = data.size - at - sizes[:-1].sum()
    capacity = stream_words(size, streams)
    if sizes.min() < 0 or sizes.max() > 4 * (capacity - 2):
        raise MalformedError
    padded = np.zeros(4 * capacity * streams, np.uint8)
    for i, length in enumerate(sizes.tolist()):
        padded[4 * i * capacity : 4 * i * capacity + length] = data[at : at + length]
        at += length
    words = padded.view("<u4").astype(np.uint32, copy=False)
    out = np.empty(size, np.uint8)
    if not decode_streams(words, sizes, table, int(kinds[0]), capacity, out):
        raise MalformedError
    return out.tobytes()
