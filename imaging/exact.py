"""Exact pixels as a stream of 256-bit blocks: one header block, then the coded picture.

The byte layout is in README.md. Two ways of coding serve two kinds of picture, and the smaller
result is sent: prediction (`predict`) for photographs, repeats (`repeats`) for drawn graphics.
A picture that neither makes smaller travels as it is.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from .errors import ImagingError

BLOCK_BYTES = 32
MAX_PIXEL_BYTES = 256 << 20
MAX_SIDE = 1 << 18
_PIECE = 1 << 20  # samples looked at at a time

_MAGIC = b"DTPX"
_VERSION = 1
_HEADER = struct.Struct(">4sBBBBIIIIHH")
_STORED, _PREDICTED, _REPEATS = range(3)
_WIDE = 0x10  # samples of 16 bits

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

# Order in which the channels of a pixel are coded, and for each place in that order the places
# of the last and of the first channel to predict it from. Green comes before red and blue;
# alpha neither helps nor is helped.
_ORDERS = {
    1: ([0], [[-1, -1]]),
    2: ([1, 0], [[-1, -1], [-1, -1]]),
    3: ([1, 0, 2], [[-1, -1], [0, 0], [1, 0]]),
    4: ([3, 1, 0, 2], [[-1, -1], [-1, -1], [1, 1], [2, 1]]),
}


@dataclass(frozen=True, slots=True)
class _Header:
    method: int
    parameter: int
    shape: tuple[int, ...]
    wide: bool
    length: int
    checksum: int
    offset: int
    step: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint16 if self.wide else np.uint8)

    def pack(self) -> bytes:
        channels = self.shape[2] if len(self.shape) == 3 else 0
        block = _HEADER.pack(
            _MAGIC,
            _VERSION,
            self.method,
            channels | (_WIDE if self.wide else 0),
            self.parameter,
            self.shape[1],
            self.shape[0],
            self.length,
            self.checksum,
            self.offset,
            self.step,
        )
        return block + zlib.crc32(block).to_bytes(4, "big")

    @classmethod
    def unpack(cls, block: bytes) -> _Header:
        if len(block) < BLOCK_BYTES or block[:4] != _MAGIC:
            raise ImagingError("this is not an exactly coded picture")
        if zlib.crc32(block[:28]) != int.from_bytes(block[28:32], "big"):
            raise ImagingError("the picture's header block is damaged")
        _, version, method, layout, parameter, width, height, length, checksum, offset, step = (
            _HEADER.unpack(block[:28])
        )
        if version != _VERSION:
            raise ImagingError(f"the picture is coded in version {version}, this program knows 1")
        channels = layout & 0x0F
        shape = (height, width, channels) if channels else (height, width)
        shifted = method != _PREDICTED and (offset, step) != (0, 1)
        named = method == _STORED and parameter != 0
        if method > _REPEATS or layout & 0xE0 or channels > 4 or not step or shifted or named:
            raise ImagingError("the picture's header block holds impossible values")
        wide = bool(layout & _WIDE)
        _check_shape(shape, 2 if wide else 1)
        return cls(method, parameter, shape, wide, length, checksum, offset, step)


def _check_shape(shape: tuple[int, ...], sample_bytes: int) -> None:
    if min(shape) < 1:
        raise ImagingError(f"a picture needs at least one pixel, got {shape[1]} x {shape[0]}")
    if max(shape[:2]) > MAX_SIDE or prod(shape) * sample_bytes > MAX_PIXEL_BYTES:
        raise ImagingError(
            f"the picture of {shape[1]} x {shape[0]} pixels is too large: at most "
            f"{MAX_PIXEL_BYTES >> 20} MB of pixels and {MAX_SIDE} pixels a side"
        )


def encode_exact(pixels: np.ndarray) -> bytes:
    """Pixels as 256-bit blocks that `decode_exact` turns back into equal pixels.

    pixels   (h, w) or (h, w, c) with c = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA;
             uint8 or uint16, any strides and byte order
    returns  a multiple of 32 bytes
    Raises ImagingError for other shapes and types and above MAX_PIXEL_BYTES or MAX_SIDE.
    """
    if pixels.ndim not in (2, 3) or pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        raise ImagingError(
            "pixels must be (h, w) or (h, w, channels) of uint8 or uint16, "
            f"got {pixels.shape} of {pixels.dtype}"
        )
    if pixels.ndim == 3 and not 1 <= pixels.shape[2] <= 4:
        raise ImagingError(f"pixels must have 1 to 4 channels, got {pixels.shape[2]}")
    wide = pixels.dtype.itemsize == 2
    _check_shape(pixels.shape, pixels.dtype.itemsize)
    flat = np.ascontiguousarray(pixels, np.uint16 if wide else np.uint8)
    samples = flat.reshape(*flat.shape[:2], -1)

    raw = _big_endian(flat)
    offset, step = _lattice(samples)
    method, parameter, payload = _STORED, 0, raw
    from . import repeats

    if repeats.promising(samples):
        parameter_tried, tried = repeats.compress(samples)
        if len(tried) < len(payload):
            method, parameter, payload = _REPEATS, parameter_tried, tried
    indices = (samples - np.asarray(offset, samples.dtype)) // np.asarray(step, samples.dtype)
    bits = max(int(indices.max()).bit_length(), 1)
    predicted = _predict(indices.astype(np.uint16), bits, len(payload) - 1)
    if predicted is not None:
        method, parameter, payload = _PREDICTED, bits, predicted
    if method != _PREDICTED:
        offset, step = 0, 1
    header = _Header(
        method, parameter, flat.shape, wide, len(payload), zlib.crc32(raw), offset, step
    )
    return header.pack() + payload + bytes(-len(payload) % BLOCK_BYTES)


def decode_exact(data: bytes) -> np.ndarray:
    """The pixels that `encode_exact` was given: same shape, type and values.

    Raises ImagingError when the bytes are not such a picture or are damaged anywhere. Memory is
    bounded by MAX_PIXEL_BYTES before anything is decoded.
    """
    header = _Header.unpack(data[:BLOCK_BYTES])
    payload = data[BLOCK_BYTES : BLOCK_BYTES + header.length]
    if len(data) != BLOCK_BYTES + header.length + -header.length % BLOCK_BYTES:
        raise ImagingError(
            f"the picture has {len(data)} bytes, its header announces "
            f"{BLOCK_BYTES + header.length} in whole blocks"
        )
    if data[BLOCK_BYTES + header.length :].strip(b"\0"):
        raise ImagingError("the picture's last block is not filled with zeros")
    shape = header.shape if len(header.shape) == 3 else (*header.shape, 1)
    if header.method == _STORED:
        samples = _stored(payload, shape, header.dtype)
    elif header.method == _PREDICTED:
        samples = _unpredict(payload, shape, header)
    else:
        from . import repeats

        samples = repeats.expand(payload, shape, header.dtype, header.parameter)
    pixels = samples.reshape(header.shape)
    if zlib.crc32(_big_endian(pixels)) != header.checksum:
        raise ImagingError("the picture's pixels do not match their checksum")
    return pixels


def _big_endian(pixels: np.ndarray) -> bytes:
    return pixels.astype(">u2").tobytes() if pixels.dtype.itemsize == 2 else pixels.tobytes()


def _stored(payload: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if len(payload) != prod(shape) * dtype.itemsize:
        raise ImagingError("the picture's stored pixels are not as many as its header announces")
    samples = np.frombuffer(payload, ">u2" if dtype.itemsize == 2 else np.uint8)
    return samples.astype(dtype).reshape(shape)


def _lattice(samples: np.ndarray) -> tuple[int, int]:
    """Smallest value, and the largest step of which every value is that plus a multiple.

    8-bit pictures stored in 16 bits (times 257), 1-bit ones in 8 (times 255) and 10-bit ones
    shifted up lose their holes this way.
    """
    present = np.zeros(1 << (8 * samples.dtype.itemsize), np.bool_)
    for rows in np.array_split(samples, -(-samples.size // _PIECE)):
        present[rows] = True  # in pieces, since indexing makes every sample 64 bits wide
    used = np.flatnonzero(present)
    step = int(np.gcd.reduce(used - used[0]))
    return int(used[0]), max(step, 1)


def _predict(indices: np.ndarray, bits: int, room: int) -> bytes | None:
    from .predict import code_samples

    order, references = (np.array(table, np.int64) for table in _ORDERS[indices.shape[2]])
    data = np.empty(room, np.uint8)
    used = code_samples(indices, data, False, bits, order, references)
    return None if used < 0 else data[:used].tobytes()


def _unpredict(payload: bytes, shape: tuple[int, ...], header: _Header) -> np.ndarray:
    from .predict import code_samples

    if not 1 <= header.parameter <= 16:
        raise ImagingError("the picture's header block holds impossible values")
    order, references = (np.array(table, np.int64) for table in _ORDERS[shape[2]])
    indices = np.zeros(shape, np.uint16)
    data = np.frombuffer(payload, np.uint8).copy()  # the kernel is compiled for writable arrays
    if code_samples(indices, data, True, header.parameter, order, references) < 0:
        raise ImagingError("the picture ends before its last pixel")
    indices *= np.uint16(header.step)
    indices += np.uint16(header.offset)
    return indices.astype(header.dtype, copy=False)
