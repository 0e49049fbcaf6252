"""Hidden bytes: a second reader, exact round trips, what destroys them, and who finds them."""

from __future__ import annotations

import hashlib
import importlib
import io
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import imaging
from imaging import NothingHiddenError, hidden

SECRET = bytes(range(200))
VECTOR = Path(__file__).parent / "vectors" / "hidden.png"
TOOLS = Path(__file__).parents[2] / "tools"


def read_by_the_book(image: Image.Image, passphrase: bytes) -> bytes | None:
    """README's section "Hidden bytes", one bit after the other, with nothing of the package."""
    colours = 1 if image.mode in ("L", "LA") else 3
    samples = [
        value
        for y in range(image.height)
        for x in range(image.width)
        for value in np.atleast_1d(image.getpixel((x, y)))[:colours].tolist()
    ]
    label = b"dialtone hidden 1" + image.width.to_bytes(4, "big") + image.height.to_bytes(4, "big")
    seed = label = label + bytes([colours])
    if passphrase:
        seed += hashlib.scrypt(passphrase, salt=label, n=2**15, r=8, p=3, maxmem=2**26, dklen=32)
    words = hashlib.shake_256(seed + b"places").digest(64 * len(samples))
    mask = hashlib.shake_256(seed + b"mask").digest(len(samples))
    places: dict[int, None] = {}
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        while len(places) < 8 * (done + count):
            places[int.from_bytes(words[position : position + 8], "big") % len(samples)] = None
            position += 8
        bits = [samples[place] & 1 for place in list(places)[8 * done : 8 * (done + count)]]
        octets = int("".join(map(str, bits)), 2).to_bytes(count, "big")
        return bytes(octets[i] ^ mask[done + i] for i in range(count))

    done = 0
    length = take(2)
    done = 2
    n = int.from_bytes(length, "big")
    if not 1 <= n <= min(65535, len(samples) // 16 - 10):
        return None
    check = take(8)
    done = 10
    secret = take(n)
    expected = hashlib.sha256(b"dialtone hidden 1" + length + secret).digest()[:8]
    return secret if check == expected else None


def noise(shape: tuple[int, ...], kind: type = np.uint8, seed: int = 1) -> np.ndarray:
    top = int(np.iinfo(kind).max) + 1
    return np.random.default_rng(seed).integers(0, top, shape).astype(kind)


@pytest.mark.parametrize("where", [b"", b"under the stairs"])
@pytest.mark.parametrize(
    ("channels", "mode"), [((), "L"), ((2,), "LA"), ((3,), "RGB"), ((4,), "RGBA")]
)
def test_a_second_reader_finds_it(channels: tuple[int, ...], mode: str, where: bytes) -> None:
    pixels = hidden.hide(noise((61, 72, *channels)), SECRET, where)
    image = Image.fromarray(pixels)
    assert image.mode == mode
    assert read_by_the_book(image, where) == SECRET
    assert read_by_the_book(image, b"another") is None


def test_a_stored_picture_is_read() -> None:
    where, secret = b"elsewhere", b"a key of 20 bytes..."
    assert hidden.reveal(imaging.load(VECTOR).pixels, where) == secret
    with Image.open(VECTOR) as image:
        assert read_by_the_book(image, where) == secret


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_exact_to_the_last_byte(channels: tuple[int, ...], kind: type) -> None:
    before = noise((33, 47, *channels), kind)
    pixels = before.copy()
    colours = 3 if channels in ((3,), (4,)) else 1
    secret = np.random.default_rng(8).bytes(hidden.capacity(pixels))
    assert len(secret) == 33 * 47 * colours // 16 - 10
    found = hidden.hide(pixels, secret)
    assert (found.shape, found.dtype) == (before.shape, before.dtype)
    np.testing.assert_array_equal(pixels, before)
    difference = found.astype(np.int64) - before
    assert np.abs(difference).max() == 1
    if channels in ((2,), (4,)):
        assert not difference[:, :, -1].any()
    changed = np.count_nonzero(difference) / (33 * 47 * colours)
    assert changed == pytest.approx(0.25, abs=0.06)
    stored = imaging.load(imaging.save_png(found)).pixels
    assert hidden.reveal(stored.reshape(found.shape)) == secret


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (2,), (3,), (4,)]), st.data())
def test_small_pictures_hold_what_they_say(
    height: int, width: int, channels: tuple[int, ...], data: st.DataObject
) -> None:
    pixels = noise((height, width, *channels))
    room = hidden.capacity(pixels)
    with pytest.raises(imaging.ImagingError, match="too small to hide"):
        hidden.hide(pixels, bytes(room + 1))
    if room == 0:
        with pytest.raises(NothingHiddenError):
            hidden.reveal(pixels)
        return
    secret = data.draw(st.binary(min_size=1, max_size=room))
    assert hidden.reveal(hidden.hide(pixels, secret)) == secret


@pytest.mark.parametrize("level", [0, 255])
def test_ends_of_the_range_are_kept(level: int) -> None:
    flat = np.full((80, 80, 3), level, np.uint8)
    found = hidden.hide(flat, SECRET)
    assert hidden.reveal(found) == SECRET
    assert set(np.unique(found)) == {level, 1 if level == 0 else 254}


def test_steps_go_both_ways_by_chance() -> None:
    grey = np.full((400, 400), 128, np.uint8)
    steps = hidden.hide(grey, bytes(4000)).astype(np.int64) - grey
    ups, downs = np.count_nonzero(steps == 1), np.count_nonzero(steps == -1)
    # 32080 bits, about half of them changed: 8020 each, with a deviation of 90.
    assert ups == pytest.approx(8020, abs=600)
    assert downs == pytest.approx(8020, abs=600)


def test_places_are_spread_over_the_whole_picture() -> None:
    grey = np.full((480, 640), 128, np.uint8)
    changed = hidden.hide(grey, bytes(2000)) != grey
    shares = changed.reshape(8, 60, 8, 80).sum(axis=(1, 3)) / changed.sum()
    assert shares.min() > 0.5 / 64
    assert shares.max() < 1.6 / 64


def test_the_needed_size_is_named_and_is_enough() -> None:
    with pytest.raises(imaging.ImagingError, match="takes 1120 pixels of colour, 34 x 34"):
        hidden.hide(noise((20, 30, 3)), SECRET)
    assert hidden.capacity(noise((1, 1120, 3))) == len(SECRET)
    with pytest.raises(imaging.ImagingError, match="takes 3360 pixels of grey, 58 x 58"):
        hidden.hide(noise((20, 30)), SECRET)
    assert hidden.reveal(hidden.hide(noise((58, 58)), SECRET)) == SECRET


@pytest.mark.parametrize(
    ("pixels", "secret", "words"),
    [
        (np.zeros((9, 9), np.float32), b"x", "8 or 16 bits"),
        (np.zeros((9, 9, 5), np.uint8), b"x", "no picture"),
        (np.zeros((0, 9, 3), np.uint8), b"x", "no picture"),
        (np.zeros(9, np.uint8), b"x", "no picture"),
        (np.zeros((99, 99, 3), np.uint8), b"", "empty"),
        (np.zeros((2000, 2000), np.uint8), bytes(65536), "at most 65535 bytes"),
    ],
)
def test_what_cannot_be_hidden(pixels: np.ndarray, secret: bytes, words: str) -> None:
    with pytest.raises(imaging.ImagingError, match=words):
        hidden.hide(pixels, secret)


def test_nothing_is_found_where_nothing_is(photo: np.ndarray) -> None:
    for pixels in (photo, np.zeros_like(photo), noise((300, 300)), noise((1, 1, 3))):
        with pytest.raises(NothingHiddenError, match="nothing is found"):
            hidden.reveal(pixels)
    altered = hidden.hide(photo, SECRET, b"right")
    assert hidden.reveal(altered, b"right") == SECRET
    for where in (b"", b"wrong", b"Right"):
        with pytest.raises(NothingHiddenError):
            hidden.reveal(altered, where)
    with pytest.raises(NothingHiddenError):
        hidden.reveal(hidden.hide(photo, SECRET), b"right")


def jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=100, subsampling=0)
    return Image.open(file)


@pytest.mark.parametrize(
    "change",
    [
        jpeg,
        lambda image: image.crop((0, 0, image.width - 1, image.height)),
        lambda image: image.resize((image.width // 2, image.height // 2)),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.point(lambda value: min(255, value + 1)),
        lambda image: image.convert("L"),
    ],
)
def test_what_destroys_it(photo: np.ndarray, change) -> None:
    image = Image.fromarray(hidden.hide(photo, SECRET))
    assert hidden.reveal(np.asarray(image)) == SECRET
    with pytest.raises(NothingHiddenError):
        hidden.reveal(np.asarray(change(image)))


def test_alpha_and_lossless_files_do_no_harm(photo: np.ndarray) -> None:
    image = Image.fromarray(hidden.hide(photo, SECRET))
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True)
    assert hidden.reveal(imaging.load(file.getvalue()).pixels) == SECRET
    opaque = image.convert("RGBA")
    assert hidden.reveal(np.asarray(opaque)) == SECRET
    with_alpha = Image.fromarray(hidden.hide(np.asarray(opaque), SECRET, b"x"))
    assert hidden.reveal(np.asarray(with_alpha.convert("RGB")), b"x") == SECRET


def test_psnr_is_what_its_definition_says(photo: np.ndarray) -> None:
    other = hidden.hide(photo, SECRET)
    squares = (photo.astype(np.float64) - other) ** 2
    assert hidden.psnr(photo, other) == pytest.approx(10 * np.log10(255**2 / squares.mean()))
    assert hidden.psnr(photo, photo) == np.inf
    assert 73 < hidden.psnr(photo, other) < 74
    deep = noise((9, 9), np.uint16) & np.uint16(0xFFFE)
    assert hidden.psnr(deep, deep + np.uint16(1)) == pytest.approx(20 * np.log10(65535))


@pytest.fixture
def altered(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The photo with 200 bytes or all it can hold, and with as many bits or all bits replaced."""
    rng = np.random.default_rng(6)
    monkeypatch.setattr(hidden, "urandom", rng.bytes)
    most = hidden.capacity(photo)
    assert most == 18422
    replaced = photo.ravel().copy()
    places = rng.permutation(photo.size)[: 8 * most]
    replaced[places] = replaced[places] & 0xFE | rng.integers(0, 2, len(places), np.uint8)
    return {
        "key": hidden.hide(photo, rng.bytes(200)),
        "full": hidden.hide(photo, rng.bytes(most)),
        "replaced": replaced.reshape(photo.shape),
        "random": photo & 0xFE | rng.integers(0, 2, photo.shape, np.uint8),
    }


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/hidden_detection.py"""
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("hidden_detection")


def test_tests_for_replaced_bits_see_nothing(
    photo: np.ndarray, altered: dict[str, np.ndarray], tool: ModuleType
) -> None:
    for channel in range(3):
        for pixels in (photo, altered["key"], altered["full"]):
            assert tool.chi_square(pixels[:, :, channel]) < 0.01
            assert tool.sample_pairs(pixels[:, :, channel]) < 0.03
        # The same tests do find bits that are overwritten, half of which change.
        assert tool.chi_square(altered["random"][:, :, channel]) > 0.95
        found = tool.sample_pairs(altered["replaced"][:, :, channel])
        assert found == pytest.approx(0.25, abs=0.04)


def test_a_full_picture_is_found_out_and_a_key_is_not(
    photo: np.ndarray, altered: dict[str, np.ndarray], tool: ModuleType
) -> None:
    tiles = tool.tiles(photo)
    assert tool.wrong_guesses(tiles, tool.tiles(altered["key"])) > 0.45
    assert tool.wrong_guesses(tiles, tool.tiles(altered["full"])) < 0.38
