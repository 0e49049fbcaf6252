"""Targets that are drawn before anything of them is verified: beginnings of pictures, previews.

Decoding takes as long as a picture is large, which `dialtone.listening.drawing` bounds by a process
of its own; here pictures of more than 256 x 256 pixels, or 128 KiB, count as too large.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from fuzzing import Choices
from imaging import partial
from imaging.preview import aspect_of, draw_preview, make_preview

_PIXELS_MAX, _BYTES_MAX = 1 << 16, 1 << 17
_LONGEST = 64


@cache
def _picture() -> Image.Image:
    """Colours that run into each other, with some noise."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:80, :130]
    planes = (2 * x, 3 * y, 255 - x - y)
    pixels = np.stack(planes, axis=2) + rng.integers(0, 30, (80, 130, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@cache
def _files() -> tuple[bytes, ...]:
    """In every form in which `imaging.fit` makes them."""
    see_through = _picture().convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize(see_through.size))
    avif = {"quality": 50, "speed": 9, "autotiling": False, "max_threads": 1}
    forms = (
        (_picture(), "AVIF", avif),
        (see_through, "AVIF", avif),
        (_picture(), "WEBP", {"quality": 50}),
        (see_through, "WEBP", {"quality": 50}),
        (_picture(), "WEBP", {"lossless": True}),
    )
    made = []
    for image, kind, options in forms:
        file = io.BytesIO()
        image.save(file, kind, **options)
        made.append(file.getvalue())
    return tuple(made)


@cache
def _preview() -> bytes:
    return make_preview(np.asarray(_picture()))


def beginnings(data: bytes, _: Path) -> None:
    """A file that was changed and cut off, or any bytes, said to be of any size."""
    how = Choices(data)
    file = how.pick(_files())
    size = how.pick((len(file), len(file), None, how.below(1 << 18), 1 << 40))
    preview = how.piece()
    changed = how.edited(file) if how.often() else file[:16] + how.rest()
    start = changed[: how.below(len(changed) + 1)] if how.often() else changed
    with (
        # A thread of a decoder's own takes 64 MB of addresses, and the bound counts these.
        mock.patch("PIL.AvifImagePlugin.DEFAULT_MAX_THREADS", 1),
        mock.patch("imaging.partial._MOST_PIXELS", _PIXELS_MAX),
        mock.patch("imaging.partial._MOST_BYTES", _BYTES_MAX),
    ):
        drawn = partial.draw_partial(start, size, preview, _LONGEST)
    if drawn is not None:
        image = Image.open(io.BytesIO(drawn))
        assert image.format == "WEBP"
        assert max(image.size) == _LONGEST


def previews(data: bytes, _: Path) -> None:
    """Any bytes, and a preview that was changed."""
    how = Choices(data)
    preview = how.edited(_preview())
    if how.below(2):
        preview = how.rest()
    assert 0.06 < aspect_of(preview) < 16
    assert draw_preview(preview, 24, 16).size == (24, 16)
