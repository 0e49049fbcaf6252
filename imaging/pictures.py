"""Picture files to pixels and back.

Pixels come out exactly as the file holds them, upright (EXIF orientation applied) and without
colour management: an ICC profile or gamma is reported, not applied. Palettes are expanded, 1-bit
pictures become grey of 0 and 255, CMYK and YCbCr become RGB (noted in the info). Animated
pictures give their first frame.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

from .errors import ImagingError
from .exact import MAX_PIXEL_BYTES

_FORMATS = ("PNG", "TIFF", "BMP", "PPM", "GIF", "JPEG", "WEBP", "AVIF")
_MAX_PIXELS = MAX_PIXEL_BYTES // 4
_BAND_BYTES = 1 << 22
_QUICK_LEVEL = 3  # of zlib: a fifth of the time of Pillow's level 6, a tenth more bytes
# What Pillow's readers raise on damaged files.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_DIRECT = {"L", "LA", "RGB", "RGBA"}


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What a file said about its picture beside the pixels."""

    format: str  # of the file: "PNG", "JPEG", ...
    mode: str  # of its samples, in Pillow's words: "P", "RGB", "I;16", ...
    icc_profile: bytes | None = None
    gamma: float | None = None
    notes: tuple[str, ...] = field(default=())  # what was changed, for the user


@dataclass(frozen=True, slots=True)
class Picture:
    """pixels is (h, w) or (h, w, c), c in 2, 3, 4, of uint8 or uint16."""

    pixels: np.ndarray
    info: PictureInfo


def load(source: Path | str | bytes) -> Picture:
    """Read a picture file, or a file's bytes.

    Raises ImagingError when it is no picture of a known format, damaged, too large (before it
    is decompressed), or of samples that pixels of 8 or 16 bits cannot hold.
    """
    if isinstance(source, bytes):
        data = source
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise ImagingError(f"cannot read {source}: {error.strerror}") from error
    if _is_deep_png(data):
        from . import deep_png

        pixels, facts = deep_png.read(data, _MAX_PIXELS)
        return Picture(pixels, PictureInfo("PNG", "16 bit", **facts))
    with warnings.catch_warnings():
        # Pillow warns of large pictures, which have a limit below, and of tags it skips.
        warnings.simplefilter("ignore")
        return _read(data)


def _read(data: bytes) -> Picture:
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.UnidentifiedImageError as error:
        raise ImagingError("this is not a picture of a known format") from error
    except Image.DecompressionBombError as error:
        raise ImagingError(
            f"the picture is too large: at most {_MAX_PIXELS // 1_000_000} megapixels"
        ) from error
    except DAMAGE as error:
        raise ImagingError(f"the picture cannot be read: {error}") from error
    if image.width * image.height > _MAX_PIXELS:
        raise ImagingError(
            f"the picture of {image.width} x {image.height} pixels is too large: "
            f"at most {_MAX_PIXELS // 1_000_000} megapixels"
        )
    try:
        return _convert(image)
    except ImagingError:
        raise
    except DAMAGE as error:
        raise ImagingError(f"the picture is damaged: {error}") from error


def _is_deep_png(data: bytes) -> bool:
    """Whether these bytes begin like a PNG file of 16 bits a sample."""
    return data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and data[24:25] == b"\x10"


def _convert(image: Image.Image) -> Picture:
    info: dict[str, Any] = {"format": image.format or "", "mode": image.mode}
    notes = []
    if getattr(image, "n_frames", 1) > 1:
        notes.append("only the first frame of the animation is taken")
    if image.format in ("PPM", "TIFF") and _silently_narrowed(image):
        raise ImagingError("16-bit colour is read from PNG only; save the picture as 16-bit PNG")
    image.load()
    profile, gamma = image.info.get("icc_profile"), image.info.get("gamma")
    info["icc_profile"] = profile if isinstance(profile, bytes) else None
    info["gamma"] = float(gamma) if isinstance(gamma, (int, float)) else None
    ImageOps.exif_transpose(image, in_place=True)
    mode = image.mode
    if mode in _DIRECT or mode == "1" or mode in ("P", "PA", "La", "RGBa"):
        image = _plain(image)
        pixels = _array(image)
    elif mode.startswith("I"):
        pixels = _grey16(image)
    elif mode in ("CMYK", "YCbCr"):
        pixels = _array(image.convert("RGB"))
        notes.append(f"converted from {mode} to RGB without colour management")
        info["icc_profile"] = None
    else:
        raise ImagingError(f"pictures of mode {mode} cannot be sent; convert it to RGB or grey")
    return Picture(pixels, PictureInfo(**info, notes=tuple(notes)))


def _array(image: Image.Image) -> np.ndarray:
    """As np.asarray, in bands of rows: Pillow's own way holds all the pixels twice more."""
    bands = len(image.getbands())
    shape = (image.height, image.width) + ((bands,) if bands > 1 else ())
    pixels = np.empty(shape, np.uint8)
    rows = max(1, _BAND_BYTES // (image.width * bands))
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _plain(image: Image.Image) -> Image.Image:
    """Grey, grey with alpha, RGB or RGBA of 8 bits with the same visible pixels."""
    transparent = "transparency" in image.info
    if image.mode == "P":
        return image.convert("RGBA" if transparent else "RGB")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("PA", "RGBa"):
        return image.convert("RGBA")
    if image.mode == "La":
        return image.convert("LA")
    if transparent and image.mode in ("L", "RGB"):
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image


def _grey16(image: Image.Image) -> np.ndarray:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ImagingError("grey samples of more than 16 bits cannot be sent")
    return values.astype(np.uint16)


def _silently_narrowed(image: Image.Image) -> bool:
    """Whether Pillow would drop bits: it reads 16-bit colour of these formats as 8-bit."""
    if image.mode not in ("RGB", "RGBA", "RGBX", "LA", "CMYK"):
        return False
    if image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(258, (8,))
        return max(bits) > 8
    return any(
        isinstance(part, int) and part > 255
        for tile in getattr(image, "tile", ())
        for part in (tile.args if isinstance(tile.args, tuple) else ())
    )


def to_image(picture: Picture | np.ndarray) -> Image.Image:
    """RGB or RGBA of 8 bits, in sRGB; alpha only where something is transparent."""
    pixels = picture.pixels if isinstance(picture, Picture) else picture
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and pixels[:, :, -1].min() == 255:
        pixels = pixels[:, :, 0] if pixels.shape[2] == 2 else pixels[:, :, :3]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    profile = picture.info.icc_profile if isinstance(picture, Picture) else None
    if profile is not None:
        image = _to_srgb(image, profile)
    return image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Apply an ICC profile; one that is damaged or for other samples is left aside."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode=mode
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if converted is None else converted


def save_png(pixels: np.ndarray, icc_profile: bytes | None = None, quick: bool = False) -> bytes:
    """A PNG file of exactly these pixels.

    pixels  as `encode_exact` takes them
    quick   a larger file in a fraction of the time (8-bit samples)
    """
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.dtype == np.uint16:
        from . import deep_png

        return deep_png.write(pixels, icc_profile)
    file = io.BytesIO()
    effort = {"compress_level": _QUICK_LEVEL} if quick else {"optimize": True}
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        file, "PNG", icc_profile=icc_profile, **effort
    )
    return file.getvalue()
