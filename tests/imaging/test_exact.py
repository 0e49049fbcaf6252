"""Exact pixels: what goes in comes out, for every shape, depth and kind of picture."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

import imaging

METHOD = 5  # byte of the header block
STORED, PREDICTED, REPEATS = range(3)
DTYPES = [np.uint8, np.uint16]
SHAPES = [(), (1,), (2,), (3,), (4,)]


def check(pixels: np.ndarray) -> bytes:
    data = imaging.encode_exact(pixels)
    assert len(data) % 32 == 0
    back = imaging.decode_exact(data)
    assert back.shape == pixels.shape
    assert back.dtype == pixels.dtype
    np.testing.assert_array_equal(back, pixels)
    return data


def png_size(pixels: np.ndarray) -> int:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.tell()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", SHAPES)
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 2), (2, 1), (1, 31), (37, 1), (2, 2), (3, 5), (23, 41)]
)
def test_noise_of_every_shape(
    size: tuple[int, int], channels: tuple[int, ...], dtype: type[np.unsignedinteger]
) -> None:
    rng = np.random.default_rng(size[0] * 100 + size[1])
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, (*size, *channels)).astype(dtype)
    data = check(pixels)
    assert len(data) <= 32 + -(-pixels.nbytes // 32) * 32  # never more than the bare pixels


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", SHAPES)
def test_smooth_and_flat(channels: tuple[int, ...], dtype: type[np.unsignedinteger]) -> None:
    top = np.iinfo(dtype).max
    y, x = np.mgrid[:45, :67]
    ramp = ((x * 7 + y * 3) / 600 * top).astype(dtype)
    waves = ((np.sin(x / 9) * np.cos(y / 7) + 1) * top / 2).astype(dtype)
    for plane in (ramp, waves, np.full_like(ramp, top), np.zeros_like(ramp)):
        pixels = (
            np.stack([np.roll(plane, k, 1) for k in range(channels[0])], axis=2)
            if channels
            else plane
        )
        check(np.ascontiguousarray(pixels))


def test_extremes_next_to_each_other() -> None:
    for dtype in DTYPES:
        top = np.iinfo(dtype).max
        rng = np.random.default_rng(3)
        pixels = (rng.integers(0, 2, (40, 40, 3)) * top).astype(dtype)
        pixels[::5] ^= dtype(1)
        check(pixels)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4)),
        elements=st.integers(0, 255),
    )
)
def test_arbitrary_arrays(pixels: np.ndarray) -> None:
    check(pixels)


def test_views_and_byte_orders(photo: np.ndarray) -> None:
    check(photo[::-2, 5:80:3])
    check(np.asfortranarray(photo[:20, :30]))
    swapped = (photo[:16, :16].astype(np.uint16) * 200).astype(">u2")
    np.testing.assert_array_equal(imaging.decode_exact(imaging.encode_exact(swapped)), swapped)


def test_the_input_is_left_alone(photo: np.ndarray) -> None:
    pixels = photo[:32, :32].copy()
    pixels.setflags(write=False)
    imaging.encode_exact(pixels)
    np.testing.assert_array_equal(pixels, photo[:32, :32])


def test_photos_are_predicted_and_small(photo: np.ndarray, landscape: np.ndarray) -> None:
    data = check(photo)
    assert data[METHOD] == PREDICTED
    assert len(data) <= 0.70 * png_size(photo)
    webp = io.BytesIO()
    Image.fromarray(photo).save(webp, "WEBP", lossless=True, quality=80, method=4)
    assert len(data) <= 0.95 * webp.tell()
    assert len(check(landscape)) <= 0.90 * png_size(landscape)
    grey = np.ascontiguousarray(photo[:, :, 1])
    assert len(check(grey)) <= 0.95 * png_size(grey)


def test_drawn_graphics_are_smaller_than_png() -> None:
    image = Image.new("RGB", (320, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 320, 24), fill=(30, 60, 110))
    for row in range(8):
        draw.text((8, 32 + 20 * row), f"Packet {row} of 8 received, CRC correct", fill="black")
        draw.line((0, 50 + 20 * row, 320, 50 + 20 * row), fill=(220, 220, 230))
    pixels = np.asarray(image)
    assert len(check(pixels)) <= png_size(pixels)
    few = np.asarray(image.quantize(16).convert("RGB"))
    assert len(check(few)) <= png_size(few)


def test_repeated_texture_is_found() -> None:
    tile = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    tile[:, 1::2] = tile[:, ::2]
    pixels = np.tile(tile, (10, 12, 1))
    data = check(pixels)
    assert data[METHOD] == REPEATS
    assert len(data) < pixels.nbytes / 40


def test_dithered_palette_is_smaller_than_its_png(photo: np.ndarray) -> None:
    image = Image.fromarray(photo).quantize(64)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    assert len(check(np.asarray(image.convert("RGB")))) <= file.tell()


def test_holes_between_values_cost_nothing(photo: np.ndarray) -> None:
    """8 bits stored as 16 by 257, or 4 as 8 by 17, take no more than as they were."""
    plane = np.ascontiguousarray(photo[:64, :96, 1])
    assert len(check(plane.astype(np.uint16) * 257)) <= len(check(plane)) + 32
    assert len(check(plane // 17 * 17)) <= len(check(plane // 17)) + 32


def test_sixteen_bits_predict_their_upper_half(landscape: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    deep = landscape.astype(np.uint16) * 256 + rng.integers(
        0, 256, landscape.shape, dtype=np.uint16
    )
    low_halves = landscape.size
    assert len(check(deep)) <= low_halves + 1.03 * len(check(landscape))


def test_transparent_pixels_keep_their_colour(photo: np.ndarray) -> None:
    alpha = np.zeros((*photo.shape[:2], 1), np.uint8)
    alpha[40:, 60:] = 255
    check(np.concatenate((photo, alpha), axis=2))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((2, 2, 5), np.uint8),
        np.zeros((2, 2, 0), np.uint8),
        np.zeros((2, 2), np.int16),
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2), np.uint32),
        np.broadcast_to(np.uint8(0), (1 << 19, 2)),
        np.broadcast_to(np.uint8(0), (20_000, 20_000)),
    ],
)
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(imaging.ImagingError):
        imaging.encode_exact(pixels)


def test_the_package_is_cheap_to_import() -> None:
    slow = "numba", "scipy", "PIL", "numpy"
    code = f"import sys, imaging; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(imaging.__all__) <= set(dir(imaging))
