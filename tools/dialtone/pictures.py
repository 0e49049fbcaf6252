"""Pictures on their way to bytes and back: exact pixels, and pictures fitted to an air time."""

import hashlib
import io
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import imaging
from dialtone.errors import ExitCode, Failure
from dialtone.pipeline import Payload
from dialtone.whole import NO_LINKS
from framing.names import candidates, safe_name

# On the air these have names of their own: raw pixels must never pose as a PNG at the receiver.
_PIXELS_MEDIA = "application/x-dialtone-pixels"
_PIXELS_SUFFIX = ".pixels"
_PACKED_MEDIA = "application/x-dialtone-png"
_PACKED_SUFFIX = ".packed"
_COPY = re.compile(r"(\.\w+) \(\d+\)$")  # how the inbox tells packed files of one name apart
RESTORED_MEDIA = (_PIXELS_MEDIA, _PACKED_MEDIA)  # what `restore` makes files of

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PACKED_MAX = 64 << 20  # bytes of a PNG that are looked at as a whole
_FILL = 0.93  # of the bytes that fit the air time, where the picture has so much to tell


@contextmanager
def file_payload(path: Path, pack: bool = True) -> Iterator[Payload]:
    """A file as a payload, open within the context.

    pack  a PNG goes as its pixels and the recipe that makes the same file of them, where that is
          shorter: it arrives byte for byte all the same, wherever zlib works as it does here
    """
    with path.open("rb") as stream:
        info = os.fstat(stream.fileno())
        if not stat.S_ISREG(info.st_mode):  # nobody knows how much a pipe or device holds
            yield Payload(stream, path.name, None)
            return
        packed = _packed(stream, info.st_size) if pack else None
        if packed is None:
            yield Payload(stream, path.name, info.st_size)
            return
    name = path.name + _PACKED_SUFFIX
    yield Payload(io.BytesIO(packed), name, len(packed), _PACKED_MEDIA, info.st_size, path.name)


def _packed(stream: BinaryIO, size: int) -> bytes | None:
    """The short form of a PNG file; None for all others, with the stream at its beginning."""
    if size > _PACKED_MAX or stream.read(len(_PNG_SIGNATURE)) != _PNG_SIGNATURE:
        stream.seek(0)
        return None
    stream.seek(0)
    packed = imaging.pack_png(stream.read())
    stream.seek(0)
    return packed


def pixels_payload(path: Path) -> Payload:
    """A picture's exact pixels as a payload. Raises ImagingError where it is no picture."""
    data = imaging.encode_exact(imaging.load(path).pixels)
    return Payload(io.BytesIO(data), path.stem + _PIXELS_SUFFIX, len(data), _PIXELS_MEDIA)


def fitted_payload(path: Path, seconds: float, air_seconds: Callable[[Payload], float]) -> Payload:
    """A picture compressed so that sending it takes at most `seconds`, and close to that.

    air_seconds  the air time of a payload, with all overheads
    Raises Failure where even an almost empty payload takes longer, ImagingError where the bytes
    that are left are too few for the picture.
    """
    picture = imaging.load(path)
    preview = imaging.make_preview(picture)

    def stand_in(n_bytes: int) -> Payload:
        """Bytes that do not compress further instead of a picture of that size."""
        name = f"{path.stem}.webp"  # no format has a longer ending
        data = io.BytesIO(os.urandom(n_bytes))
        return Payload(data, name, n_bytes, "image/webp", preview=preview)

    budget = _largest_payload(seconds, lambda n_bytes: air_seconds(stand_in(n_bytes)))
    if budget == 0:
        shortest = air_seconds(stand_in(1))
        raise Failure(
            f"{seconds:g} s is too short: an almost empty file takes {shortest:.1f} s",
            "give more seconds or a faster --speed",
        )
    fitted = imaging.fit(picture, budget, _FILL)
    name = f"{path.stem}.{fitted.format}"
    data, media = fitted.data, f"image/{fitted.format}"
    return Payload(io.BytesIO(data), name, len(data), media, preview=preview)


def shown_name(name: str) -> str:
    """What people know a transfer of that name as."""
    return name.removesuffix(_PACKED_SUFFIX)


def restored_name(name: str, media: str) -> str:
    """The name of the file that `restore` makes of a received one."""
    if media == _PACKED_MEDIA:
        return safe_name(_COPY.sub(r"\1", shown_name(name)))
    return Path(name).stem + ".png" if media == _PIXELS_MEDIA else name


@dataclass(frozen=True, slots=True)
class Restored:
    """A picture file made of what arrived.

    sha256  of the file, 64 hexadecimal digits
    note    what is different from the sent file, if it is
    """

    path: Path
    size: int
    sha256: str
    note: str = ""


def restore(path: Path, media: str) -> Restored:
    """Turn received pixels or a packed PNG into a PNG file beside it.

    The PNG appears whole or not at all; what it was made of goes once the PNG is there, and
    stays where it cannot be decoded. Raises Failure then.
    """
    note = ""
    try:
        if media == _PACKED_MEDIA:
            png, identical = imaging.unpack_png(path.read_bytes())
            if not identical:
                note = "the same pixels, but this machine's zlib packs them in other bytes"
        else:
            png = imaging.save_png(imaging.decode_exact(path.read_bytes()))
    except imaging.ImagingError as error:
        raise Failure(
            f"{path.name} arrived, but it cannot be made a picture: {error}",
            f"the bytes as they were sent are in {path}",
            ExitCode.INCOMPLETE,
        ) from error
    final = _write(png, path.parent, restored_name(path.name, media))
    path.unlink()
    return Restored(final, len(png), hashlib.sha256(png).hexdigest(), note)


def same_pixels(one: Path, other: Path) -> bool:
    """Whether two picture files hold the same pixels."""
    import numpy as np

    return bool(np.array_equal(imaging.load(one).pixels, imaging.load(other).pixels))


def _largest_payload(seconds: float, air_seconds: Callable[[int], float]) -> int:
    """The most bytes whose air time is at most `seconds`; 0 where not even one byte's is."""
    low, high = 0, 256
    while air_seconds(high) <= seconds:
        low, high = high, 2 * high
    while high - low > max(1, low >> 10):
        middle = (low + high) // 2
        if air_seconds(middle) <= seconds:
            low = middle
        else:
            high = middle
    return low


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
            except OSError as error:
                if error.errno not in NO_LINKS or final.exists():
                    raise
                temporary.rename(final)
                return final
            else:
                return final
    finally:
        temporary.unlink(missing_ok=True)
    raise Failure(f"there are too many files called {name}", "tidy the folder", ExitCode.INCOMPLETE)
