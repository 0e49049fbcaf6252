"""Packed chunks (README: Packed chunk): reading all modes, and a simple packer of its own."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence

from .packets import RefusedError

STORED, HUFFMAN = 0, 1
FOUR_STREAMS = 1024  # bytes of a chunk from which on it has four streams
LONGEST = 12


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
    """Code lengths of the values 0..255, 0 for an absent one; a single one has length 1."""
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
    """Codes of the values that have one, first bit first."""
    codes, code, before = {}, 0, 0
    for length, value in sorted((length, value) for value, length in enumerate(lengths) if length):
        code <<= length - before
        codes[value] = f"{code:0{length}b}"
        code, before = code + 1, length
    return codes


def _stream(data: bytes, size: int, values: dict[str, int]) -> bytes:
    """`size` bytes from one stream; `values` holds each code of 12 bits or its beginning."""
    bits = Bits(data)
    out, code = bytearray(), ""
    for bit in bits.text:
        if len(out) == size:
            break
        code += bit
        bits.at += 1
        if code in values:
            out.append(values[code])
            code = ""
    if len(out) < size or len(bits.text) - bits.at > 7 or "1" in bits.text[bits.at :]:
        raise RefusedError("a stream of another length")
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


def head_bytes(packed: bytes) -> int:
    """Length of the head of a packed chunk: mode, size and code lengths."""
    return 1 if packed[:1] == bytes([STORED]) else _read_head(packed)[2]


def _read_head(packed: bytes) -> tuple[int, list[int], int]:
    """(size of the chunk, code lengths, length of the head) for mode 1."""
    if packed[:1] != bytes([HUFFMAN]) or len(packed) < 4:
        raise RefusedError("a packed chunk of an unknown mode")
    bits = Bits(packed[3:400])  # more than any code lengths take
    lengths = read_lengths(bits)
    return int.from_bytes(packed[1:3], "big") + 1, lengths, 3 + bits.end_byte()


def unpack(packed: bytes) -> bytes:
    """The chunk."""
    if packed[:1] == bytes([STORED]):
        return packed[1:]
    size, lengths, head = _read_head(packed)
    present = [value for value, length in enumerate(lengths) if length]
    if len(present) == 1:
        if packed[head:]:
            raise RefusedError("streams of a chunk of one value")
        return bytes(present) * size
    values = {code: value for value, code in canonical(lengths).items()}
    return b"".join(_stream(*part, values) for part in _split_streams(packed[head:], size))


def huffman_lengths(counts: dict[int, int]) -> list[int]:
    """Code lengths of a full code, at most 12: counts are flattened until they fit."""
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


def _write_streams(chunk: bytes, codes: dict[int, str]) -> bytes:
    if len(chunk) < FOUR_STREAMS:
        return to_bytes("".join(codes[value] for value in chunk))
    quarter = -(-len(chunk) // 4)
    parts = [chunk[i * quarter : (i + 1) * quarter] for i in range(4)]
    streams = [to_bytes("".join(codes[value] for value in part)) for part in parts]
    sizes = b"".join(len(stream).to_bytes(2, "big") for stream in streams[:3])
    return sizes + b"".join(streams)


def pack(chunk: bytes) -> tuple[bytes, bytes]:
    """(head, body) of a packed chunk; stored where that is no longer."""
    if chunk:
        lengths = huffman_lengths(Counter(chunk))
        head = bytes([HUFFMAN]) + (len(chunk) - 1).to_bytes(2, "big")
        head += to_bytes(write_lengths(lengths))
        body = b"" if len(set(chunk)) == 1 else _write_streams(chunk, canonical(lengths))
        if len(head + body) < 1 + len(chunk):
            return head, body
    return bytes([STORED]), chunk
