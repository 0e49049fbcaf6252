"""Pixels to bytes and back: exact, or fitted to a number of bytes.

Importing this package is cheap; Pillow, SciPy and the compiled kernels load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import ImagingError, NothingHiddenError

if TYPE_CHECKING:
    from .exact import decode_exact, encode_exact
    from .fitting import Fitted, fit
    from .partial import draw_partial
    from .pictures import Picture, PictureInfo, load, save_png
    from .png_recipe import UnpackedPng, pack_png, unpack_png
    from .preview import make_preview
    from .similarity import ssim

__all__ = [
    "Fitted",
    "ImagingError",
    "NothingHiddenError",
    "Picture",
    "PictureInfo",
    "UnpackedPng",
    "decode_exact",
    "draw_partial",
    "encode_exact",
    "fit",
    "load",
    "make_preview",
    "pack_png",
    "save_png",
    "ssim",
    "unpack_png",
]

_HOME = {
    "decode_exact": "exact",
    "encode_exact": "exact",
    "Fitted": "fitting",
    "fit": "fitting",
    "draw_partial": "partial",
    "make_preview": "preview",
    "Picture": "pictures",
    "PictureInfo": "pictures",
    "load": "pictures",
    "save_png": "pictures",
    "UnpackedPng": "png_recipe",
    "pack_png": "png_recipe",
    "unpack_png": "png_recipe",
    "ssim": "similarity",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
