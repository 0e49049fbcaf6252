"""PNG files of 16 bits a sample, which Pillow reads as 8 and does not write.

Source: W3C, Portable Network Graphics (PNG) Specification, second edition; the chunk layout and
the five filters are its chapters 5 and 9. Interlaced files are refused with a way out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit

from .errors import ImagingError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR = struct.Struct(">IIBBBBB")
_CHANNELS = {0: 1, 4: 2, 2: 3, 6: 4}  # colour type -> samples a pixel
_COLOUR_TYPES = {channels: colour for colour, channels in _CHANNELS.items()}
_MAX_PROFILE = 4 << 20
_STRIP_BYTES = 1 << 20  # of rows filtered at a time


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        name = data[position + 4 : position + 8]
        body = data[position + 8 : position + 8 + length]
        check = data[position + 8 + length : position + 12 + length]
        if len(check) < 4:
            raise ImagingError("the PNG file is cut off")
        if zlib.crc32(name + body) != int.from_bytes(check, "big"):
            raise ImagingError("the PNG file is damaged")
        yield name, body
        position += 12 + length


def _inflate(data: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error as error:
        raise ImagingError("the PNG file is damaged") from error


def read(data: bytes, max_pixels: int) -> tuple[np.ndarray, dict[str, Any]]:
    """(h, w) or (h, w, c) uint16 pixels; ICC profile and gamma where the file has them.

    A colour marked transparent becomes an alpha channel of 0 and 65535.
    """
    packed = []
    facts: dict[str, Any] = {}
    key: np.ndarray | None = None
    width = height = channels = 0
    for name, body in _chunks(data):
        if name == b"IHDR" and len(body) == _IHDR.size:
            width, height, _, colour, _, _, interlaced = _IHDR.unpack(body)
            channels = _CHANNELS.get(colour, 0)
            if not channels or not width or not height:
                raise ImagingError("the PNG file's header is damaged")
            if width * height > max_pixels // 2:
                raise ImagingError(
                    f"the picture of {width} x {height} pixels is too large: "
                    f"at most {max_pixels // 2_000_000} megapixels of 16 bits"
                )
            if interlaced:
                raise ImagingError("16-bit PNG is read without interlacing only; save it so")
        elif name == b"IDAT":
            packed.append(body)
        elif name == b"tRNS" and len(body) == 2 * channels and channels in (1, 3):
            key = np.frombuffer(body, ">u2").astype(np.uint16)
        elif name == b"gAMA" and len(body) == 4:
            facts["gamma"] = int.from_bytes(body, "big") / 100_000
        elif name == b"iCCP":
            facts["icc_profile"] = _inflate(body.partition(b"\0")[2][1:], _MAX_PROFILE) or None
        elif name == b"IEND":
            break
    stride = 2 * width * channels
    raw = _inflate(b"".join(packed), height * (stride + 1)) if channels else b""
    if not raw or len(raw) != height * (stride + 1):
        raise ImagingError("the PNG file is cut off")
    rows = np.frombuffer(raw, np.uint8).reshape(height, stride + 1)
    if rows[:, 0].max() > 4:
        raise ImagingError("the PNG file is damaged")
    octets = np.zeros((height, stride), np.uint8)
    _unfilter(rows, octets, 2 * channels)
    pixels = octets.view(">u2").astype(np.uint16).reshape(height, width, channels)
    if key is not None:
        opaque = (pixels != key).any(axis=2, keepdims=True)
        pixels = np.concatenate((pixels, opaque.astype(np.uint16) * np.uint16(0xFFFF)), axis=2)
    return (pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), facts


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


def write(pixels: np.ndarray, icc_profile: bytes | None = None) -> bytes:
    """A PNG file of (h, w) or (h, w, c) uint16 pixels."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    octets = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, -1)
    packer = zlib.compressobj(9)
    packed = b""
    rows = max(1, _STRIP_BYTES // octets.shape[1])
    for top in range(0, height, rows):
        above = octets[top - 1] if top else np.zeros_like(octets[0])
        packed += packer.compress(_filtered(octets[top : top + rows], above, 2 * channels))
    chunks = [
        (b"IHDR", _IHDR.pack(width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)),
        (b"IDAT", packed + packer.flush()),
        (b"IEND", b""),
    ]
    if icc_profile:
        chunks.insert(1, (b"iCCP", b"icc\0\0" + zlib.compress(icc_profile, 9)))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in chunks
    )


def _filtered(octets: np.ndarray, above: np.ndarray, step: int) -> bytes:
    """Rows of bytes, each behind the number of the filter that leaves the least sum.

    octets  (rows, bytes) uint8; above (bytes,): the row before the first; step: bytes a pixel
    """
    up = np.concatenate((above[None], octets[:-1]))
    left, corner = np.zeros_like(octets), np.zeros_like(octets)
    left[:, step:] = octets[:, :-step]
    corner[:, step:] = up[:, :-step]
    a, b, c = (part.astype(np.int16) for part in (left, up, corner))
    pa, pb, pc = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    paeth = np.where((pa <= pb) & (pa <= pc), a, np.where(pb <= pc, b, c)).astype(np.uint8)
    average = ((a + b) >> 1).astype(np.uint8)
    results = np.stack([octets, octets - left, octets - up, octets - average, octets - paeth])
    cost = np.abs(results.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = cost.argmin(axis=0)
    rows = np.empty((octets.shape[0], octets.shape[1] + 1), np.uint8)
    rows[:, 0] = best
    rows[:, 1:] = results[best, np.arange(octets.shape[0])]
    return rows.tobytes()
