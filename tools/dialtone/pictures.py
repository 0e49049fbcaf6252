"""Pictures on their way to bytes and back: exact pixels, and pictures fitted to an air time."""

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone.errors import Failure
from dialtone.pipeline import Payload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

PIXELS_MEDIA = "application/x-dialtone-pixels"
_PIXELS_SUFFIX = ".pixels"


def pixels_payload(path: Path) -> Payload:
    """A picture's exact pixels as a payload. Raises Failure unless the file is a picture."""
    import imaging

    data = imaging.encode_exact(to_array(open_picture(path)))
    # On the air under a name of its own: raw pixels must never pose as a PNG at the receiver.
    return Payload(io.BytesIO(data), path.stem + _PIXELS_SUFFIX, len(data), PIXELS_MEDIA)


def fitted_payload(path: Path, seconds: float, air_seconds: Callable[[Payload], float]) -> Payload:
    """A picture compressed so that sending it takes at most `seconds`.

    air_seconds  the air time of a payload, with all overheads
    Raises Failure where even an almost empty payload takes longer.
    """
    import imaging

    picture = open_picture(path)
    budget = _largest_payload(seconds, air_seconds)
    if budget == 0:
        shortest = air_seconds(_noise(1))
        raise Failure(
            f"{seconds:g} s is too short: an almost empty file takes {shortest:.1f} s",
            "give more seconds or a faster --speed",
        )
    data = imaging.fit(picture, budget)
    suffix, media = _kind(data)
    return Payload(io.BytesIO(data), path.stem + suffix, len(data), media)


def restore(path: Path) -> Path:
    """Turn a received pixel file into a PNG beside it; returns the PNG's path.

    The PNG appears whole or not at all; the pixel file goes once the PNG is there, and stays
    where the pixels cannot be decoded. Raises Failure then.
    """
    from PIL import Image

    import imaging

    try:
        array = imaging.decode_exact(path.read_bytes())
    except ValueError as error:
        raise Failure(
            f"{path.name} arrived, but its pixels cannot be read: {error}",
            f"the bytes as received are in {path}",
        ) from error
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            Image.fromarray(array).save(file, "PNG")
        final = _link_free(Path(temporary), path.with_suffix(""))
    finally:
        Path(temporary).unlink(missing_ok=True)
    path.unlink()
    return final


def same_pixels(one: Path, other: Path) -> bool:
    """Whether two picture files hold the same pixels."""
    import numpy as np

    return bool(np.array_equal(to_array(open_picture(one)), to_array(open_picture(other))))


def open_picture(path: Path) -> "Image":
    """Decode a picture file. Raises Failure (usage) where it is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except UnidentifiedImageError:
        raise Failure(
            f"{path} is not a picture", "leave out --pixels and --fit to send it as it is"
        ) from None
    except (Image.DecompressionBombError, SyntaxError, ValueError, EOFError) as error:
        raise Failure(f"{path} cannot be read as a picture: {error}") from error


def to_array(picture: "Image") -> "NDArray[np.generic]":
    """The exact pixels: (height, width) or (height, width, 2..4), uint8 or uint16."""
    import numpy as np

    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in ("L", "LA", "RGB", "RGBA") and not picture.mode.startswith("I;16"):
        raise Failure(
            f"pictures of mode {picture.mode} cannot be sent as exact pixels",
            "leave out --pixels to send the file as it is",
        )
    return np.asarray(picture)


def _largest_payload(seconds: float, air_seconds: Callable[[Payload], float]) -> int:
    """The most bytes whose air time is at most `seconds`; 0 where not even one byte's is."""
    low, high = 0, 256
    while air_seconds(_noise(high)) <= seconds:
        low, high = high, 2 * high
    while high - low > max(1, low >> 10):
        middle = (low + high) // 2
        if air_seconds(_noise(middle)) <= seconds:
            low = middle
        else:
            high = middle
    return low


def _noise(n_bytes: int) -> Payload:
    """A stand-in for a compressed picture of that size: bytes that do not compress further."""
    return Payload(io.BytesIO(os.urandom(n_bytes)), "picture.webp", n_bytes, "image/webp")


def _kind(data: bytes) -> tuple[str, str]:
    """File name suffix and media type of a fitted picture."""
    if data[4:12] == b"ftypavif":
        return ".avif", "image/avif"
    return ".webp", "image/webp"


def _link_free(temporary: Path, stem: Path) -> Path:
    """Give a finished file a name that is still free: stem.png, stem (2).png, ..."""
    number = 1
    while True:
        final = stem.with_name(f"{stem.name}.png" if number == 1 else f"{stem.name} ({number}).png")
        try:
            os.link(temporary, final)
        except FileExistsError:
            number += 1
        else:
            return final
