"""Canonical Huffman coding of chunks of at most 64 KiB; raw where that is smaller.

Packed chunk   mode (1): 0 raw, the plaintext follows
               mode (1): 1 Huffman: size - 1 (2), code lengths (bits), stream lengths, streams
Bits fill bytes from the least significant upwards, codes enter with their first bit lowest.
A chunk of 1024 bytes and more is cut into four quarters, each a stream of its own, so that
four independent chains keep a superscalar core busy.
"""

from __future__ import annotations

import numpy as np

from framing._huffman_kernels import (
    STREAMS,
    TABLE_BYTES_MAX,
    canonical_codes,
    decode_streams,
    encode_streams,
    plan_lengths,
    read_lengths,
    stream_words,
    write_lengths,
)
from framing.errors import MalformedError

CHUNK_BYTES = 1 << 16
ENCRYPT_FIRST_BYTES = CHUNK_BYTES - 16  # a tag is packed with each chunk
_FOUR_STREAMS_FROM = 1024

STORED = b"\x00"
_HUFFMAN = b"\x01"
_SIZE_BYTES = 2


def _stream_count(size: int) -> int:
    return STREAMS if size >= _FOUR_STREAMS_FROM else 1


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
    code_lengths = np.empty(256, np.uint8)
    symbols, payload_bits = plan_lengths(data, code_lengths)
    table = np.zeros(TABLE_BYTES_MAX, np.uint8)
    table_bytes = (write_lengths(code_lengths, table) + 7) // 8
    beside = 1 + _SIZE_BYTES + table_bytes + 2 * (streams - 1)
    if beside + payload_bits // 8 + streams >= data.size:
        return STORED, chunk
    head = b"".join(
        (_HUFFMAN, (data.size - 1).to_bytes(_SIZE_BYTES, "big"), table[:table_bytes].tobytes())
    )
    body = []
    if symbols > 1:
        codes = np.zeros(256, np.uint32)
        canonical_codes(code_lengths, codes)
        capacity = stream_words(data.size, streams)
        words = np.empty(capacity * streams, np.uint32)
        lengths = np.empty(streams, np.int64)
        encode_streams(data, codes, capacity, words, lengths)
        body += [int(length).to_bytes(2, "big") for length in lengths[:-1]]
        for i, length in enumerate(lengths.tolist()):
            stream = words[i * capacity : i * capacity + (length + 3) // 4]
            body.append(stream.astype("<u4", copy=False).tobytes()[:length])
    return head, b"".join(body)


def unpack(packed: bytes) -> bytes:
    """The chunk. Raises MalformedError; never gives more than 65536 bytes."""
    mode, body = packed[:1], packed[1:]
    if mode == STORED and len(body) <= CHUNK_BYTES:
        return body
    if mode != _HUFFMAN or len(body) <= _SIZE_BYTES:
        raise MalformedError
    size = int.from_bytes(body[:_SIZE_BYTES], "big") + 1
    data = np.frombuffer(body, np.uint8)[_SIZE_BYTES:]
    code_lengths = np.zeros(256, np.uint8)
    used, symbols, only = read_lengths(data, code_lengths)
    if used < 0:
        raise MalformedError
    if symbols == 1:
        if used != data.size:
            raise MalformedError
        return bytes([only]) * size
    return _decode(data[used:], size, code_lengths)


def _decode(data: np.ndarray, size: int, code_lengths: np.ndarray) -> bytes:
    streams = _stream_count(size)
    codes = np.zeros(256, np.uint32)
    if not canonical_codes(code_lengths, codes):
        raise MalformedError
    lengths = np.empty(streams, np.int64)
    at = 2 * (streams - 1)
    if data.size < at:
        raise MalformedError
    for i in range(streams - 1):
        lengths[i] = int(data[2 * i]) << 8 | int(data[2 * i + 1])
    lengths[-1] = data.size - at - lengths[:-1].sum()
    capacity = stream_words(size, streams)
    if lengths.min() < 0 or lengths.max() > 4 * (capacity - 2):
        raise MalformedError
    padded = np.zeros(4 * capacity * streams, np.uint8)
    for i, length in enumerate(lengths.tolist()):
        padded[4 * i * capacity : 4 * i * capacity + length] = data[at : at + length]
        at += length
    words = padded.view("<u4").astype(np.uint32, copy=False)
    out = np.empty(size, np.uint8)
    if not decode_streams(words, lengths, codes, capacity, out):
        raise MalformedError
    return out.tobytes()
