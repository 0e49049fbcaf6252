"""Files that appear under their name complete, or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from framing.spool import sync_folder

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)  # from file systems without hard links
_EVERYBODY, _OWNER = 0o666, 0o600


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A binary file to write to; it takes its name when the block ends without an error."""
    temporary = _beside(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        with _opened(temporary, target, _EVERYBODY) as file:
            yield file
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_new(target: Path, data: bytes) -> None:
    """Write a file that replaces no other.

    Raises FileExistsError, with the name of the target, where something has that name.
    """
    _write(target, data, _EVERYBODY)


def write_private(target: Path, data: bytes) -> None:
    """Write a file that only its owner can read, from its first moment on; it replaces no other.

    Raises FileExistsError, with the name of the target, where something has that name.
    """
    _write(target, data, _OWNER)


def replace_private(target: Path, data: bytes) -> None:
    """Write a file that only its owner can read, in place of what has its name."""
    temporary = _beside(target)
    try:
        with _opened(temporary, target, _OWNER) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def erase(path: Path) -> None:
    """Overwrite a file and remove it. Raises OSError.

    What a file system keeps elsewhere (snapshots, journals, the cells of a flash disk) stays.
    """
    with path.open("r+b") as file:
        size = path.stat().st_size
        for filling in (secrets.token_bytes(size), bytes(size)):
            file.seek(0)
            file.write(filling)
            file.flush()
            os.fsync(file.fileno())
    path.unlink()
    sync_folder(path.parent)


def _write(target: Path, data: bytes, mode: int) -> None:
    temporary = _beside(target)
    try:
        with _opened(temporary, target, mode) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, target)
        except OSError as error:
            # File systems without hard links have no way to rename without replacing.
            taken = isinstance(error, FileExistsError) or os.path.lexists(target)
            if taken:
                reason = os.strerror(errno.EEXIST)
                raise FileExistsError(errno.EEXIST, reason, str(target)) from error
            if error.errno not in NO_LINKS:
                raise
            temporary.rename(target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _opened(temporary: Path, target: Path, mode: int) -> BinaryIO:
    """The temporary file; what is wrong with its place is told of the target, which has a name."""
    try:
        return os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "w+b")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error


def _beside(target: Path) -> Path:
    return target.with_name(f".dialtone-{secrets.token_hex(6)}.part")
