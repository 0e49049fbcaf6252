"""SSIM against the definition, window by window."""

from __future__ import annotations

import numpy as np
import pytest

import imaging
from imaging.similarity import luma


def by_definition(x: np.ndarray, y: np.ndarray, top: float) -> float:
    """Wang et al. 2004, equations 13 to 17, one window at a time, in double precision."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * top) ** 2, (0.03 * top) ** 2
    values = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            a = x[row : row + 11, column : column + 11].astype(float)
            b = y[row : row + 11, column : column + 11].astype(float)
            mu_a, mu_b = (window * a).sum(), (window * b).sum()
            var_a = (window * (a - mu_a) ** 2).sum()
            var_b = (window * (b - mu_b) ** 2).sum()
            cov = (window * (a - mu_a) * (b - mu_b)).sum()
            values.append(
                (2 * mu_a * mu_b + c1)
                * (2 * cov + c2)
                / ((mu_a**2 + mu_b**2 + c1) * (var_a + var_b + c2))
            )
    return float(np.mean(values))


@pytest.mark.parametrize("noise", [0.5, 5, 40])
def test_equals_the_definition(photo: np.ndarray, noise: float) -> None:
    a = np.ascontiguousarray(photo[100:140, 200:250, 1])
    rng = np.random.default_rng(1)
    b = np.clip(a + rng.normal(0, noise, a.shape), 0, 255).astype(np.uint8)
    assert imaging.ssim(a, b) == pytest.approx(by_definition(a, b, 255), abs=2e-5)


def test_equals_the_definition_for_colour_and_sixteen_bits(photo: np.ndarray) -> None:
    a = photo[60:90, 60:95].astype(np.uint16) * 257
    b = np.roll(a, 1, axis=1)
    weights = np.array([0.299, 0.587, 0.114])
    expected = by_definition(a @ weights, b @ weights, 65535)
    assert imaging.ssim(a, b) == pytest.approx(expected, abs=2e-5)


def test_flat_and_bright_pictures_keep_their_precision() -> None:
    """Where variances vanish against squared means, only the luminance term remains."""
    a, b = np.full((20, 20), 250, np.uint8), np.full((20, 20), 245, np.uint8)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 250 * 245 + c1) / (250**2 + 245**2 + c1)
    assert imaging.ssim(a, b) == pytest.approx(expected, abs=1e-6)


def test_bounds_and_symmetry(photo: np.ndarray) -> None:
    other = photo[::-1]
    assert imaging.ssim(photo, photo) == pytest.approx(1, abs=1e-6)
    assert imaging.ssim(photo, 255 - photo) < 0.1
    assert imaging.ssim(photo, other) == pytest.approx(imaging.ssim(other, photo), abs=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 20), (10, 10), (11, 11)])
def test_small_pictures(size: tuple[int, int]) -> None:
    a = np.random.default_rng(2).integers(0, 256, size).astype(np.uint8)
    assert imaging.ssim(a, a) == pytest.approx(1, abs=1e-6)
    assert imaging.ssim(a, 255 - a) < 1


def test_alpha_is_laid_over_grey() -> None:
    pixels = np.array([[[200, 0], [200, 255]]], np.uint8)
    np.testing.assert_allclose(luma(pixels), [[127.5, 200]])


def test_pictures_that_do_not_match_are_refused() -> None:
    a = np.zeros((4, 4), np.uint8)
    with pytest.raises(imaging.ImagingError):
        imaging.ssim(a, np.zeros((4, 5), np.uint8))
    with pytest.raises(imaging.ImagingError):
        imaging.ssim(a, a.astype(np.uint16))
