"""The best-looking picture file that fits a number of bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np
from PIL import Image, features

from .errors import ImagingError
from .pictures import Picture, to_image
from .similarity import luma, ssim_of_luma

# A picture with more pixels than this for each byte of budget (a third of a bit each) is reduced
# to that many before anything is tried and judged: the detail would not survive. The limits keep
# small pictures whole and the time bounded. Budgets that give even that many pixels two bits
# each are spent on more pixels, in WebP, which encodes them ten times faster.
_PIXELS_PER_BYTE, _AMPLE_PIXELS_PER_BYTE = 24, 4
_FEWEST, _MOST, _AMPLE_MOST = 1 << 18, 3 << 20, 12 << 20
_LONGEST_SIDE = 16383  # of WebP
_LOSSLESS_PIXELS = 1 << 20  # beyond this, lossless coding is tried only when it is likely to fit
_LOSSLESS_BPP = 4.0
_HASTY = 1.6  # how much larger the quickest lossless file may be than a careful one
_SMALLEST_SIDE = 48  # the longer side of the smallest picture that still shows something
_SHRINK = sqrt(0.5)
_GOOD_QUALITY = 45  # a smaller picture at higher quality has never looked better from here on
_HOPELESS = 5  # times the budget at the first try: ask at once whether any quality fits
_CLOSE_ENOUGH = 0.97  # of the budget: the search stops
# From this quality on, colour at full resolution is tried; luma, which SSIM sees, may lose this.
_FULL_COLOUR_QUALITY = 80
_FULL_COLOUR_LOSS = 0.003


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture file and how it compares with the picture it was made from."""

    data: bytes
    format: str  # "avif" or "webp"
    quality: int  # 0..100; 100 with ssim 1 is lossless
    width: int
    height: int
    ssim: float  # against the original, at the size at which it was judged


@dataclass(frozen=True, slots=True)
class _Codec:
    name: str
    lowest: int  # quality below which only blotches remain
    highest: int
    encode: Callable[[Image.Image, int], bytes]


def _avif(image: Image.Image, quality: int, subsampling: str = "4:2:0") -> bytes:
    pixels = image.width * image.height
    speed = 6 if pixels <= 1 << 17 else 8 if pixels <= 1 << 19 else 9
    file = io.BytesIO()
    # One tile, so that a beginning of the file is a beginning of the picture (partial.py).
    options = {"subsampling": subsampling, "autotiling": False, "max_threads": 1}
    image.save(file, "AVIF", quality=quality, speed=speed, **options)
    return file.getvalue()


def _avif_full_colour(image: Image.Image, quality: int) -> bytes:
    return _avif(image, quality, "4:4:4")


def _webp(image: Image.Image, quality: int) -> bytes:
    pixels = image.width * image.height
    method = 6 if pixels <= 1 << 19 else 4 if pixels <= _MOST else 2
    file = io.BytesIO()
    image.save(file, "WEBP", quality=quality, method=method)
    return file.getvalue()


def _codecs(image: Image.Image) -> tuple[_Codec, ...]:
    """The formats worth trying for a picture of this size, the likelier winner first."""
    codecs = [_Codec("webp", 1, 100, _webp)] if features.check("webp") else []
    if features.check("avif") and (not codecs or image.width * image.height <= _MOST + _FEWEST):
        codecs.insert(0, _Codec("avif", 8, 100, _avif))
    if not codecs:
        raise ImagingError("this Pillow was built without AVIF and WebP")
    return tuple(codecs)


def fit(picture: Picture | np.ndarray, budget_bytes: int, min_fill: float = 0.9) -> Fitted:
    """The AVIF or WebP file of at most `budget_bytes` that looks most like the picture.

    picture       a loaded picture, or pixels as `encode_exact` takes them
    budget_bytes  > 0, never exceeded
    min_fill      share of the budget to fill where the picture has that much to tell

    Qualities are searched by measured size; the size of the picture and the format are chosen
    by SSIM against the original, after scaling back up. (An original of more than 24 pixels for
    each byte of budget is first reduced to those, or to 512 x 512.) A lossless file is sent
    where one fits.
    16 bits become 8, an ICC profile is applied (the file is sRGB), alpha is kept.
    Raises ImagingError naming the smallest possible budget when this one is too small.
    """
    if budget_bytes < 1:
        raise ImagingError(f"the budget must be at least one byte, got {budget_bytes}")
    original = to_image(picture)
    lossless = _lossless(original, budget_bytes)
    if lossless is not None:
        return lossless
    pixels = max(
        min(max(_FEWEST, budget_bytes * _PIXELS_PER_BYTE), _MOST),
        min(budget_bytes * _AMPLE_PIXELS_PER_BYTE, _AMPLE_MOST),
    )
    factor = sqrt(pixels / (original.width * original.height))
    reference = _scaled(original, min(factor, _LONGEST_SIDE / max(original.size)))
    judge = _Judge(reference)

    def attempt(codec: _Codec, image: Image.Image) -> Fitted | None:
        return judge.of(_fill(codec, image, budget_bytes, min_fill))

    main, *others = _codecs(reference)
    best: Fitted | None = None
    for image in _smaller_and_smaller(reference):
        best, found = _better(best, attempt(main, image), budget_bytes * min_fill)
        if best is not None and (best is not found or best.quality >= _GOOD_QUALITY):
            break
    for codec in others:
        if best is not None:
            image = _scaled(reference, best.width / reference.width)
            best, _ = _better(best, attempt(codec, image), budget_bytes * min_fill)
            continue
        for image in _smaller_and_smaller(reference):
            best, found = _better(best, attempt(codec, image), budget_bytes * min_fill)
            if best is not None and best is not found:
                break
    if best is None:
        raise ImagingError(
            f"{budget_bytes} bytes are too few for this picture: it takes at least "
            f"{_smallest(reference)}"
        )
    if best.format == "avif" and best.quality >= _FULL_COLOUR_QUALITY:
        full = attempt(replace(main, encode=_avif_full_colour), reference)
        if full is not None and full.ssim >= best.ssim - _FULL_COLOUR_LOSS:
            return full
    return best


def _better(
    best: Fitted | None, found: Fitted | None, enough: float
) -> tuple[Fitted | None, Fitted | None]:
    """The better-looking of two, one that fills the budget before one that does not; the new."""
    if best is None or found is None:
        return best or found, found
    rank_best, rank_found = ((len(f.data) >= enough, f.ssim) for f in (best, found))
    return (found if rank_found > rank_best else best), found


class _Judge:
    """Compares files with the original at its size (or the size it is judged at)."""

    def __init__(self, reference: Image.Image) -> None:
        self._size = reference.size
        self._luma = luma(np.asarray(reference))

    def of(self, found: Fitted | None) -> Fitted | None:
        if found is None:
            return None
        image: Image.Image = Image.open(io.BytesIO(found.data))
        if image.size != self._size:
            image = image.resize(self._size, Image.Resampling.BICUBIC)
        return replace(found, ssim=ssim_of_luma(self._luma, luma(np.asarray(image)), 255.0))


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    if factor >= 1 or size == image.size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS)


def _smaller_and_smaller(reference: Image.Image) -> Iterator[Image.Image]:
    """The picture, then at half the pixels each time, down to the smallest worth sending."""
    longest = max(reference.size)
    factor = 1.0
    while factor == 1.0 or longest * factor > _SMALLEST_SIDE:
        yield _scaled(reference, factor)
        factor *= _SHRINK
    if longest > _SMALLEST_SIDE:
        yield _scaled(reference, _SMALLEST_SIDE / longest)


def _lossless(image: Image.Image, budget_bytes: int) -> Fitted | None:
    pixels = image.width * image.height
    if not features.check("webp") or max(image.size) > _LONGEST_SIDE:
        return None
    if pixels > _LOSSLESS_PIXELS and 8 * budget_bytes < _LOSSLESS_BPP * pixels:
        return None
    for quality, method, spare in ((0, 0, _HASTY), (80, 4, 1.0)):
        file = io.BytesIO()
        image.save(file, "WEBP", lossless=True, quality=quality, method=method, exact=True)
        if file.tell() > spare * budget_bytes:
            return None
    return Fitted(file.getvalue(), "webp", 100, image.width, image.height, 1.0)


def _fill(codec: _Codec, image: Image.Image, budget_bytes: int, min_fill: float) -> Fitted | None:
    """The highest quality that fits, or one that fills the budget closely; None when none fits.

    A bisection whose next point is read off the measured sizes, whose logarithm is close to a
    straight line in the quality.
    """
    below, above = codec.lowest - 1, codec.highest + 1  # fits, does not fit
    sizes: dict[int, int] = {}
    best: Fitted | None = None
    quality = 50
    while above - below > 1:
        data = codec.encode(image, quality)
        sizes[quality] = len(data)
        if len(data) <= budget_bytes:
            below = quality
            best = Fitted(data, codec.name, quality, image.width, image.height, 0.0)
            if len(data) >= max(min_fill, _CLOSE_ENOUGH) * budget_bytes:
                break
        else:
            above = quality
        if len(data) > _HOPELESS * budget_bytes and below not in sizes:
            quality = codec.lowest
        else:
            quality = _next_quality(sizes, below, above, budget_bytes)
    return best


def _next_quality(sizes: dict[int, int], below: int, above: int, budget_bytes: int) -> int:
    middle = (below + above) // 2
    if below in sizes and above in sizes:
        low, high = log(sizes[below]), log(sizes[above])
        if high > low:
            share = (log(budget_bytes) - low) / (high - low)
            # Kept off the ends, so that a bent curve cannot stall the search.
            share = min(max(share, 0.2), 0.8)
            middle = round(below + share * (above - below))
    return min(max(middle, below + 1), above - 1)


def _smallest(reference: Image.Image) -> int:
    *_, image = _smaller_and_smaller(reference)
    return min(len(codec.encode(image, codec.lowest)) for codec in _codecs(image))
