"""What PNG files are made of: chunks, and rows of bytes behind one of five filters.

Source: W3C, Portable Network Graphics (PNG) Specification, second edition, chapters 5, 9 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from .errors import ImagingError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FILTERS = 5
_IHDR = struct.Struct(">IIBBBBB")
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples a pixel
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_STRIP_BYTES = 1 << 20  # of rows filtered at a time


@dataclass(frozen=True, slots=True)
class Header:
    """The chunk IHDR. depth is in bits a sample; colour is PNG's number of the colour type."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool = False

    @property
    def samples(self) -> int:
        """Samples of a pixel."""
        return _SAMPLES[self.colour]

    @property
    def step(self) -> int:
        """Bytes from a pixel to the next, as the filters count them: at least 1."""
        return max(1, self.samples * self.depth // 8)

    @property
    def stride(self) -> int:
        """Bytes of a row without its filter."""
        return (self.width * self.samples * self.depth + 7) // 8

    def pack(self) -> bytes:
        return _IHDR.pack(self.width, self.height, self.depth, self.colour, 0, 0, self.interlaced)

    @classmethod
    def unpack(cls, body: bytes) -> Header:
        """Raises ImagingError for what the specification does not allow."""
        if len(body) == _IHDR.size:
            width, height, depth, colour, packing, filtering, interlaced = _IHDR.unpack(body)
            known = depth in _DEPTHS.get(colour, ()) and packing == filtering == 0
            if known and width and height and interlaced < 2:
                return cls(width, height, depth, colour, bool(interlaced))
        raise ImagingError("the PNG file's header is damaged")


class Chunk(NamedTuple):
    """A chunk, and where it starts in the file."""

    name: bytes
    body: bytes
    start: int

    @property
    def end(self) -> int:
        return self.start + 12 + len(self.body)


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG file. Raises ImagingError at one that is cut off or damaged."""
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        found = Chunk(name, data[position + 8 : position + 8 + length], position)
        check = data[found.end - 4 : found.end]
        if len(found.body) < length or len(check) < 4:
            raise ImagingError("the PNG file is cut off")
        if zlib.crc32(found.body, zlib.crc32(name)) != int.from_bytes(check, "big"):
            raise ImagingError("the PNG file is damaged")
        yield found
        position = found.end


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk's bytes."""
    check = zlib.crc32(body, zlib.crc32(name))
    return len(body).to_bytes(4, "big") + name + body + check.to_bytes(4, "big")


def inflate(data: bytes, most: int) -> bytes:
    """At most so many bytes of a zlib stream; ImagingError where it is damaged."""
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error as error:
        raise ImagingError("the PNG file is damaged") from error


def unfiltered(packed: bytes, header: Header) -> tuple[np.ndarray, np.ndarray]:
    """Filtered rows to bytes.

    packed   header.height rows, each the number of its filter and header.stride bytes
    returns  (h, stride) uint8 and the (h,) uint8 numbers
    Raises ImagingError for another length or an unknown filter.
    """
    if not packed or len(packed) != header.height * (header.stride + 1):
        raise ImagingError("the PNG file is cut off")
    rows = np.frombuffer(packed, np.uint8).reshape(header.height, header.stride + 1)
    if rows[:, 0].max() >= FILTERS:
        raise ImagingError("the PNG file is damaged")
    octets = np.zeros((header.height, header.stride), np.uint8)
    _unfilter(rows, octets, header.step)
    return octets, rows[:, 0]


@njit(cache=True, nogil=True)
def _unfilter(rows: np.ndarray, octets: np.ndarray, step: int) -> None:
    """Undo the filter named in each row's first byte; step is the bytes of a pixel."""
    height, stride = octets.shape
    for y in range(height):
        kind = rows[y, 0]
        for i in range(stride):
            a = b = c = guess = 0
            if i >= step:
                a = octets[y, i - step]
            if y > 0:
                b = octets[y - 1, i]
            if i >= step and y > 0:
                c = octets[y - 1, i - step]
            if kind == 1:
                guess = a
            elif kind == 2:
                guess = b
            elif kind == 3:
                guess = (a + b) >> 1
            elif kind == 4:
                pa, pb, pc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
                guess = a if pa <= pb and pa <= pc else (b if pb <= pc else c)
            octets[y, i] = (rows[y, i + 1] + guess) & 0xFF


def filtered(octets: np.ndarray, step: int, kinds: np.ndarray | None = None) -> Iterator[bytes]:
    """Rows behind their filters, in strips that follow one another.

    octets  (h, stride) uint8
    step    bytes of a pixel
    kinds   (h,) numbers of the filters; None takes for each row the one that leaves the least
            sum of absolute values
    """
    rows = max(1, _STRIP_BYTES // octets.shape[1])
    for top in range(0, len(octets), rows):
        above = octets[top - 1] if top else np.zeros_like(octets[0])
        strip = octets[top : top + rows]
        results = _all_filters(strip, above, step)
        if kinds is None:
            cost = np.abs(results.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
            chosen = cost.argmin(axis=0)
        else:
            chosen = kinds[top : top + rows]
        packed = np.empty((strip.shape[0], strip.shape[1] + 1), np.uint8)
        packed[:, 0] = chosen
        packed[:, 1:] = results[chosen, np.arange(strip.shape[0])]
        yield packed.tobytes()


def _all_filters(octets: np.ndarray, above: np.ndarray, step: int) -> np.ndarray:
    """(FILTERS, rows, bytes): rows under every filter; above is the row before the first."""
    up = np.concatenate((above[None], octets[:-1]))
    left, corner = np.zeros_like(octets), np.zeros_like(octets)
    left[:, step:] = octets[:, :-step]
    corner[:, step:] = up[:, :-step]
    a, b, c = (part.astype(np.int16) for part in (left, up, corner))
    pa, pb, pc = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    paeth = np.where((pa <= pb) & (pa <= pc), a, np.where(pb <= pc, b, c)).astype(np.uint8)
    average = ((a + b) >> 1).astype(np.uint8)
    return np.stack([octets, octets - left, octets - up, octets - average, octets - paeth])
