"""A whole picture in some thirty bytes: blurred, to be shown until the picture itself is there.

The picture, scaled to 32 x 32, is a sum of cosines, as in ThumbHash (Wallace 2023,
https://evanw.github.io/thumbhash) and BlurHash. There each coefficient takes four bits or more;
here the coefficients are quantised evenly and entropy-coded under a fixed model, in which they
fall with the frequency as those of photos do (Field 1987). The coder is ANS (Duda 2013) with a
single integer as its state. Everything that a decoder has to know exactly is computed in
integers. The format: imaging/README.md.
"""

from __future__ import annotations

from functools import lru_cache
from math import isqrt, log2

import numpy as np
from PIL import Image

from .pictures import Picture, to_image

PREVIEW_BYTES = 32
GREY = 128, 128, 128  # behind what is transparent, and where nothing is known

_SIDE, _DRAWN_SIDE = 32, 128
_ASPECTS, _ASPECTS_PER_OCTAVE = 128, 16
_STEPS = 32
_LUMA_LEVELS, _COLOUR_LEVELS = 64, 32
_LARGEST = 24  # of a quantised coefficient
_LUMA_REACH, _COLOUR_REACH = 11, 6  # radius in coefficients
_LUMA_SPREAD, _COLOUR_SPREAD = 240, 64  # size of the coefficients at radius 1, in 1/16
_COARSER = 2, 3  # steps of colour against those of luma
# Added to a coefficient before it is cut to whole steps: the less, the fewer bits.
_ROUND_UP = 0.5, 0.4, 0.3, 0.2
# ITU-R BT.601, full range, as in JFIF
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])


def make_preview(picture: Picture | np.ndarray, most: int = PREVIEW_BYTES) -> bytes:
    """The preview of a picture, in at most `most` (>= 16) bytes.

    picture  a loaded picture, or pixels as `encode_exact` takes them
    """
    image = on_grey(to_image(picture))
    aspect = round(log2(image.width / image.height) * _ASPECTS_PER_OCTAVE) + _ASPECTS // 2
    aspect = min(max(aspect, 0), _ASPECTS - 1)
    small = np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64)
    ycc = small @ _TO_YCC.T / 255
    basis = _basis(_SIDE)
    planes = [basis.T @ ycc[:, :, i] @ basis / _SIDE**2 for i in range(3)]
    tries = (_packed(aspect, planes, step, up) for step in range(_STEPS) for up in _ROUND_UP)
    return next(data for data in tries if len(data) <= most)


def on_grey(image: Image.Image) -> Image.Image:
    """RGB of RGB or RGBA."""
    if image.mode != "RGBA":
        return image
    grey = Image.new("RGB", image.size, GREY)
    grey.paste(image, mask=image.getchannel("A"))
    return grey


def aspect_of(preview: bytes) -> float:
    """Width by height of the picture, within 3 %."""
    _, aspect = divmod(int.from_bytes(preview, "big"), _ASPECTS)
    return float(2 ** ((aspect - _ASPECTS // 2) / _ASPECTS_PER_OCTAVE))


def draw_preview(preview: bytes, width: int, height: int) -> Image.Image:
    """The preview as an RGB picture of that size. Any bytes are some picture."""
    state, _ = divmod(int.from_bytes(preview, "big"), _ASPECTS)
    state, step = divmod(state, _STEPS)
    planes = np.zeros((3, _SIDE, _SIDE))
    for i, levels in enumerate((_LUMA_LEVELS, _COLOUR_LEVELS, _COLOUR_LEVELS)):
        state, mean = divmod(state, levels)
        planes[i, 0, 0] = mean / (levels - 1) - (i > 0) * 0.5
    for i, row, column, spread in _coefficients():
        weights = _weights(step, spread)
        state, value = _take(state, weights)
        planes[i, row, column] = value * _size(step, i)
    basis = _basis(_DRAWN_SIDE)
    ycc = np.stack([basis @ plane @ basis.T for plane in planes], axis=2)
    rgb = ycc @ np.linalg.inv(_TO_YCC).T
    pixels = np.clip(np.round(rgb * 255), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def _packed(aspect: int, planes: list[np.ndarray], step: int, up: float) -> bytes:
    state = 1
    for i, row, column, spread in reversed(_coefficients()):
        steps = planes[i][row, column] / _size(step, i)
        value = min(int(abs(steps) + up), _LARGEST)
        state = _put(state, _weights(step, spread), value if steps > 0 else -value)
    for i, levels in ((2, _COLOUR_LEVELS), (1, _COLOUR_LEVELS), (0, _LUMA_LEVELS)):
        mean = planes[i][0, 0] + (i > 0) * 0.5
        state = state * levels + round(float(np.clip(mean, 0, 1)) * (levels - 1))
    state = (state * _STEPS + step) * _ASPECTS + aspect
    return state.to_bytes((state.bit_length() + 7) // 8, "big")


def _put(state: int, weights: tuple[int, ...], value: int) -> int:
    index = value + _LARGEST
    before, weight = sum(weights[:index]), weights[index]
    return state // weight * sum(weights) + before + state % weight


def _take(state: int, weights: tuple[int, ...]) -> tuple[int, int]:
    state, place = divmod(state, sum(weights))
    index = 0
    while place >= weights[index]:
        place -= weights[index]
        index += 1
    return state * weights[index] + place, index - _LARGEST


def _size(step: int, plane: int) -> float:
    """One step of a coefficient, as a share of the range of a sample."""
    size = 2.0 ** (step / 4) / 1024
    return size * _COARSER[0] / _COARSER[1] if plane else size


@lru_cache
def _coefficients() -> tuple[tuple[int, int, int, int], ...]:
    """(plane, row, column, spread) of each coefficient in their order."""
    found = []
    for row in range(_LUMA_REACH):
        for column in range(_LUMA_REACH):
            radius = isqrt(256 * (row * row + column * column))
            for plane in range(3):
                reach = _COLOUR_REACH if plane else _LUMA_REACH
                if 0 < radius < 16 * reach:
                    spread = (_COLOUR_SPREAD if plane else _LUMA_SPREAD) * 16 // radius
                    found.append((plane, row, column, spread))
    return tuple(found)


@lru_cache
def _weights(step: int, spread: int) -> tuple[int, ...]:
    """How often each value from -24 to 24 is expected."""
    steps = isqrt(isqrt(1 << (step + 32)))  # 256 * 2**(step / 4)
    ratio = 64 * spread * 256 // (spread * 256 + 16 * steps)
    weights = [1 << 16]
    for _ in range(_LARGEST):
        weights.append(max(1, weights[-1] * ratio >> 6))
    return (*reversed(weights[1:]), *weights)


@lru_cache
def _basis(points: int) -> np.ndarray:
    """(points, 32): the cosines of the DCT-II, all of the same power, the first one constant."""
    phase = np.pi / points * (np.arange(points) + 0.5)
    basis = np.cos(phase[:, None] * np.arange(_SIDE)[None, :])
    basis[:, 1:] *= np.sqrt(2)
    return basis
