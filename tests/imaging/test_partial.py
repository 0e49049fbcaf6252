"""Pictures of which the beginning is there: what is shown as known is that of the whole file."""

from __future__ import annotations

import importlib
import io
import math
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imaging
from imaging.partial import decode_start, draw_partial
from imaging.preview import GREY, PREVIEW_BYTES, aspect_of, draw_preview, make_preview

DATA = Path(__file__).parents[2] / "tools" / "dialtone" / "data"


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def files(photo: np.ndarray) -> dict[str, bytes]:
    """Every form in which `fit` makes files."""
    image, see_through = Image.fromarray(photo), Image.fromarray(photo).convert("RGBA")
    alpha = np.zeros(photo.shape[:2], np.uint8)
    alpha[40:-60, 50:-50] = 255
    see_through.putalpha(Image.fromarray(alpha))
    one = {"autotiling": False, "max_threads": 1, "speed": 8}
    return {
        "small": imaging.fit(photo, 4_000).data,
        "fitted": imaging.fit(photo, 20_000).data,
        "full colour": encoded(image, "AVIF", quality=88, subsampling="4:4:4", **one),
        "alpha": encoded(see_through, "AVIF", quality=60, **one),
        "large": encoded(image.resize((1254, 836)), "AVIF", quality=40, **one),
        "webp": encoded(image, "WEBP", quality=50),
        "webp alpha": encoded(see_through, "WEBP", quality=50),
        "lossless": encoded(image, "WEBP", lossless=True),
    }


FORMS = ("small", "fitted", "full colour", "alpha", "large", "webp", "webp alpha", "lossless")


@pytest.fixture(scope="module")
def forms(photo: np.ndarray) -> dict[str, bytes]:
    return files(photo)


def whole(data: bytes) -> np.ndarray:
    """As any program shows the file, on grey where it is transparent."""
    image = Image.open(io.BytesIO(data))
    if image.mode == "RGBA":
        grey = Image.new("RGB", image.size, GREY)
        grey.paste(image, mask=image.getchannel("A"))
        image = grey
    return np.asarray(image)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_known_is_right_and_grows(forms: dict[str, bytes], form: str) -> None:
    data = forms[form]
    truth = whole(data)
    rows, most, shares = 0, 0, []
    for percent in range(1, 101, 3 if form == "large" else 1):
        start = decode_start(data[: len(data) * percent // 100], len(data))
        if start is None:
            assert percent < 10 + 40 * ("alpha" in form)
            continue
        assert start.image.size == truth.shape[1::-1]
        known = start.known()
        np.testing.assert_array_equal(np.asarray(start.image)[known], truth[known])
        assert start.rows >= rows - 16 * ("webp" in form)
        assert known.sum() >= most - 16 * truth.shape[1] * ("webp" in form)
        rows, most = max(rows, start.rows), max(most, int(known.sum()))
        shares.append((percent, known.mean()))
    shown = dict(shares)
    assert shown[100] == 1.0
    assert shown[52] > 0.25
    assert shown[91] > 0.5


def test_a_photo_is_visible_in_step_with_its_bytes(forms: dict[str, bytes]) -> None:
    data = forms["large"]
    for percent, least in ((10, 0.02), (25, 0.12), (50, 0.35), (75, 0.6), (95, 0.85)):
        start = decode_start(data[: len(data) * percent // 100], len(data))
        assert start is not None
        assert least < start.known().mean() < percent / 100 + 0.25


def test_the_size_of_the_file_is_found_where_nobody_knows_it(forms: dict[str, bytes]) -> None:
    for form in ("fitted", "webp", "lossless"):
        half = forms[form][: len(forms[form]) // 2]
        known, found = decode_start(half, len(forms[form])), decode_start(half, None)
        assert known is not None
        assert found is not None
        assert found.boxes() == known.boxes()


def opened(drawn: bytes | None) -> Image.Image:
    assert drawn is not None
    image = Image.open(io.BytesIO(drawn))
    assert image.format == "WEBP"
    return image


@pytest.mark.parametrize("form", FORMS)
def test_it_is_drawn_in_one_size_and_quickly(
    forms: dict[str, bytes], photo: np.ndarray, form: str
) -> None:
    data, preview = forms[form], make_preview(photo)
    for percent in (0, 1, 10, 30, 60, 99, 100):
        begun = time.perf_counter()
        image = opened(draw_partial(data[: len(data) * percent // 100], len(data), preview))
        assert time.perf_counter() - begun < 1.0  # about 0.1 s where nothing else runs
        assert image.width == 1024
        assert abs(image.height - 1024 * 256 / 384) < 20


def test_the_mark_is_across_and_the_rest_is_the_picture(
    forms: dict[str, bytes], photo: np.ndarray
) -> None:
    data = forms["fitted"]
    truth = Image.fromarray(whole(data)).resize((1024, 683), Image.Resampling.BICUBIC)
    drawn = opened(draw_partial(data, len(data), make_preview(photo)))
    far = np.abs(np.asarray(drawn).astype(int) - np.asarray(truth)).mean(axis=(1, 2))
    assert far[:250].max() < 12
    assert far[-250:].max() < 12
    assert far[341] > 30
    words = [
        np.asarray(opened(draw_partial(data[:n], len(data), make_preview(photo))))[310:370]
        for n in (len(data) // 4, len(data) // 4 + 600)
    ]
    assert (words[0] != words[1]).any()  # the percentage


def test_half_a_picture_without_a_preview(forms: dict[str, bytes]) -> None:
    data = forms["fitted"]
    image = opened(draw_partial(data[: len(data) // 2], len(data), b""))
    lower = np.asarray(image)[-60:].astype(int)
    assert np.abs(lower - 128).max() < 6
    assert draw_partial(data[:200], len(data), b"") is None
    assert draw_partial(b"", 1000, b"") is None


def test_junk_gives_the_preview_or_nothing(forms: dict[str, bytes], photo: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    preview = make_preview(photo)
    for length in (0, 3, 12, 100, 5000):
        junk = rng.bytes(length)
        for head in (b"", b"RIFF\xff\xff\xff\xffWEBPVP8 ", b"\0\0\0\x20ftypavif"):
            for size in (None, 0, 1, length, 10_000, 1 << 40):
                opened(draw_partial(head + junk, size, preview))
                draw_partial(head + junk, size, b"")
                opened(draw_partial(head + junk, size, junk[:255] or b"x"))
    for form in ("fitted", "alpha", "webp", "webp alpha", "lossless"):
        for _ in range(15):
            data = bytearray(forms[form])
            for place in rng.integers(0, len(data), 3) if rng.random() < 0.5 else [0] * 3:
                data[rng.integers(0, 400) if place == 0 else place] = rng.integers(0, 256)
            cut = bytes(data[: rng.integers(0, len(data))])
            opened(draw_partial(cut, len(data), preview))


def test_hostile_dimensions_are_not_decoded(photo: np.ndarray) -> None:
    """A file that says 16383 x 16383 is not given that memory."""
    data = bytearray(encoded(Image.fromarray(photo), "WEBP", quality=50))
    at = data.index(b"\x9d\x01\x2a") + 3
    data[at : at + 4] = b"\xff\x3f\xff\x3f"
    assert decode_start(bytes(data), len(data)) is None
    assert decode_start(bytes(data[:3000]), len(data)) is None
    avif = encoded(Image.fromarray(photo), "AVIF", quality=50)
    at = avif.index(b"ispe") + 8
    large = avif[:at] + (15000).to_bytes(4, "big") * 2 + avif[at + 8 :]
    begun = time.perf_counter()
    assert decode_start(large[:3000], len(large)) is None
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2), (64, 64), (65, 129)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (*size, 3)).astype(np.uint8)
    preview = make_preview(pixels)
    data = imaging.fit(pixels, 700).data
    for length in range(0, len(data) + 1, 40):
        opened(draw_partial(data[:length], len(data), preview, 200))


def test_previews_are_small_and_like_the_picture(photo: np.ndarray) -> None:
    preview = make_preview(photo)
    assert 20 < len(preview) <= PREVIEW_BYTES
    assert aspect_of(preview) == pytest.approx(384 / 256, rel=0.03)
    truth = Image.fromarray(photo).resize((32, 21), Image.Resampling.BOX)
    shown = draw_preview(preview, 32, 21)
    error = np.mean((np.asarray(shown, float) - np.asarray(truth, float)) ** 2)
    # ThumbHash (21 bytes) has 20.9 dB here.
    assert 10 * np.log10(255**2 / error) > 21.8
    for most in range(16, 48, 3):
        assert len(make_preview(photo, most)) <= most
        assert len(make_preview(photo[::40, ::60] // 128 * 255, most)) <= most


def test_previews_of_plain_colours_and_every_shape() -> None:
    for colour in ((0, 0, 0), (255, 255, 255), (200, 30, 60), (20, 90, 220), (128, 128, 128)):
        for height, width in ((1, 500), (500, 1), (40, 40), (300, 100)):
            preview = make_preview(np.full((height, width, 3), colour, np.uint8))
            assert len(preview) <= PREVIEW_BYTES
            shown = np.asarray(draw_preview(preview, 24, 24)).astype(int)
            assert np.abs(shown - colour).max() < 14
            assert aspect_of(preview) == pytest.approx(
                np.clip(width / height, 1 / 16, 15.4), rel=0.03
            )


def test_a_transparent_picture_has_a_preview_on_grey(photo: np.ndarray) -> None:
    clear = np.dstack((photo, np.zeros(photo.shape[:2], np.uint8)))
    shown = np.asarray(draw_preview(make_preview(clear), 24, 16)).astype(int)
    assert np.abs(shown - 128).max() < 10


def second_reader(preview: bytes, side: int) -> tuple[float, np.ndarray]:
    """Shape and RGB of 0 to 255, by the description in imaging/README.md alone."""
    n = int.from_bytes(preview, "big")

    def below(count: int) -> int:
        nonlocal n
        n, value = divmod(n, count)
        return value

    a, s = below(128), below(32)
    c = np.zeros((3, 11, 11))
    c[:, 0, 0] = below(64) / 63, below(32) / 31 - 0.5, below(32) / 31 - 0.5
    for v, u, plane in np.ndindex(11, 11, 3):
        rho = math.floor(math.sqrt(256 * (u * u + v * v)))
        if not 0 < rho < (96 if plane else 176):
            continue
        e = 16 * (64 if plane else 240) // rho
        q = math.isqrt(math.isqrt(2 ** (s + 32)))
        r = 64 * 256 * e // (256 * e + 16 * q)
        w = [65536]
        while len(w) <= 24:
            w.append(max(1, w[-1] * r // 64))
        total = sum(w) + sum(w[1:])
        p, m = n % total, -24
        while p >= w[abs(m)]:
            p -= w[abs(m)]
            m += 1
        n = n // total * w[abs(m)] + p
        c[plane, v, u] = m * 2 ** (s / 4) / 1024 * (2 / 3 if plane else 1)
    x = np.arange(side)
    b = [np.ones(side)] + [
        math.sqrt(2) * np.cos(math.pi * u * (x + 0.5) / side) for u in range(1, 11)
    ]
    y, cb, cr = (
        sum(c[i, v, u] * np.outer(b[v], b[u]) for v, u in np.ndindex(11, 11)) for i in range(3)
    )
    rgb = np.stack((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), axis=2)
    return 2 ** ((a - 64) / 16), np.clip(255 * rgb, 0, 255)


def test_previews_read_by_their_description(photo: np.ndarray) -> None:
    random = np.random.default_rng(8).bytes
    for preview in (make_preview(photo), make_preview(photo[:50]), random(30), random(255), b""):
        shape, pixels = second_reader(preview, 128)
        assert aspect_of(preview) == pytest.approx(shape)
        shown = np.asarray(draw_preview(preview, 128, 128)).astype(float)
        assert np.abs(shown - pixels).max() < 1.1
    shape, pixels = second_reader(make_preview(photo), 32)
    assert shape == pytest.approx(1.5, rel=0.03)
    assert np.abs(pixels.mean(axis=(0, 1)) - photo.mean(axis=(0, 1))).max() < 8


def test_the_table_of_what_is_sharp(monkeypatch, capsys):
    monkeypatch.syspath_prepend(DATA.parents[1])
    tool = importlib.import_module("partial_pictures")
    tool.main(["--bytes", "6000"])
    _, _, row = capsys.readouterr().out.splitlines()
    name, *shares = (cell.strip() for cell in row.strip("|").split("|"))
    assert name == "6 kB"
    sharp = [int(share.removesuffix("%")) for share in shares]
    assert sharp == sorted(sharp)
    assert sharp[0] < 20
    assert sharp[-1] > 50
