"""PNG files that are not packed, and packed forms that are damaged or forged."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imaging
from imaging import png_recipe
from imaging.errors import ImagingError

from .png_files import SIGNATURE, check_identical, chunk, make_png


def test_a_picture_of_one_pixel_is_not_worth_it():
    assert imaging.pack_png(make_png(np.zeros((1, 1), np.uint8))) is None


def wrong_packer(data: bytes) -> bytes:
    """A valid stream that no setting of zlib makes: it has an empty block in the middle."""
    packer = zlib.compressobj(6)
    half = len(data) // 2
    flushed = packer.compress(data[:half]) + packer.flush(zlib.Z_SYNC_FLUSH)
    return flushed + packer.compress(data[half:]) + packer.flush()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: SIGNATURE,
        lambda data: b"GIF89a" + data[6:],
        lambda data: data[:-3],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-12],
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: data[:8] + chunk(b"tEXt", b"a\0b") + data[8:],
        lambda data: data.replace(b"IDAT", b"IDAX"),
    ],
)
def test_damaged_files_are_left_alone(landscape, spoil):
    assert imaging.pack_png(spoil(make_png(landscape[:32]))) is None


@pytest.mark.parametrize(
    "options",
    [
        {"interlaced": 1},
        {"pack": wrong_packer},
        {"pack": lambda rows: zlib.compress(rows) + b"more"},
        {"pack": lambda rows: zlib.compress(rows)[:-1] + b"?"},
        {"pack": lambda rows: zlib.compress(rows[:-1])},
        {"pack": lambda rows: zlib.compress(rows + b"\0")},
        {"pack": lambda rows: zlib.compress(b"\5" + rows[1:])},
        {"pack": lambda rows: zlib.compress(rows, 0)},
        {"pack": lambda rows: b""},
        {"after": chunk(b"tIME", bytes(7)) + chunk(b"IDAT", b"")},
    ],
)
def test_files_that_cannot_be_imitated_are_left_alone(landscape, options):
    assert imaging.pack_png(make_png(landscape[:32], **options)) is None


def test_pictures_too_large_are_left_alone(monkeypatch, landscape):
    data = make_png(landscape)
    for name, value in (("MAX_ROWS_BYTES", 1000), ("MAX_AROUND_BYTES", 20), ("MAX_SIDE", 100)):
        with monkeypatch.context() as patch:
            patch.setattr(png_recipe, name, value)
            assert imaging.pack_png(data) is None


def test_a_header_of_a_huge_picture_costs_no_memory():
    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))
    assert imaging.pack_png(SIGNATURE + body + chunk(b"IEND", b"")) is None


@pytest.fixture(scope="module")
def packed(landscape) -> bytes:
    return check_identical(make_png(landscape[:24, :40], b"\4\3\2\1"))


def check_refused_or_whole(packed: bytes, data: bytes) -> None:
    try:
        unpacked = imaging.unpack_png(data)
    except ImagingError:
        return
    assert unpacked == imaging.unpack_png(packed)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_damage_is_noticed(packed, data):
    spoilt = bytearray(packed)
    for _ in range(data.draw(st.integers(1, 4))):
        spoilt[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(packed)) | st.just(len(packed)))
    check_refused_or_whole(packed, bytes(spoilt[:cut]))


@given(data=st.binary(max_size=200))
@settings(deadline=None)
def test_noise_is_refused(data):
    for noise in (data, b"DTPR\1" + data):
        with pytest.raises(ImagingError):
            imaging.unpack_png(noise)


def forged(packed: bytes, **changes: object) -> bytes:
    """The packed form with other fields and a right checksum, as a stranger would make it."""
    names = ("magic", "version", "level", "tuning", "window", "zlib_header", "digest", "length")
    fields = dict(zip(names, png_recipe._FIXED.unpack_from(packed), strict=True))
    start = png_recipe._FIXED.size + 4
    recipe = packed[start : start + fields["length"]]
    pixels = packed[start + fields["length"] :]
    recipe = changes.pop("recipe", recipe)
    fields |= {"length": len(recipe)} | changes
    fixed = png_recipe._FIXED.pack(*fields.values())
    return fixed + zlib.crc32(fixed + recipe).to_bytes(4, "big") + recipe + pixels


def recipe_of(parts: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, 0, png_recipe._DICTIONARY)
    return packer.compress(parts) + packer.flush()


IHDR = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 24, 8, 2, 0, 0, 0))
WIDE = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31, 24, 16, 2, 0, 0, 0))
TALL = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 2**31, 8, 2, 0, 0, 0))
KINDS = bytes(24)


def plain_recipe(before: bytes, after: bytes, lengths: bytes, kinds: bytes) -> bytes:
    counts = struct.pack(">III", len(before), len(after), len(lengths) // 4)
    return recipe_of(counts + before + after + lengths + kinds)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"level": 0},
        {"level": 10},
        {"tuning": 0x0F},
        {"tuning": 0xA0},
        {"tuning": 0x85},
        {"window": 8},
        {"window": 16},
        {"zlib_header": b"\0\0"},
        {"recipe": b""},
        {"recipe": b"\xff" * 20},
        {"recipe": recipe_of(b"")},
        {"recipe": recipe_of(bytes(12))},
        {"recipe": recipe_of(b"\xff" * 12)},
        {"recipe": recipe_of(struct.pack(">III", len(IHDR), 2**32 - 1, 0) + IHDR + KINDS)},
        {"recipe": recipe_of(struct.pack(">III", len(IHDR), 0, 2**32 - 1) + IHDR + KINDS)},
        {"recipe": recipe_of(bytes(40 << 20))},
        {"recipe": plain_recipe(IHDR, b"", bytes(4 << 20), KINDS)},
        {"recipe": plain_recipe(IHDR, b"", b"", KINDS[1:])},
        {"recipe": plain_recipe(IHDR, b"", b"", KINDS + b"\0")},
        {"recipe": plain_recipe(IHDR, b"", b"", b"\5" + KINDS[1:])},
        {"recipe": plain_recipe(IHDR, b"no end", b"", KINDS)},
        {"recipe": plain_recipe(IHDR[:-1], b"", b"", KINDS)},
        {"recipe": plain_recipe(IHDR[8:], b"", b"", KINDS)},
        {"recipe": plain_recipe(WIDE, b"", b"", KINDS)},
        {"recipe": plain_recipe(TALL, b"", b"", KINDS)},
    ],
)
def test_forgeries_are_refused(packed, changes):
    with pytest.raises(ImagingError):
        imaging.unpack_png(forged(packed, **changes))


def test_a_forged_digest_or_partition_still_gives_the_picture(packed):
    pixels = imaging.load(imaging.unpack_png(packed).data).pixels
    end = chunk(b"IEND", b"")
    for changes in (
        {"digest": bytes(8)},
        {"recipe": plain_recipe(IHDR, end, b"\xff" * 40, KINDS)},
        {"recipe": plain_recipe(IHDR, end, b"", KINDS)},
    ):
        unpacked = imaging.unpack_png(forged(packed, **changes))
        assert not unpacked.identical
        assert np.array_equal(imaging.load(unpacked.data).pixels, pixels)
