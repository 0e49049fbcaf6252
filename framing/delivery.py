"""From rebuilt blocks to a file: open the chunks in order, verify, and only then give the name."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from framing import records
from framing.cipher import TAG_BYTES, ChunkOpener, Suite
from framing.errors import (
    DigestError,
    MalformedError,
    StorageError,
    TooLargeError,
    VersionError,
)
from framing.huffman import CHUNK_BYTES, ENCRYPT_FIRST_BYTES, STORED, unpack, unpack_parts
from framing.names import candidates
from framing.spool import sync_folder, write_all
from framing.trailer import Trailer

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_READ_BYTES = 1 << 20
_PART = ".part"

_BODY_MAX = len(STORED) + CHUNK_BYTES + TAG_BYTES  # to say what is wrong with one takes 256 looks


def plaintext(
    blocks: Iterable[bytes],
    suite: Suite,
    trailer: Trailer,
    encrypt_first: bool,
    limit: int | None,
) -> Iterator[bytes]:
    """The file's chunks in order. Raises a TransferError subclass where anything is wrong.

    The last check, of the digest over everything, comes after the last chunk: nothing may be
    believed before the iterator has ended.
    """
    if len(trailer.tables) != (trailer.chunks if encrypt_first else 0) or not trailer.chunks:
        raise MalformedError
    full = ENCRYPT_FIRST_BYTES if encrypt_first else CHUNK_BYTES
    opener = ChunkOpener(suite, trailer.chunks)
    tables = iter(trailer.tables)
    digest = hashlib.sha256()
    length = 0
    for block in blocks:
        for kind, body in records.parse(block):
            if kind in (records.HEADER, records.TRAILER):
                continue
            if kind != records.CHUNK:
                raise VersionError
            if len(body) > _BODY_MAX:
                raise MalformedError
            if encrypt_first:
                # One chunk too many is for the opener to name.
                chunk = opener.open(unpack_parts(next(tables, STORED), body))
            else:
                chunk = unpack(opener.open(body))
            if length % full or (not chunk and trailer.chunks > 1):
                raise MalformedError  # the last chunk may be short, a single one empty
            length += len(chunk)
            if limit is not None and length > limit:
                raise TooLargeError
            digest.update(chunk)
            yield chunk
    opener.finish()
    if (length, digest.digest()) != (trailer.length, trailer.sha256):
        raise DigestError


def write_file(folder: Path, part: str, name: str, chunks: Iterator[bytes], sha256: bytes) -> Path:
    """Write the chunks under a temporary name, then give them the name `name` or "name (1)".

    part  what the temporary name begins with; what a killed process left under such a name goes
    A file of the same content under one of these names is left as it is and returned. Raises
    StorageError, and whatever `chunks` raises; then nothing is left behind.
    """
    discard(folder, part)
    # A name that nobody can foresee: what is linked is what was written, whoever else is here.
    temporary = folder / f"{part}-{secrets.token_hex(8)}{_PART}"
    try:
        # What is not verified yet is nobody else's business.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            size = 0
            for chunk in chunks:
                write_all(handle, chunk)
                size += len(chunk)
            os.fchmod(handle, 0o666 & ~umask())
            os.fsync(handle)
        finally:
            os.close(handle)
        path = _place(temporary, folder, name, size, sha256)
        sync_folder(folder)
    except OSError as error:
        raise StorageError.of("cannot write the received file", error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return path


def umask() -> int:
    """The permissions that new files do without."""
    found = os.umask(0o077)  # to read it is to set it
    os.umask(found)
    return found


def discard(folder: Path, part: str) -> None:
    """Remove the temporary files of this name that a process left when it died.

    Where that process is still alive, it fails with StorageError.
    """
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{part}-*{_PART}"):
            path.unlink(missing_ok=True)


def _place(temporary: Path, folder: Path, name: str, size: int, sha256: bytes) -> Path:
    for candidate in candidates(name):
        path = folder / candidate
        try:
            os.link(temporary, path)
        except FileExistsError:
            if _same(path, size, sha256):
                return path
            continue
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # File systems without hard links have no way to rename without replacing.
            if os.path.lexists(path):
                if _same(path, size, sha256):
                    return path
                continue
            temporary.rename(path)
        return path
    raise StorageError(f"there are too many files called {name}")


def find_file(folder: Path, name: str, known: Callable[[bytes], bool]) -> Path | None:
    """The file that was delivered as `name` or "name (1)" and so on; None where it is gone.

    known  whether a file of this SHA-256 is the one
    """
    for candidate in candidates(name):
        path = folder / candidate
        try:
            found = _sha256(path)
        except OSError:
            continue
        if found is not None and known(found):
            return path
    return None


def _same(path: Path, size: int, sha256: bytes) -> bool:
    return path.lstat().st_size == size and _sha256(path) == sha256


def _sha256(path: Path) -> bytes | None:
    """The SHA-256 of a regular file that we may read."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return None
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(_READ_BYTES):
                digest.update(data)
    except PermissionError:
        return None
    return digest.digest()
