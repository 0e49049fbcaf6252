"""Pictures that the tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PHOTO = Path(__file__).parents[2] / "tools" / "dialtone" / "data" / "photo.png"


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """(256, 384, 3) uint8: the photo that the program carries."""
    return np.asarray(Image.open(PHOTO))


@pytest.fixture(scope="session")
def landscape() -> np.ndarray:
    """(160, 240, 3) uint8 with the 1/f spectrum, correlated channels and noise of a photo."""
    rng = np.random.default_rng(5)
    shared = _clouds(rng, 160, 240)
    channels = [shared + 0.25 * _clouds(rng, 160, 240) for _ in range(3)]
    picture = 128 + 45 * np.stack(channels, axis=2) + rng.normal(0, 1.5, (160, 240, 3))
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    noise = np.fft.fft2(rng.normal(size=(height, width)))
    field = np.fft.ifft2(noise / frequency**1.3).real
    return field / field.std()
