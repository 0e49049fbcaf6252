"""Packed chunks (README: Packed chunk): reading all modes, and a simple packer of its own."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .packets import RefusedError

STORED, ONE_CODE, SEVERAL_CODES = 0, 1, 2
FOUR_STREAMS = 1024  # bytes of a chunk from which on it has four streams
LONGEST = 11


class Bits:
    """Bits of a string, the least significant of each byte first, read one after another."""

    def __init__(self, data: bytes) -> None:
        self.text = f"{int.from_bytes(data, 'little'):0{8 * len(data)}b}"[::-1] if data else ""
        self.at = 0

    def take(self, count: int) -> str:
        """The next bits, as 0 and 1."""
        bits = self.text[self.at : self.at + count]
        if len(bits) < count:
            raise RefusedError("code lengths that end early")
        self.at += count
        return bits

    def gamma(self) -> int:
        """The next Elias gamma code."""
        low = 0
        while self.take(1) == "0":
            low += 1
        if low > 9:
            raise RefusedError("an integer from 1024 on")
        return int("1" + self.take(low)[::-1], 2)

    def end_byte(self) -> int:
        """Zero bits to the end of the byte; number of bytes read."""
        if "1" in self.take(-self.at % 8):
            raise RefusedError("bits behind the code lengths")
        return self.at // 8


def to_bytes(bits: str) -> bytes:
    """Bits as bytes, the last filled with zeros."""
    return int("0" + bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")


def gamma(value: int) -> str:
    """Elias gamma code of a value from 1."""
    digits = f"{value:b}"
    return "0" * (len(digits) - 1) + "1" + digits[:0:-1]


def write_lengths(lengths: Sequence[int]) -> str:
    """Code lengths of the values 0..255, 0 for an absent one, as bits."""
    bits, at, present = "", 0, False
    while at < 256:
        end = at
        while end < 256 and bool(lengths[end]) == present:
            end += 1
        bits += gamma(end - at + (not bits))
        at, present = end, not present
    before, used = 8, [length for length in lengths if length]
    for length in used if len(used) > 1 else ():
        change = length - before
        bits += gamma(2 * change + 1 if change >= 0 else -2 * change)
        before = length
    return bits


def read_lengths(bits: Bits) -> list[int]:
    """Code lengths of the values 0..255, 0 for an absent one; a single one is given 1."""
    present: list[int] = []
    at, is_present = bits.gamma() - 1, True
    while at < 256:
        run = bits.gamma()
        present += range(at, at + run) if is_present else ()
        at, is_present = at + run, not is_present
    if at > 256 or not present:
        raise RefusedError("runs that do not cover 256 values, or no value")
    lengths, before = [0] * 256, 8
    if len(present) == 1:
        lengths[present[0]] = 1
        return lengths
    for value in present:
        code = bits.gamma()
        before += -(code // 2) if code % 2 == 0 else code // 2
        if not 1 <= before <= LONGEST:
            raise RefusedError("a code length out of range")
        lengths[value] = before
    if sum(1 << LONGEST - length for length in lengths if length) != 1 << LONGEST:
        raise RefusedError("a code that is not full")
    return lengths


def canonical(lengths: Sequence[int]) -> dict[int, str]:
    """Codes of the values that have one, first bit first; that of a single one has no bits."""
    present = sorted((length, value) for value, length in enumerate(lengths) if length)
    if len(present) == 1:
        return {present[0][1]: ""}
    codes, code, before = {}, 0, 0
    for length, value in present:
        code <<= length - before
        codes[value] = f"{code:0{length}b}"
        code, before = code + 1, length
    return codes


@dataclass(frozen=True)
class Head:
    """Mode 1 or 2: size of the chunk, its codes, the class of each value, bytes of the head."""

    mode: int
    size: int
    codes: list[list[int]]
    classes: list[int]
    length: int


def _read_head(packed: bytes) -> Head:
    if packed[:1] not in (bytes([ONE_CODE]), bytes([SEVERAL_CODES])) or len(packed) < 4:
        raise RefusedError("a packed chunk of an unknown mode")
    bits = Bits(packed[3:4000])  # more than any codes take
    count, classes = 1, [0] * 256
    if packed[0] == SEVERAL_CODES:
        count = bits.gamma() + 1
        if count > 8:
            raise RefusedError("too many codes")
    codes = [read_lengths(bits) for _ in range(count)]
    if packed[0] == SEVERAL_CODES:
        for value in range(256):
            if value == 0 or any(lengths[value] for lengths in codes):
                classes[value] = int(bits.take((count - 1).bit_length())[::-1], 2)
    if max(classes) >= count:
        raise RefusedError("a class without a code")
    size = int.from_bytes(packed[1:3], "big") + 1
    return Head(packed[0], size, codes, classes, 3 + bits.end_byte())


def head_bytes(packed: bytes) -> int:
    """Length of the head of a packed chunk: all up to the code lengths or classes."""
    return 1 if packed[:1] == bytes([STORED]) else _read_head(packed).length


def _stream(data: bytes, size: int, tables: list[dict[str, int]], classes: list[int]) -> bytes:
    """`size` bytes from one stream; `tables` holds the value of each code, for every class."""
    bits, out, before = Bits(data), bytearray(), 0
    text, at = bits.text, 0
    while len(out) < size:
        table, end = tables[classes[before]], at
        while text[at:end] not in table:
            end += 1
            if end > len(text):
                raise RefusedError("a stream that is too short")
        before = table[text[at:end]]
        at = end
        out.append(before)
    if len(text) - at > 7 or "1" in text[at:]:
        raise RefusedError("a stream that is too long, or bits behind it")
    return bytes(out)


def _split_streams(data: bytes, size: int) -> list[tuple[bytes, int]]:
    """(stream, bytes of the chunk in it) of sizes and streams."""
    if size < FOUR_STREAMS:
        return [(data, size)]
    if len(data) < 6:
        raise RefusedError("sizes of streams that end early")
    quarter, at, streams = -(-size // 4), 6, []
    for i in range(3):
        length = int.from_bytes(data[2 * i : 2 * i + 2], "big")
        streams.append((data[at : at + length], quarter))
        at += length
    if at > len(data):
        raise RefusedError("streams that end early")
    return [*streams, (data[at:], size - 3 * quarter)]


def unpack(packed: bytes) -> bytes:
    """The chunk."""
    if packed[:1] == bytes([STORED]):
        return packed[1:]
    head = _read_head(packed)
    body = packed[head.length :]
    codes = [canonical(lengths) for lengths in head.codes]
    if head.mode == ONE_CODE and len(codes[0]) == 1:
        if body:
            raise RefusedError("streams of a chunk of one value")
        return bytes(codes[0]) * head.size
    tables = [{code: value for value, code in table.items()} for table in codes]
    parts = _split_streams(body, head.size)
    return b"".join(_stream(data, size, tables, head.classes) for data, size in parts)


def huffman_lengths(counts: dict[int, int]) -> list[int]:
    """Code lengths of a full code, at most 11: counts are flattened until they fit."""
    while True:
        heap = [(count, value, [value]) for value, count in counts.items()]
        heapq.heapify(heap)
        lengths = [0] * 256
        if len(heap) == 1:
            lengths[heap[0][1]] = 1
        while len(heap) > 1:
            a, b = heapq.heappop(heap), heapq.heappop(heap)
            for value in (*a[2], *b[2]):
                lengths[value] += 1
            heapq.heappush(heap, (a[0] + b[0], min(a[1], b[1]), a[2] + b[2]))
        if max(lengths) <= LONGEST:
            return lengths
        counts = {value: count // 2 + 1 for value, count in counts.items()}


def _parts(chunk: bytes) -> list[bytes]:
    """What each stream holds."""
    if len(chunk) < FOUR_STREAMS:
        return [chunk]
    quarter = -(-len(chunk) // 4)
    return [chunk[i * quarter : (i + 1) * quarter] for i in range(4)]


def _write_streams(
    parts: list[bytes], codes: Sequence[dict[int, str]], classes: Sequence[int]
) -> bytes:
    streams = [
        to_bytes("".join(codes[classes[before]][value] for before, value in pairwise(b"\0" + part)))
        for part in parts
    ]
    return b"".join(len(stream).to_bytes(2, "big") for stream in streams[:-1]) + b"".join(streams)


def _start(mode: int, chunk: bytes) -> bytes:
    return bytes([mode]) + (len(chunk) - 1).to_bytes(2, "big")


def _shorter(chunk: bytes, head: bytes, body: bytes) -> tuple[bytes, bytes]:
    if len(head + body) < 1 + len(chunk):
        return head, body
    return bytes([STORED]), chunk


def pack(chunk: bytes) -> tuple[bytes, bytes]:
    """(head, body) of a packed chunk with one code; stored where that is no longer."""
    if not chunk:
        return bytes([STORED]), chunk
    lengths = huffman_lengths(Counter(chunk))
    head = _start(ONE_CODE, chunk) + to_bytes(write_lengths(lengths))
    body = b""
    if len(set(chunk)) > 1:
        body = _write_streams(_parts(chunk), [canonical(lengths)], [0] * 256)
    return _shorter(chunk, head, body)


def several_codes(count: int) -> Callable[[bytes], tuple[bytes, bytes]]:
    """A packer with 2..8 codes: the n-th most frequent value has the class n modulo `count`."""

    def packed(chunk: bytes) -> tuple[bytes, bytes]:
        if not chunk:
            return bytes([STORED]), chunk
        classes = [0] * 256
        for rank, (value, _) in enumerate(Counter(chunk).most_common()):
            classes[value] = rank % count
        counts: list[Counter[int]] = [Counter() for _ in range(count)]
        for part in _parts(chunk):
            for before, value in pairwise(b"\0" + part):
                counts[classes[before]][value] += 1
        # a code that nothing follows still needs a value
        codes = [huffman_lengths(counter or Counter(chunk[:1])) for counter in counts]
        bits = gamma(count - 1) + "".join(write_lengths(lengths) for lengths in codes)
        for value in range(256):
            if value == 0 or any(lengths[value] for lengths in codes):
                bits += f"{classes[value]:0{(count - 1).bit_length()}b}"[::-1]
        body = _write_streams(_parts(chunk), [canonical(lengths) for lengths in codes], classes)
        return _shorter(chunk, _start(SEVERAL_CODES, chunk) + to_bytes(bits), body)

    return packed
