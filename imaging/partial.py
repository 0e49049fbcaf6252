"""What can be seen of a picture file of which the beginning is there.

AVIF, WebP and their lossless kind code a picture from the top in one stream, in which every
decision depends on the bits up to it and on none after. So the missing end is filled up in
two ways, with zeros and with ones, and both files are decoded: up to where they differ, the
picture is that of the whole file. All other ends lie between these two, and in arithmetic coding
a decision that both lead to is the one that all lead to; in a prefix code the first bit that is
not there parts them.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .pictures import DAMAGE
from .preview import GREY, aspect_of, draw_preview, on_grey
from .unfinished import ended, kind_of, size_of

_MOST_PIXELS = 1 << 24  # `fit` stays below; a larger picture is shown when it is there
_MOST_BYTES = 1 << 24


class _Blocks(NamedTuple):
    """How a format puts a picture on the air, in pixels.

    side    of the blocks that follow each other: superblocks of AV1, macroblocks of VP8
    reach   how far filters carry into a block, above all upwards, what stands in the next one
    margin  of the last blocks that is not shown for that reason
    """

    side: int
    reach: int
    margin: int


# Deblocking, CDEF and loop restoration of AV1; deblocking and the scaling of colour in VP8.
_BLOCKS = {"AVIF": _Blocks(64, 16, 28), "WEBP": _Blocks(16, 5, 10)}
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Start:
    """A picture of which the beginning is known.

    image   RGB; only what is known of it means anything
    rows    that are known from the top [pixels]
    corner  (columns, rows) known at the left, of these rows the first `rows` counted [pixels]
    """

    image: Image.Image
    rows: int
    corner: tuple[int, int] = (0, 0)

    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Left, top, right, bottom of what is known, all of it."""
        boxes = [(0, 0, self.image.width, self.rows), (0, 0, *self.corner)]
        return [box for box in boxes if box[2] > 0 and box[3] > 0]

    def known(self) -> np.ndarray:
        """(height, width) bool."""
        known = np.zeros((self.image.height, self.image.width), bool)
        for _, _, right, bottom in self.boxes():
            known[:bottom, :right] = True
        return known


def draw_partial(
    data: bytes, size: int | None, preview: bytes, longest: int = 1024
) -> bytes | None:
    """A WebP file that shows what is there of a picture file, marked as not verified.

    data     the beginning of an AVIF or WebP file, or all of it; may be anything
    size     of the whole file [bytes]; None where nobody knows
    preview  of `preview.make_preview`, for what is missing; may be empty or anything
    longest  pixels of the longer side, >= 64

    None where there is nothing to show. Never raises for what is in data and preview.
    """
    start = decode_start(data, size)
    if not preview and (start is None or not start.boxes()):
        return None
    aspect = start.image.width / start.image.height if start else aspect_of(preview)
    width, height = _canvas(aspect, longest)
    drawn = draw_preview(preview, width, height) if preview else None
    canvas = drawn or Image.new("RGB", (width, height), GREY)
    if start is not None:
        sharp = start.image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
        canvas.paste(sharp, mask=_soft_mask(start, width, height))
    _mark(canvas, _words(len(data), size))
    file = io.BytesIO()
    canvas.save(file, "WEBP", quality=_QUALITY, method=0)
    return file.getvalue()


def decode_start(data: bytes, size: int | None) -> Start | None:
    """The picture as far as the beginning of its file decides it; None where even its size is
    not known, or is too large. data, size: as `draw_partial` takes them."""
    kind = kind_of(data)
    size = size or size_of(data)
    if kind is None or not size or size > _MOST_BYTES:
        return None
    if len(data) >= size:
        whole = _decode(data, kind)
        return None if whole is None else Start(on_grey(whole), whole.height)
    decoded = (_decode(each, kind) for each in ended(data, size, kind))
    pair = list(islice((each for each in decoded if each is not None), 2))
    if not pair:
        return None
    image = on_grey(pair[0])
    if len(pair) < 2 or len({(each.size, each.mode) for each in pair}) > 1:
        return Start(image, 0)
    differ = (np.asarray(pair[0]) != np.asarray(pair[1])).any(axis=2)
    return _known_part(image, differ, _BLOCKS[kind])


def _known_part(image: Image.Image, differ: np.ndarray, blocks: _Blocks) -> Start:
    """What stands before the first block with a difference, in the order of the air.

    The filters carry differences into blocks that are known, so one that close to the end of a
    block is that of the next.
    """
    side, reach, margin = blocks
    rows = differ.any(axis=1)
    if not rows.any():  # by chance: something is missing
        return Start(image, max(0, len(differ) - side - margin))
    first = min(int(rows.argmax()) + reach, len(differ) - 1)
    top = first // side * side
    bottom = min(top + side, len(differ))
    undisturbed = bottom if bottom == len(differ) else bottom - reach
    columns = differ[top:undisturbed].any(axis=0)
    left = (int(columns.argmax()) + reach) // side * side if columns.any() else 0
    corner = max(0, left - margin), max(0, bottom - margin)
    return Start(image, max(0, top - margin), corner)


def _decode(data: bytes, kind: str) -> Image.Image | None:
    """RGB or RGBA; None for what is no picture, or too large a one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, which have a limit here
            image = Image.open(io.BytesIO(data), formats=(kind,))
        if image.width * image.height > _MOST_PIXELS:
            return None
        image.load()
        return image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
    except DAMAGE:
        return None


def _canvas(aspect: float, longest: int) -> tuple[int, int]:
    """Always of the same size, so that nothing jumps when the first bytes tell the true one."""
    sides = longest * min(1.0, aspect), longest * min(1.0, 1 / aspect)
    return max(1, round(sides[0])), max(1, round(sides[1]))


def _soft_mask(start: Start, width: int, height: int) -> Image.Image:
    """What is known in the drawn size, fading out at its edge."""
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for _, _, right, bottom in start.boxes():
        box = right * width // start.image.width, bottom * height // start.image.height
        if min(box):
            draw.rectangle((0, 0, box[0] - 1, box[1] - 1), fill=255)
    soft = max(width, height) // 48
    blurred = mask.filter(ImageFilter.BoxBlur(soft))
    return blurred.point([max(0, 2 * value - 255) for value in range(256)])


def _words(there: int, size: int | None) -> str:
    if not size:
        return "unverified"
    return f"unverified, {min(100 * there // size, 100)} %"


def _mark(canvas: Image.Image, words: str) -> None:
    """The words on a darkened band across the middle."""
    font = ImageFont.load_default(max(12, min(canvas.width // 18, canvas.height // 8)))
    left, top, right, bottom = font.getbbox(words)
    band = round(2.2 * (bottom - top))
    y = (canvas.height - band) // 2
    box = 0, y, canvas.width, y + band
    dark = canvas.crop(box).point([round(0.45 * value) for value in range(256)] * 3)
    draw = ImageDraw.Draw(dark)
    at = (canvas.width - left - right) / 2, (band - top - bottom) / 2
    draw.text(at, words, fill=(255, 255, 255), font=font)
    canvas.paste(dark, box)
