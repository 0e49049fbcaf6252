"""PNG files as exact pixels and the recipe that makes the same file of them again.

A PNG file is a zlib stream of filtered rows between other chunks. Where zlib with some setting
packs the rows into that very stream, the setting, the filters and everything around them are
enough to rebuild the file from its pixels, and pixels are coded in fewer bytes here than there.
The byte layout is in README.md.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple, Self

import numpy as np

from . import png_parts
from .errors import ImagingError
from .exact import MAX_SIDE, decode_exact, encode_exact
from .png_parts import SIGNATURE, Header, chunk

WORTH_IT = 0.97  # of the file's bytes: a packed form that is larger is not used
MAX_ROWS_BYTES = 48 << 20  # of filtered rows; about 2 s of zlib for every 10 MB of them
MAX_AROUND_BYTES = 16 << 20  # of chunks before and after the picture's
MAX_CHUNKS = 1 << 16  # that hold the picture

_MAGIC = b"DTPR"
_VERSION = 1
_FIXED = struct.Struct(">4sBBBB2s8sI")
_CHECKED = _FIXED.size
_COUNTS = struct.Struct(">III")
_MAX_RECIPE = _COUNTS.size + MAX_AROUND_BYTES + 4 * MAX_CHUNKS + MAX_SIDE
_PIECE = 1 << 16  # bytes of rows between two comparisons with the file
# What most files hold, so that it costs next to nothing.
_DICTIONARY = (
    b"tEXtiTXtzTXteXIfiCCPtRNSPLTEcHRMbKGDtIME\0\0\0\x07tIMESoftware\0Comment\0date:create\0"
    b"date:modify\0\0\0\0 cHRM\0\0z&\0\0\x80\x84\0\0\xfa\0\0\0\x80\xe8\0\0u0\0\0\xea`\0\0:\x98"
    b"\0\0\x17p\x9c\xbaQ<\0\0\0\x01sRGB\0\xae\xce\x1c\xe9\0\0\0\x04gAMA\0\0\xb1\x8f\x0b\xfca\x05"
    b"\0\0\0\x09pHYs\0\0\0\0IEND\xaeB`\x82" + bytes(range(5)) + b"\0\x01\0\0" + SIGNATURE
    + b"\0\0\0\x0dIHDR\0\0\x04\0\0\0\x03\0\x08\x02\0\0\0"
)  # fmt: skip


class UnpackedPng(NamedTuple):
    """A PNG file. identical: it is the packed file to the byte, not only to the pixel."""

    data: bytes
    identical: bool


class _Setting(NamedTuple):
    """What zlib's deflateInit2 takes; window is the number of bits."""

    level: int
    memory: int
    strategy: int
    window: int

    def deflate(self, rows: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces of a stream without zlib's header and check."""
        packer = zlib.compressobj(
            self.level, zlib.DEFLATED, -self.window, self.memory, self.strategy
        )
        for piece in rows:
            yield packer.compress(piece)
        yield packer.flush()


@dataclass(frozen=True, slots=True)
class _File:
    """A PNG file taken apart.

    before, after  all bytes up to the first chunk IDAT, and all behind the last
    lengths        of the chunks IDAT
    stream         what they hold: a whole zlib stream
    """

    header: Header
    before: bytes
    after: bytes
    lengths: tuple[int, ...]
    stream: bytes

    @classmethod
    def split(cls, data: bytes) -> Self:
        """Raises ImagingError for what is damaged or out of order."""
        if data[: len(SIGNATURE)] != SIGNATURE:
            raise ImagingError("this is not a PNG file")
        bodies: list[bytes] = []
        header, start, end, last = None, 0, 0, b""
        for found in png_parts.chunks(data):
            last = found.name
            if header is None:
                if found.name != b"IHDR":
                    raise ImagingError("the PNG file does not begin with its header")
                header = Header.unpack(found.body)
            elif found.name == b"IDAT":
                start = start or found.start
                if bodies and found.start != end:
                    raise ImagingError("the PNG file's chunks are out of order")
                bodies.append(found.body)
                end = found.end
            elif found.name == b"IEND":
                break
        if header is None or not bodies or last != b"IEND":
            raise ImagingError("the PNG file is cut off")
        lengths = tuple(map(len, bodies))
        return cls(header, data[:start], data[end:], lengths, b"".join(bodies))

    def join(self) -> bytes:
        """The file's bytes; one chunk IDAT where the lengths do not fit the stream."""
        lengths = self.lengths
        if sum(lengths) != len(self.stream):
            lengths = (len(self.stream),)
        parts, position = [self.before], 0
        for length in lengths:
            parts.append(chunk(b"IDAT", self.stream[position : position + length]))
            position += length
        return b"".join((*parts, self.after))


def pack_png(data: bytes) -> bytes | None:
    """A PNG file as its exact pixels and a recipe; `unpack_png` makes the file of it again.

    returns  None where that cannot be done (another kind of file, a damaged or interlaced one, a
             packer that zlib cannot imitate, too large a picture) or does not pay
    """
    try:
        file = _File.split(data)
    except ImagingError:
        return None
    header, stream = file.header, file.stream
    expected = header.height * (header.stride + 1)
    too_large = (
        max(header.width, header.height) > MAX_SIDE
        or expected > MAX_ROWS_BYTES
        or len(file.before) + len(file.after) > MAX_AROUND_BYTES
        or len(file.lengths) > MAX_CHUNKS
    )
    if header.interlaced or too_large:
        return None
    rows = _inflate_all(stream, expected)
    if rows is None:
        return None
    setting = _find(rows, stream)
    if setting is None:
        return None
    try:
        octets, kinds = png_parts.unfiltered(rows, header)
    except ImagingError:
        return None
    recipe = _write_recipe(file, kinds)
    fixed = _FIXED.pack(
        _MAGIC,
        _VERSION,
        setting.level,
        setting.memory << 4 | setting.strategy,
        setting.window,
        stream[:2],
        hashlib.sha256(data).digest()[:8],
        len(recipe),
    )
    check = zlib.crc32(recipe, zlib.crc32(fixed)).to_bytes(4, "big")
    packed = b"".join((fixed, check, recipe, encode_exact(_to_pixels(octets, header))))
    return packed if len(packed) <= WORTH_IT * len(data) else None


def unpack_png(packed: bytes) -> UnpackedPng:
    """The file that `pack_png` was given.

    Where the zlib of this machine packs rows otherwise than the sender's, the file has the same
    chunks and pixels but not the same bytes, and `identical` is False.
    Raises ImagingError when the bytes are damaged or nothing of this kind.
    """
    if len(packed) < _CHECKED + 4 or packed[:4] != _MAGIC:
        raise ImagingError("this is not a packed PNG file")
    fixed = _FIXED.unpack_from(packed)
    _, version, level, tuning, window, zlib_header, digest, length = fixed
    if version != _VERSION:
        raise ImagingError(f"the PNG file is packed in version {version}, this program knows 1")
    recipe = packed[_CHECKED + 4 : _CHECKED + 4 + length]
    check = zlib.crc32(recipe, zlib.crc32(packed[:_CHECKED]))
    if packed[_CHECKED : _CHECKED + 4] != check.to_bytes(4, "big"):
        raise ImagingError("the packed PNG file is damaged")
    setting = _Setting(level, tuning >> 4, tuning & 15, window)
    if not (1 <= level <= 9 and 1 <= setting.memory <= 9 and 9 <= window <= 15) or (
        setting.strategy > zlib.Z_FIXED
    ):
        raise ImagingError("the packed PNG file holds impossible values")
    header, before, after, lengths, kinds = _read_recipe(recipe)
    octets = _to_octets(decode_exact(packed[_CHECKED + 4 + length :]), header)

    adler = 1
    pieces = []
    for piece in png_parts.filtered(octets, header.step, kinds):
        adler = zlib.adler32(piece, adler)
        pieces.append(piece)
    deflated = b"".join(setting.deflate(pieces))
    stream = zlib_header + deflated + adler.to_bytes(4, "big")
    data = _File(header, before, after, lengths, stream).join()
    if hashlib.sha256(data).digest()[:8] == digest:
        return UnpackedPng(data, True)
    # A stranger's bytes may amount to something that is no PNG file.
    if _inflate_all(_File.split(data).stream, octets.size + len(octets)) is None:
        raise ImagingError("the packed PNG file is damaged")
    return UnpackedPng(data, False)


def _find(rows: bytes, stream: bytes) -> _Setting | None:
    """The setting with which zlib makes the stream of the rows; None where no likely one does."""
    target = stream[2:-4]
    return next((s for s in _candidates(stream) if _makes(s, rows, target)), None)


def _makes(setting: _Setting, rows: bytes, target: bytes) -> bool:
    """Whether a setting makes exactly the target of the rows.

    Most wrong settings show within the first block, so that trying them costs little.
    """
    position = 0
    pieces = (rows[start : start + _PIECE] for start in range(0, len(rows), _PIECE))
    for made in setting.deflate(pieces):
        if target[position : position + len(made)] != made:
            return False
        position += len(made)
    return position == len(target)


def _candidates(stream: bytes) -> Iterator[_Setting]:
    """Settings that agree with a zlib stream's header, likely ones first.

    The header tells the window, which libpng may write smaller than the one it used, and a
    class of levels (RFC 1950, 2.2).
    """
    window = max(9, (stream[0] >> 4) + 8)
    filtering = (zlib.Z_FILTERED, zlib.Z_DEFAULT_STRATEGY)
    classes = {
        0: [(level, strategy) for level in (1,) for strategy in filtering]
        + [(6, zlib.Z_RLE), (6, zlib.Z_HUFFMAN_ONLY)],
        1: [(level, strategy) for level in (5, 4, 3, 2) for strategy in filtering],
        2: [(6, strategy) for strategy in filtering],
        3: [(level, strategy) for level in (9, 7, 8) for strategy in filtering],
    }
    for bits in dict.fromkeys((window, 15)):
        for level, strategy in classes[stream[1] >> 6]:
            for memory in (9, 8):
                yield _Setting(level, memory, strategy, bits)


def _inflate_all(stream: bytes, expected: int) -> bytes | None:
    """The rows; None unless the stream is whole, ends the chunks and holds exactly these."""
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(stream, expected + 1)
    except zlib.error:
        return None
    whole = inflater.eof and not inflater.unused_data and len(rows) == expected
    return rows if whole else None


def _write_recipe(file: _File, kinds: np.ndarray) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    parts = (
        _COUNTS.pack(len(file.before), len(file.after), len(file.lengths)),
        file.before,
        file.after,
        np.array(file.lengths, ">u4").tobytes(),
        kinds.tobytes(),
    )
    return packer.compress(b"".join(parts)) + packer.flush()


def _read_recipe(recipe: bytes) -> tuple[Header, bytes, bytes, tuple[int, ...], np.ndarray]:
    """Header, bytes before and after, lengths of the chunks, (h,) filters."""
    inflater = zlib.decompressobj(-15, _DICTIONARY)
    try:
        data = inflater.decompress(recipe, _MAX_RECIPE)
    except zlib.error as error:
        raise ImagingError("the packed PNG file is damaged") from error
    if not inflater.eof or len(data) < _COUNTS.size:
        raise ImagingError("the packed PNG file is damaged")
    n_before, n_after, n_lengths = _COUNTS.unpack_from(data)
    ends = list(accumulate((_COUNTS.size, n_before, n_after, 4 * n_lengths)))
    before, after, lengths = (data[start:end] for start, end in pairwise(ends))
    kinds = np.frombuffer(data[ends[-1] :], np.uint8)
    found = next(png_parts.chunks(before), None)
    if found is None or found.name != b"IHDR" or len(lengths) != 4 * n_lengths:
        raise ImagingError("the packed PNG file is damaged")
    header = Header.unpack(found.body)
    filters_fit = len(kinds) == header.height and kinds.max() < png_parts.FILTERS
    if header.interlaced or n_lengths > MAX_CHUNKS or not filters_fit:
        raise ImagingError("the packed PNG file holds impossible values")
    return header, before, after, tuple(np.frombuffer(lengths, ">u4").tolist()), kinds


def _shape(header: Header) -> tuple[int, ...]:
    """Of the pixels as they are coded: samples below 8 bits stay packed in bytes."""
    if header.depth < 8:
        return header.height, header.stride
    shape = (header.height, header.width, header.samples)
    return shape[:2] if header.samples == 1 else shape


def _to_pixels(octets: np.ndarray, header: Header) -> np.ndarray:
    samples = octets.view(">u2").astype(np.uint16) if header.depth == 16 else octets
    return samples.reshape(_shape(header))


def _to_octets(pixels: np.ndarray, header: Header) -> np.ndarray:
    """(h, stride) uint8. Raises ImagingError where the pixels are not those of the header."""
    wide = header.depth == 16
    if pixels.shape != _shape(header) or (pixels.dtype == np.uint16) != wide:
        raise ImagingError("the packed PNG file's pixels do not fit its header")
    samples = pixels.astype(">u2").view(np.uint8) if wide else pixels
    return samples.reshape(header.height, header.stride)
