"""PNG files of 16 bits a sample, which Pillow reads as 8 and does not write.

Interlaced files are refused with a way out.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from . import png_parts
from .errors import ImagingError
from .png_parts import Header, chunk

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # samples a pixel -> colour type
_MAX_PROFILE = 4 << 20


def read(data: bytes, max_pixels: int) -> tuple[np.ndarray, dict[str, Any]]:
    """(h, w) or (h, w, c) uint16 pixels; ICC profile and gamma where the file has them.

    A colour marked transparent becomes an alpha channel of 0 and 65535.
    """
    packed = []
    facts: dict[str, Any] = {}
    key: np.ndarray | None = None
    header: Header | None = None
    for name, body, _ in png_parts.chunks(data):
        if name == b"IHDR":
            header = Header.unpack(body)
            if header.width * header.height > max_pixels // 2:
                raise ImagingError(
                    f"the picture of {header.width} x {header.height} pixels is too large: "
                    f"at most {max_pixels // 2_000_000} megapixels of 16 bits"
                )
            if header.interlaced:
                raise ImagingError("16-bit PNG is read without interlacing only; save it so")
        elif header is None:
            break
        elif name == b"IDAT":
            packed.append(body)
        elif name == b"tRNS" and len(body) == 2 * header.samples and header.samples in (1, 3):
            key = np.frombuffer(body, ">u2").astype(np.uint16)
        elif name == b"gAMA" and len(body) == 4:
            facts["gamma"] = int.from_bytes(body, "big") / 100_000
        elif name == b"iCCP":
            profile = png_parts.inflate(body.partition(b"\0")[2][1:], _MAX_PROFILE)
            facts["icc_profile"] = profile or None
        elif name == b"IEND":
            break
    if header is None:
        raise ImagingError("the PNG file is cut off")
    rows = png_parts.inflate(b"".join(packed), header.height * (header.stride + 1))
    octets, _ = png_parts.unfiltered(rows, header)
    shape = (header.height, header.width, header.samples)
    pixels = octets.view(">u2").astype(np.uint16).reshape(shape)
    if key is not None:
        opaque = (pixels != key).any(axis=2, keepdims=True)
        pixels = np.concatenate((pixels, opaque.astype(np.uint16) * np.uint16(0xFFFF)), axis=2)
    return (pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), facts


def write(pixels: np.ndarray, icc_profile: bytes | None = None) -> bytes:
    """A PNG file of (h, w) or (h, w, c) uint16 pixels."""
    height, width = pixels.shape[:2]
    header = Header(width, height, 16, _COLOUR_TYPES[pixels.shape[2] if pixels.ndim == 3 else 1])
    octets = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, -1)
    packer = zlib.compressobj(9)
    packed = [packer.compress(strip) for strip in png_parts.filtered(octets, header.step)]
    packed.append(packer.flush())
    profile = b""
    if icc_profile:
        profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc_profile, 9))
    return b"".join(
        (
            png_parts.SIGNATURE,
            chunk(b"IHDR", header.pack()),
            profile,
            chunk(b"IDAT", b"".join(packed)),
            chunk(b"IEND", b""),
        )
    )
