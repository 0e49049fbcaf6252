"""Structural similarity of two pictures."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .errors import ImagingError

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_SIGMA, _RADIUS = 1.5, 5  # an 11 x 11 window
_K1, _K2 = 0.01, 0.03


def luma(pixels: np.ndarray) -> np.ndarray:
    """(h, w) float32 luma in the range of the samples; alpha is laid over mid-grey."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    channels = pixels.shape[2]
    if channels < 3:
        grey = pixels[:, :, 0].astype(np.float32)
    else:
        grey = pixels[:, :, :3].astype(np.float32) @ _LUMA
    if channels in (2, 4):
        top = np.float32(np.iinfo(pixels.dtype).max)
        grey = top / 2 + (grey - top / 2) * (pixels[:, :, -1].astype(np.float32) / top)
    return grey


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Mean structural similarity of the luma of two pictures, 1 when they are equal.

    a, b     (h, w) or (h, w, c) of the same height, width and type, uint8 or uint16
    returns  in [-1, 1]

    Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01, K2 = 0.03; the mean is taken over windows
    that lie inside the picture (mirrored at the edges where a side is shorter than 11).
    Source: Wang, Bovik, Sheikh & Simoncelli, "Image quality assessment: from error visibility
    to structural similarity", IEEE Trans. Image Processing 2004.
    Raises ImagingError when the pictures do not match in size or type.
    """
    if a.shape[:2] != b.shape[:2] or a.dtype != b.dtype:
        raise ImagingError(
            f"pictures to compare must match, got {a.shape} {a.dtype} and {b.shape} {b.dtype}"
        )
    return ssim_of_luma(luma(a), luma(b), float(np.iinfo(a.dtype).max))


def ssim_of_luma(x: np.ndarray, y: np.ndarray, top: float) -> float:
    """`ssim` of two (h, w) float32 arrays whose values range from 0 to `top`."""
    c1, c2 = (_K1 * top) ** 2, (_K2 * top) ** 2
    # Second moments about a common level: float32 would lose variances against squared means.
    middle = np.float32(top / 2)
    x, y = x - middle, y - middle
    mu_x, mu_y = _blur(x), _blur(y)
    var_x = _blur(x * x) - mu_x * mu_x
    var_y = _blur(y * y) - mu_y * mu_y
    covariance = _blur(x * y) - mu_x * mu_y
    mu_x += middle
    mu_y += middle
    similarity = ((2 * mu_x * mu_y + c1) * (2 * covariance + c2)) / (
        (mu_x * mu_x + mu_y * mu_y + c1) * (var_x + var_y + c2)
    )
    return float(_inner(similarity).mean(dtype=np.float64))


def _blur(image: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(image, _SIGMA, radius=_RADIUS, mode="reflect")


def _inner(image: np.ndarray) -> np.ndarray:
    """Without the rows and columns whose window reaches over the edge, if any remain."""
    rows, columns = (
        slice(_RADIUS, -_RADIUS) if n > 2 * _RADIUS else slice(None) for n in image.shape
    )
    return image[rows, columns]
