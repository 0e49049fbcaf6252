"""Files that appear under their name complete, or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from framing.spool import sync_folder

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)  # from file systems without hard links


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A binary file to write to; it takes its name when the block ends without an error."""
    temporary = target.with_name(f".dialtone-{secrets.token_hex(6)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def new_file(target: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file that must not be there yet: whole, synced, with that mode from the beginning.

    Raises FileExistsError where something has the name already, OSError where writing fails.
    """
    temporary = target.with_name(f".dialtone-{secrets.token_hex(6)}.part")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _take_name(temporary, target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _take_name(temporary: Path, target: Path) -> None:
    """Rename without replacing anything."""
    try:
        os.link(temporary, target)
    except OSError as error:
        # File systems without hard links have no way to rename without replacing.
        if error.errno not in _NO_LINKS or os.path.lexists(target):
            error.filename = str(target)
            raise
        temporary.rename(target)


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
