"""Pictures fitted to a number of bytes: never over, well filled, and still the picture."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

import imaging
from imaging.pictures import PictureInfo


def opened(fitted: imaging.Fitted) -> np.ndarray:
    image = Image.open(io.BytesIO(fitted.data))
    assert image.format is not None
    assert image.format.lower() == fitted.format
    assert image.size == (fitted.width, fitted.height)
    return np.asarray(image)


def similarity(fitted: imaging.Fitted, pixels: np.ndarray) -> float:
    """SSIM at the original's size, by way of the file alone."""
    image = Image.fromarray(opened(fitted))
    size = pixels.shape[1], pixels.shape[0]
    return imaging.ssim(pixels, np.asarray(image.resize(size, Image.Resampling.BICUBIC)))


@pytest.mark.parametrize(
    ("budget", "least"),
    [(1_200, 0.5), (2_000, 0.58), (4_000, 0.72), (12_000, 0.9), (32_000, 0.97), (45_000, 0.98)],
)
def test_budgets_are_filled_and_kept(photo: np.ndarray, budget: int, least: float) -> None:
    fitted = imaging.fit(photo, budget)
    assert 0.9 * budget <= len(fitted.data) <= budget
    assert similarity(fitted, photo) == pytest.approx(fitted.ssim, abs=0.002)
    assert fitted.ssim >= least


def test_more_bytes_look_better(photo: np.ndarray) -> None:
    scores = [imaging.fit(photo, budget).ssim for budget in (1_000, 3_000, 9_000, 27_000)]
    assert scores == sorted(scores)


def test_better_than_what_one_would_do_by_hand(photo: np.ndarray) -> None:
    """Not below plain WebP or AVIF of the same picture at any quality within the budget."""
    budget = 6_000
    fitted = imaging.fit(photo, budget)
    for kind in ("WEBP", "AVIF"):
        for quality in range(2, 100, 7):
            file = io.BytesIO()
            Image.fromarray(photo).save(file, kind, quality=quality)
            if file.tell() <= budget:
                other = imaging.ssim(photo, np.asarray(Image.open(file)))
                assert fitted.ssim >= other - 0.01


def test_what_fits_without_loss_is_sent_without_loss(photo: np.ndarray) -> None:
    fitted = imaging.fit(photo, 200_000)
    assert (fitted.quality, fitted.ssim) == (100, 1.0)
    np.testing.assert_array_equal(opened(fitted), photo)
    flat = np.full((200, 300, 3), 77, np.uint8)
    assert len(imaging.fit(flat, 30_000).data) < 1_000


def test_a_budget_too_small_names_the_smallest(photo: np.ndarray) -> None:
    with pytest.raises(imaging.ImagingError) as caught:
        imaging.fit(photo, 40)
    named = re.search(r"at least (\d+)", str(caught.value))
    assert named is not None
    smallest = int(named[1])
    assert len(imaging.fit(photo, smallest).data) <= smallest
    with pytest.raises(imaging.ImagingError):
        imaging.fit(photo, smallest - 1)
    with pytest.raises(imaging.ImagingError):
        imaging.fit(photo, 0)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3), (47, 5)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (*size, 3)).astype(np.uint8)
    fitted = imaging.fit(pixels, 700)
    assert len(fitted.data) <= 700
    opened(fitted)


def test_long_strips_stay_within_the_formats_limits() -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (3, 40_000)).astype(np.uint8)
    fitted = imaging.fit(pixels, 5_000)
    assert len(fitted.data) <= 5_000
    opened(fitted)


def test_every_kind_of_pixels(photo: np.ndarray) -> None:
    grey = np.ascontiguousarray(photo[:128, :128, 1])
    for pixels in (grey, grey[:, :, None], grey.astype(np.uint16) * 257):
        fitted = imaging.fit(pixels, 3_000)
        shown = opened(fitted)
        assert imaging.ssim(shown, np.stack([grey] * 3, axis=2)) > 0.85


def test_alpha_survives(photo: np.ndarray) -> None:
    alpha = np.zeros((*photo.shape[:2], 1), np.uint8)
    alpha[60:200, 90:300] = 255
    fitted = imaging.fit(np.concatenate((photo, alpha), axis=2), 20_000)
    shown = opened(fitted)
    assert shown.shape[2] == 4
    assert np.abs(shown[:, :, 3].astype(int) - alpha[:, :, 0]).mean() < 3
    opaque = np.concatenate((photo, np.full_like(alpha, 255)), axis=2)
    assert opened(imaging.fit(opaque, 20_000)).shape[2] == 3


def test_profiles_are_applied(photo: np.ndarray) -> None:
    """In the profile of linear light, mid-grey 128 is sRGB 188."""
    linear = _gamma_profile(1.0)
    grey = np.full((64, 64), 128, np.uint8)
    info = PictureInfo("PNG", "L", icc_profile=linear)
    shown = opened(imaging.fit(imaging.Picture(grey, info), 4_000))
    assert abs(float(shown.mean()) - 188) < 3
    info = PictureInfo("PNG", "L", icc_profile=b"no profile at all")
    shown = opened(imaging.fit(imaging.Picture(grey, info), 4_000))
    assert abs(float(shown.mean()) - 128) < 2


def _gamma_profile(gamma: float) -> bytes:
    """A minimal grey ICC profile (version 2.1) with a pure power as its curve."""
    white = b"XYZ \0\0\0\0" + b"".join(
        int(v * 65536).to_bytes(4, "big") for v in (0.9642, 1, 0.8249)
    )
    curve = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + int(gamma * 256).to_bytes(2, "big") + b"\0\0"
    text = b"text\0\0\0\0none\0\0\0\0"
    name = b"desc\0\0\0\0" + (5).to_bytes(4, "big") + b"grey\0" + bytes(78)
    parts, tags, position = b"", b"", 128 + 4 + 12 * 4
    for tag, body in ((b"wtpt", white), (b"kTRC", curve), (b"cprt", text), (b"desc", name)):
        body += bytes(-len(body) % 4)
        tags += tag + position.to_bytes(4, "big") + len(body).to_bytes(4, "big")
        parts += body
        position += len(body)
    head = bytearray(128)
    head[:4] = position.to_bytes(4, "big")
    head[8:12] = b"\x02\x10\0\0"
    head[12:24] = b"mntrGRAYXYZ "
    head[36:40] = b"acsp"
    head[68:80] = b"".join(int(v * 65536).to_bytes(4, "big") for v in (0.9642, 1, 0.8249))
    return bytes(head) + (4).to_bytes(4, "big") + tags + parts


def test_of_twelve_megapixels_no_more_are_tried_than_the_budget_shows(
    photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.fromarray(photo).resize((4000, 3000), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(9).integers(-4, 5, (3000, 4000, 3))
    pixels = np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
    encoded: list[int] = []
    genuine = Image.Image.save

    def save(self: Image.Image, *arguments: object, **options: object) -> None:
        encoded.append(self.width * self.height)
        genuine(self, *arguments, **options)

    monkeypatch.setattr(Image.Image, "save", save)
    fitted = imaging.fit(pixels, 40_000)
    # 24 for each byte, rounded to whole rows; all trials together encode less than the picture.
    assert max(encoded) <= 24 * 40_000 * 1.01
    assert sum(encoded) < 4000 * 3000
    assert 36_000 <= len(fitted.data) <= 40_000
    assert fitted.ssim > 0.9
