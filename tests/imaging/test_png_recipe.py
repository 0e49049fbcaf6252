"""PNG files packed as pixels and a recipe: the same bytes come back, or at least the picture."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, features

import imaging
from imaging import png_recipe
from imaging.errors import ImagingError

from .conftest import PHOTO

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


@pytest.mark.skipif("ng" in zlib.ZLIB_RUNTIME_VERSION, reason="the photo was packed by zlib")
def test_the_photo_of_the_program():
    data = PHOTO.read_bytes()
    assert len(check_identical(data)) <= 0.75 * len(data)


@same_zlib
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "I;16"])
@pytest.mark.parametrize(
    "options",
    [{}, {"optimize": True}, *({"compress_level": level} for level in (1, 3, 6, 9))],
    ids=str,
)
def test_what_pillow_saves(landscape, mode, options):
    check_identical(pillow_png(landscape // 3, mode, **options))  # with less noise


@pytest.mark.parametrize("mode", ["P", "1"])
def test_pictures_of_few_colours_come_back_if_packed(landscape, mode):
    data = pillow_png(landscape, mode)
    packed = imaging.pack_png(data)
    assert packed is None or imaging.unpack_png(packed) == (data, True)


@same_zlib
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_samples_of_less_than_a_byte(bits):
    y, x = np.mgrid[0:200, 0:301]
    indices = ((np.hypot(x - 150, y - 90) // 9 + (x // 40) * (y // 30)) % 2**bits).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([17 * i for i in range(16) for _ in range(3)])
    file = io.BytesIO()
    image.save(file, "PNG", bits=bits)
    check_identical(file.getvalue())


@pytest.mark.parametrize("memory", [8, 9])
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED])
@pytest.mark.parametrize("level", range(1, 10))
def test_every_setting_of_zlib(landscape, level, strategy, memory):
    check_identical(make_png(landscape[:48], b"\4\1", deflater(level, memory, strategy)))


@pytest.mark.parametrize("strategy", [zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY])
def test_strategies_without_matches(landscape, strategy):
    check_identical(make_png(landscape[:48], b"\4", deflater(6, 8, strategy)))


def test_a_small_window(landscape):
    check_identical(make_png(landscape[:24], b"\4", deflater(9, 8, 0, 11)))


def test_a_header_that_promises_a_smaller_window_than_was_used(landscape):
    """libpng makes the header say what the data needs, after the fact."""

    def pack(data: bytes) -> bytes:
        stream = deflater(9)(data)
        first, second = 0x58, stream[1] & 0xC0
        second += -(256 * first + second) % 31
        return bytes([first, second]) + stream[2:]

    check_identical(make_png(landscape[:30, :60], b"\4", pack))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_filter(landscape, channels, dtype):
    pixels = np.concatenate((landscape, landscape[:, :, :1] // 2), axis=2)[:60, :, :channels]
    check_identical(make_png(pixels.astype(dtype) * dtype(1 if dtype == np.uint8 else 203),
                             bytes([4, 3, 2, 1, 0])))  # fmt: skip


def test_a_picture_of_one_pixel_is_not_worth_it():
    assert imaging.pack_png(make_png(np.zeros((1, 1), np.uint8))) is None


@pytest.mark.parametrize("sizes", [(), (1,), (100, 100, 100), (8192,), (0, 5, 0), (3, 7000, 2)])
def test_any_partition_of_the_stream(landscape, sizes):
    check_identical(make_png(landscape, sizes=sizes))


def test_other_chunks_around(landscape):
    before = (
        chunk(b"gAMA", struct.pack(">I", 45455))
        + chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1))
        + chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(range(200))))
        + chunk(b"tEXt", b"Comment\0" + b"no comment " * 30)
    )
    after = chunk(b"eXIf", b"MM\0*" + bytes(40)) + chunk(b"tIME", bytes(7))
    data = make_png(landscape, before=before, after=after)
    bare = check_identical(make_png(landscape))
    assert len(check_identical(data)) < len(bare) + 400


def test_what_follows_the_end_comes_along(landscape):
    check_identical(make_png(landscape) + b"left here by somebody")


@same_zlib
def test_text_of_pillow(landscape):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Clouds")
    info.add_itxt("Author", "nobody", zip=True)
    check_identical(pillow_png(landscape, "RGB", pnginfo=info, dpi=(300, 300)))


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
    ids=str,
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


def with_another_zlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose zlib packs otherwise than the sender's."""
    genuine = png_recipe._Setting.deflate
    monkeypatch.setattr(
        png_recipe._Setting, "deflate", lambda self, rows: genuine(self._replace(level=1), rows)
    )


def test_version_1_stays_readable():
    """Two rows of three grey pixels, filtered by differences and Paeth, behind a chunk tEXt."""
    packed = bytes.fromhex(
        "445450520106910f789ce011b29835d25798000000314a3c046e03023320e601198fa910a88a81818903a46a"
        "87bce531903525c0c008c92cc9496508ceacd8f424c204c54e06060146160044545058010100030000000300"
        "0000020000000379b2a8170000003257593e1a7fc9a900000000000000000000000000000000000000000000"
        "00000000000000"
    )
    data = imaging.unpack_png(packed).data
    text = chunk(b"tEXt", b"Title\0Six")
    pixels = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)
    wanted = make_png(pixels, b"\1\4", before=text)
    assert data[: data.index(b"IDAT") - 4] == wanted[: wanted.index(b"IDAT") - 4]
    assert np.array_equal(imaging.load(data).pixels, pixels)


@same_zlib
@pytest.mark.parametrize("mode", ["RGB", "LA", "I;16"])
def test_another_zlib_gives_the_same_picture(monkeypatch, landscape, mode):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "Clouds")
    data = pillow_png(landscape, mode, pnginfo=info)
    packed = check_identical(data)
    with_another_zlib(monkeypatch)
    unpacked = imaging.unpack_png(packed)
    assert not unpacked.identical
    assert unpacked.data != data
    with Image.open(io.BytesIO(unpacked.data)) as got, Image.open(io.BytesIO(data)) as wanted:
        assert got.text == {"Title": "Clouds"}
        assert np.array_equal(imaging.load(unpacked.data).pixels, imaging.load(data).pixels)
        assert got.mode == wanted.mode


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
