"""The exact codec's second way: repeats, for screenshots, diagrams and pixel art.

Pixels become palette indices where 256 colours suffice, or differences to the row above, or
stay as they are, and LZMA finds what recurs. LZMA is the standard library's, raw and with fixed
parameters, so that a stream from the air chooses neither memory nor output size.
"""

from __future__ import annotations

import lzma
from math import prod

import numpy as np

from .errors import ImagingError

PLAIN, ABOVE, PALETTE = range(3)

_MAX_COLOURS = 256
_PROMISING = 0.35  # share of pixels equal to a neighbour
_SPREAD = 4096  # pixels looked at to guess the number of colours
_FILTERS = [
    {"id": lzma.FILTER_LZMA2, "dict_size": 8 << 20, "lc": 3, "lp": 0, "pb": 0, "nice_len": 273}
]


def promising(samples: np.ndarray) -> bool:
    """Whether repeats have a chance: few colours, or many pixels equal to a neighbour.

    Pixels that equal their left or upper neighbour are rarely above a tenth of a photograph and
    rarely below a half of drawn graphics.
    """
    if samples.shape[0] < 2 or samples.shape[1] < 2 or _few_colours(samples):
        return True
    here = samples[1:, 1:]
    same = (here == samples[1:, :-1]).all(axis=2) | (here == samples[:-1, 1:]).all(axis=2)
    return float(same.mean()) >= _PROMISING


def _few_colours(samples: np.ndarray) -> bool:
    """Whether pixels spread over the picture show no more colours than a palette holds."""
    pixels = samples.reshape(-1, samples.shape[2])
    spread = pixels[:: max(1, len(pixels) // _SPREAD)]
    return len(np.unique(spread, axis=0)) <= _MAX_COLOURS


def compress(samples: np.ndarray) -> tuple[int, bytes]:
    """(h, w, c) samples -> (one of PLAIN, ABOVE, PALETTE; the shortest payload found)."""
    tried = [(PLAIN, _lzma(_bytes(samples))), (ABOVE, _lzma(_bytes(_above(samples))))]
    indexed = _to_palette(samples)
    if indexed is not None:
        tried.append((PALETTE, _lzma(indexed)))
    return min(tried, key=lambda choice: len(choice[1]))


def expand(payload: bytes, shape: tuple[int, ...], dtype: np.dtype, form: int) -> np.ndarray:
    """The (h, w, c) samples of a payload; ImagingError when it does not hold exactly those."""
    if form == PALETTE:
        return _from_palette(payload, shape, dtype)
    if form not in (PLAIN, ABOVE):
        raise ImagingError("the picture's header block holds impossible values")
    samples = _samples(_unlzma(payload, prod(shape) * dtype.itemsize), dtype).reshape(shape)
    return np.cumsum(samples, axis=0, dtype=dtype) if form == ABOVE else samples


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_RAW, filters=_FILTERS)


def _unlzma(payload: bytes, expected: int, most: int | None = None) -> bytes:
    """Between `expected` and `most` (default: the same) bytes, or ImagingError."""
    most = expected if most is None else most
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    try:
        data = decoder.decompress(payload, max_length=most + 1)
    except lzma.LZMAError as error:
        raise ImagingError("the picture's coded repeats are damaged") from error
    if not expected <= len(data) <= most:
        raise ImagingError("the picture's coded repeats do not fill its pixels")
    return data


def _bytes(samples: np.ndarray) -> bytes:
    """Low bytes, then high bytes: they recur separately."""
    if samples.dtype.itemsize == 1:
        return samples.tobytes()
    return (samples & 0xFF).astype(np.uint8).tobytes() + (samples >> 8).astype(np.uint8).tobytes()


def _samples(data: bytes, dtype: np.dtype) -> np.ndarray:
    octets = np.frombuffer(data, np.uint8)
    if dtype.itemsize == 1:
        return octets
    half = octets.size // 2
    return octets[:half].astype(np.uint16) | (octets[half:].astype(np.uint16) << 8)


def _above(samples: np.ndarray) -> np.ndarray:
    different = samples.copy()
    different[1:] -= samples[:-1]
    return different


def _index_bits(colours: int) -> int:
    return next(bits for bits in (1, 2, 4, 8) if colours <= 1 << bits)


def _to_palette(samples: np.ndarray) -> bytes | None:
    """Number of colours less one, the colours, rows of packed indices; None above 256."""
    height, width, channels = samples.shape
    keys = np.zeros((height, width), np.uint64)
    for channel in range(channels):
        keys = (keys << np.uint64(16)) | samples[:, :, channel]
    colours, indices = np.unique(keys, return_inverse=True)
    if colours.size > _MAX_COLOURS:
        return None
    shifts = np.arange(channels - 1, -1, -1, dtype=np.uint64) * np.uint64(16)
    palette = ((colours[:, None] >> shifts) & np.uint64(0xFFFF)).astype(samples.dtype)
    bits = _index_bits(colours.size)
    octets = indices.reshape(height, width).astype(np.uint8)
    if bits < 8:
        places = np.arange(bits - 1, -1, -1, dtype=np.uint8)
        octets = np.packbits((octets[:, :, None] >> places & 1).reshape(height, -1), axis=1)
    return bytes([colours.size - 1]) + _bytes(palette) + octets.tobytes()


def _from_palette(payload: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    height, width, channels = shape
    data = _unlzma(payload, 1, 1 + _MAX_COLOURS * channels * dtype.itemsize + height * width)
    colours = data[0] + 1
    start = 1 + colours * channels * dtype.itemsize
    bits = _index_bits(colours)
    row_bytes = (width * bits + 7) // 8
    if len(data) != start + height * row_bytes:
        raise ImagingError("the picture's coded repeats do not fill its pixels")
    palette = _samples(data[1:start], dtype).reshape(colours, channels)
    packed = np.frombuffer(data, np.uint8, offset=start).reshape(height, row_bytes)
    indices = _unpack(packed, bits)[:, :width] if bits < 8 else packed
    if int(indices.max()) >= colours:
        raise ImagingError("the picture names a colour that its palette lacks")
    return palette[indices]


def _unpack(packed: np.ndarray, bits: int) -> np.ndarray:
    """Rows of bytes to rows of the 8 / bits indices in each, highest first."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    indices = packed[:, :, None] >> shifts & np.uint8((1 << bits) - 1)
    return indices.reshape(packed.shape[0], -1)
