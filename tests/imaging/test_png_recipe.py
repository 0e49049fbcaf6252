"""PNG files packed as pixels and a recipe: the same bytes come back, or at least the picture."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import imaging
from imaging import png_recipe

from .conftest import PHOTO
from .png_files import check_identical, chunk, deflater, make_png, pillow_png, same_zlib


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
