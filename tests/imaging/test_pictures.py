"""Picture files: every kind that is read, what is refused, and what comes back."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import imaging

RNG = np.random.default_rng(4)
RGB = RNG.integers(0, 256, (9, 13, 3)).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "WEBP"])
def test_lossless_formats(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = imaging.load(saved(Image.fromarray(RGB), kind, **options))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.info.format == kind
    assert picture.info.notes == ()


@pytest.mark.parametrize("channels", [(), (2,), (4,)])
def test_grey_and_alpha(channels: tuple[int, ...]) -> None:
    pixels = RNG.integers(0, 256, (7, 5, *channels)).astype(np.uint8)
    np.testing.assert_array_equal(imaging.load(imaging.save_png(pixels)).pixels, pixels)


@pytest.mark.parametrize("shape", [(1201, 1300, 4), (3001, 1500)])
def test_large_pictures_and_quick_files(shape: tuple[int, ...]) -> None:
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    file = imaging.save_png(pixels, quick=True)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(file))), pixels)
    np.testing.assert_array_equal(imaging.load(file).pixels, pixels)


def test_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(imaging.save_png(RGB))
    np.testing.assert_array_equal(imaging.load(path).pixels, RGB)
    np.testing.assert_array_equal(imaging.load(str(path)).pixels, RGB)
    with pytest.raises(imaging.ImagingError, match=r"cannot read .*none\.png"):
        imaging.load(tmp_path / "none.png")


def test_one_bit_becomes_black_and_white() -> None:
    bits = RNG.integers(0, 2, (6, 11)).astype(bool)
    picture = imaging.load(saved(Image.fromarray(bits), "PNG"))
    np.testing.assert_array_equal(picture.pixels, bits * np.uint8(255))


def test_palettes_are_expanded() -> None:
    image = Image.fromarray(RGB).quantize(8, dither=Image.Dither.NONE)
    expected = np.asarray(image.convert("RGB"))
    for kind in ("PNG", "GIF", "BMP"):
        np.testing.assert_array_equal(imaging.load(saved(image, kind)).pixels, expected)
    pixels = imaging.load(saved(image, "PNG", transparency=3)).pixels
    assert pixels.shape[2] == 4
    np.testing.assert_array_equal(pixels[:, :, 3] == 0, np.asarray(image) == 3)


def test_a_transparent_colour_becomes_alpha() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    pixels = imaging.load(saved(Image.fromarray(grey), "PNG", transparency=5)).pixels
    np.testing.assert_array_equal(pixels[:, :, 1] == 0, grey == 5)


def test_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate 90 degrees clockwise to see it upright
    picture = imaging.load(saved(Image.fromarray(RGB), "TIFF", exif=exif))
    np.testing.assert_array_equal(picture.pixels, np.rot90(RGB, -1))


def test_profile_and_gamma_are_reported_and_pixels_left() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = imaging.load(saved(Image.fromarray(RGB), "PNG", icc_profile=profile))
    assert picture.info.icc_profile == profile
    np.testing.assert_array_equal(picture.pixels, RGB)
    again = imaging.load(imaging.save_png(picture.pixels, picture.info.icc_profile))
    assert again.info.icc_profile == profile


def test_animations_give_their_first_frame_and_say_so() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    picture = imaging.load(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    np.testing.assert_array_equal(picture.pixels[0, 0], [255, 0, 0])
    assert "first frame" in picture.info.notes[0]


def test_cmyk_is_converted_and_says_so() -> None:
    picture = imaging.load(saved(Image.fromarray(RGB).convert("CMYK"), "TIFF"))
    assert picture.pixels.shape == RGB.shape
    assert "CMYK" in picture.info.notes[0]


def test_sixteen_bit_grey() -> None:
    grey = RNG.integers(0, 65536, (5, 8)).astype(np.uint16)
    for kind in ("PNG", "TIFF", "PPM"):
        pixels = imaging.load(saved(Image.fromarray(grey), kind)).pixels
        assert pixels.dtype == np.uint16
        np.testing.assert_array_equal(pixels, grey)


def deep_png(pixels: np.ndarray, colour: int, filters: bytes, extra: bytes = b"") -> bytes:
    """A 16-bit PNG with given row filters, written from the specification, byte by byte."""
    octets = pixels.astype(">u2").reshape(pixels.shape[0], -1).view(np.uint8).tolist()
    step = 2 * (pixels.shape[2] if pixels.ndim == 3 else 1)
    raw = bytearray()
    for y, row in enumerate(octets):
        raw.append(filters[y % len(filters)])
        for i, value in enumerate(row):
            a = row[i - step] if i >= step else 0
            b = octets[y - 1][i] if y else 0
            c = octets[y - 1][i - step] if y and i >= step else 0
            distances = [(abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c)]
            guess = [0, a, b, (a + b) // 2, min(distances)[2]][filters[y % len(filters)]]
            raw.append((value - guess) % 256)
    ihdr = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour, 0, 0, 0)
    packed = zlib.compress(bytes(raw))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", ihdr)
        + extra
        + chunk(b"IDAT", packed[:9])
        + chunk(b"IDAT", packed[9:])
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize(("channels", "colour"), [(1, 0), (2, 4), (3, 2), (4, 6)])
def test_sixteen_bit_png_of_every_filter(channels: int, colour: int) -> None:
    pixels = RNG.integers(0, 65536, (11, 6, channels)).astype(np.uint16)
    data = deep_png(pixels, colour, bytes([4, 0, 1, 2, 3]))
    loaded = imaging.load(data).pixels
    assert loaded.dtype == np.uint16
    np.testing.assert_array_equal(loaded.reshape(pixels.shape), pixels)


def test_sixteen_bit_png_chunks() -> None:
    pixels = RNG.integers(0, 65536, (3, 4, 3)).astype(np.uint16)
    extra = (
        chunk(b"gAMA", struct.pack(">I", 45455))
        + chunk(b"iCCP", b"name\0\0" + zlib.compress(b"profile"))
        + chunk(b"tRNS", pixels[1, 2].astype(">u2").tobytes())
    )
    picture = imaging.load(deep_png(pixels, 2, b"\x00", extra))
    assert picture.info.gamma == pytest.approx(0.45455)
    assert picture.info.icc_profile == b"profile"
    np.testing.assert_array_equal(picture.pixels[:, :, :3], pixels)
    np.testing.assert_array_equal(np.argwhere(picture.pixels[:, :, 3] == 0), [[1, 2]])


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_sixteen_bit_png_is_written_for_other_readers(channels: tuple[int, ...]) -> None:
    y, x = np.mgrid[:21, :17]
    shape = (21, 17, *channels)
    pixels = np.resize((x * 999 + y * 1234) % 65536, shape).astype(np.uint16)
    data = imaging.save_png(pixels)
    np.testing.assert_array_equal(imaging.load(data).pixels.reshape(shape), pixels)
    other = np.asarray(Image.open(io.BytesIO(data)))  # Pillow reads colour's upper bytes only
    if channels in ((), (1,)):
        np.testing.assert_array_equal(other, pixels.reshape(21, 17))
    elif channels != (2,):
        np.testing.assert_array_equal(other, pixels >> 8)


def _ppm16() -> bytes:
    return b"P6 2 1 65535\n" + bytes(12)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "known format"),
        (b"hello, this is text", "known format"),
        (_ppm16(), "16-bit"),
        (saved(Image.fromarray(RGB), "PNG")[:60], "damaged|cut off|read"),
        (saved(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"), "mode F"),
        (saved(Image.fromarray(np.full((4, 4), 70000, np.int32)), "TIFF"), "16 bits"),
        (deep_png(np.zeros((4, 4), np.uint16), 0, b"\x00")[:-40], "cut off|damaged"),
        (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 1)),
            "interlac",
        ),
        (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 1 << 20, 1 << 20, 16, 2, 0, 0, 0)),
            "too large",
        ),
        (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", b""),
            "too large",
        ),
        (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", b""),
            "too large",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused_in_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(imaging.ImagingError, match=words):
        imaging.load(data)


def _files() -> list[bytes]:
    image = Image.fromarray(RGB)
    deep = deep_png(RGB.astype(np.uint16) * 200, 2, bytes([4, 1]))
    return [deep] + [saved(image, kind) for kind in ("PNG", "TIFF", "BMP", "GIF", "JPEG", "WEBP")]


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused(data: st.DataObject) -> None:
    file = bytearray(data.draw(st.sampled_from(_files())))
    for _ in range(data.draw(st.integers(0, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(file)))
    try:
        pixels = imaging.load(bytes(file[:cut])).pixels
    except imaging.ImagingError:
        return
    assert pixels.ndim in (2, 3)


def test_avif_files_that_the_decoder_gives_up_are_damaged(photo: np.ndarray) -> None:
    """Pillow raises RuntimeError for them. Which ones they are is the decoder's business."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "AVIF", quality=20, max_threads=1)
    data = file.getvalue()
    refusals = []
    for length in range(500, len(data), 100):
        for end in (b"\x55", b"\xaa", b"\xff"):
            try:
                imaging.load(data[:length].ljust(len(data), end))
            except imaging.ImagingError as error:
                refusals.append(str(error))
    assert len(refusals) > 3
    assert all("damaged" in refusal for refusal in refusals)
