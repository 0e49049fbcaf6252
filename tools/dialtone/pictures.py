"""Pictures on their way to bytes and back: exact pixels, and pictures fitted to an air time."""

import io
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import imaging
from dialtone.errors import ExitCode, Failure
from dialtone.pipeline import Payload
from framing.names import candidates

PIXELS_MEDIA = "application/x-dialtone-pixels"
_PIXELS_SUFFIX = ".pixels"
_FILL = 0.93  # of the bytes that fit the air time, where the picture has so much to tell


def pixels_payload(path: Path) -> Payload:
    """A picture's exact pixels as a payload. Raises ImagingError where it is no picture."""
    data = imaging.encode_exact(imaging.load(path).pixels)
    # On the air under a name of its own: raw pixels must never pose as a PNG at the receiver.
    return Payload(io.BytesIO(data), path.stem + _PIXELS_SUFFIX, len(data), PIXELS_MEDIA)


def fitted_payload(path: Path, seconds: float, air_seconds: Callable[[Payload], float]) -> Payload:
    """A picture compressed so that sending it takes at most `seconds`, and close to that.

    air_seconds  the air time of a payload, with all overheads
    Raises Failure where even an almost empty payload takes longer, ImagingError where the bytes
    that are left are too few for the picture.
    """
    picture = imaging.load(path)
    budget = _largest_payload(seconds, air_seconds)
    if budget == 0:
        shortest = air_seconds(_noise(1))
        raise Failure(
            f"{seconds:g} s is too short: an almost empty file takes {shortest:.1f} s",
            "give more seconds or a faster --speed",
        )
    fitted = imaging.fit(picture, budget, _FILL)
    name = f"{path.stem}.{fitted.format}"
    return Payload(io.BytesIO(fitted.data), name, len(fitted.data), f"image/{fitted.format}")


def restore(path: Path) -> Path:
    """Turn a received pixel file into a PNG beside it; returns the PNG's path.

    The PNG appears whole or not at all; the pixel file goes once the PNG is there, and stays
    where the pixels cannot be decoded. Raises Failure then.
    """
    try:
        png = imaging.save_png(imaging.decode_exact(path.read_bytes()))
    except imaging.ImagingError as error:
        raise Failure(
            f"{path.name} arrived, but its pixels cannot be read: {error}",
            f"the bytes as they were sent are in {path}",
            ExitCode.INCOMPLETE,
        ) from error
    final = _write(png, path.parent, path.stem + ".png")
    path.unlink()
    return final


def same_pixels(one: Path, other: Path) -> bool:
    """Whether two picture files hold the same pixels."""
    import numpy as np

    return bool(np.array_equal(imaging.load(one).pixels, imaging.load(other).pixels))


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


def _write(data: bytes, folder: Path, name: str) -> Path:
    """Write a file under the first name that is free or holds the same already: name.png,
    name (1).png, ..."""
    temporary = folder / f".dialtone-{secrets.token_hex(6)}.part"
    try:
        temporary.write_bytes(data)
        for candidate in candidates(name):
            final = folder / candidate
            try:
                os.link(temporary, final)
            except FileExistsError:
                if final.is_file() and final.read_bytes() == data:
                    return final
            else:
                return final
    finally:
        temporary.unlink(missing_ok=True)
    raise Failure(f"there are too many files called {name}", "tidy the folder", ExitCode.INCOMPLETE)
