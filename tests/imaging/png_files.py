"""PNG files made by hand or by Pillow, for the tests of their packed form."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, features

import imaging

# Pillow may bring a zlib of its own, whose streams Python's does not make.
same_zlib = pytest.mark.skipif(
    ("ng" in (features.version("zlib") or "")) != ("ng" in zlib.ZLIB_RUNTIME_VERSION),
    reason="Pillow packs with another zlib than Python",
)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def filter_row(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """A row behind its filter, as PNG's specification words it, byte by byte."""
    out = bytearray([kind])
    for i, x in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        c = above[i - step] if i >= step else 0
        p = a + b - c
        paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        out.append((x - (0, a, b, (a + b) // 2, paeth)[kind]) & 0xFF)
    return bytes(out)


def make_png(
    pixels: np.ndarray,
    kinds: bytes = b"\x04",
    pack: Callable[[bytes], bytes] = zlib.compress,
    sizes: tuple[int, ...] = (),
    before: bytes = b"",
    after: bytes = b"",
    interlaced: int = 0,
) -> bytes:
    """A PNG file by hand: rows take the filters in turn, chunks IDAT the sizes and the rest."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    depth = 8 * pixels.dtype.itemsize
    octets = pixels.astype(">u2" if depth == 16 else np.uint8).reshape(height, -1)
    rows = [row.tobytes() for row in octets]
    above = [bytes(len(rows[0])), *rows]
    step = channels * depth // 8
    stream = pack(
        b"".join(
            filter_row(kinds[y % len(kinds)], row, above[y], step) for y, row in enumerate(rows)
        )
    )
    parts = []
    for size in sizes:
        parts.append(stream[:size])
        stream = stream[size:]
    header = struct.pack(">IIBBBBB", width, height, depth, COLOURS[channels], 0, 0, interlaced)
    return b"".join(
        (
            SIGNATURE + chunk(b"IHDR", header) + before,
            *(chunk(b"IDAT", part) for part in (*parts, stream)),
            after + chunk(b"IEND", b""),
        )
    )


def deflater(
    level: int, memory: int = 8, strategy: int = 0, window: int = 15
) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        packer = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
        return packer.compress(data) + packer.flush()

    return pack


def check_identical(data: bytes) -> bytes:
    packed = imaging.pack_png(data)
    assert packed is not None
    assert len(packed) <= 0.97 * len(data)
    assert imaging.unpack_png(packed) == (data, True)
    return packed


def pillow_png(pixels: np.ndarray, mode: str, **options: object) -> bytes:
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 201)
    elif mode == "P":
        image = image.quantize(200)
    elif mode == "RGBA":
        image.putalpha(image.convert("L"))
    else:
        image = image.convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()
