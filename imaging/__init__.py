"""Pixels to bytes and back: exact, or fitted to a number of bytes.

Importing this package is cheap; Pillow, SciPy and the compiled kernels load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import ImagingError

if TYPE_CHECKING:
    from .exact import decode_exact, encode_exact
    from .fitting import Fitted, fit
    from .pictures import Picture, load, save_png
    from .similarity import ssim

__all__ = [
    "Fitted",
    "ImagingError",
    "Picture",
    "decode_exact",
    "encode_exact",
    "fit",
    "load",
    "save_png",
    "ssim",
]

_HOME = {
    "decode_exact": "exact",
    "encode_exact": "exact",
    "Fitted": "fitting",
    "fit": "fitting",
    "Picture": "pictures",
    "load": "pictures",
    "save_png": "pictures",
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
