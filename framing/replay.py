"""Replay memory: which transfers were delivered already, so that none is taken twice.

One file in the spool, a record of 40 bytes for each: a digest of the key header (16), the time
(8), and a digest of the file (16) that is salted with the key header, which stands nowhere in
the spool: neither names nor contents can be guessed from it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from framing.errors import StorageError
from framing.spool import write_all

_DIGEST_BYTES = 16
_TIME_BYTES = 8
_RECORD_BYTES = _DIGEST_BYTES + _TIME_BYTES + _DIGEST_BYTES
_RECORDS_MAX = 1 << 16  # beyond that the older half is forgotten


class Delivery(NamedTuple):
    """A delivered transfer: when [s since 1970], and the salted digest of its file."""

    time: int
    file: bytes


def _of_header(header: bytes) -> bytes:
    return hashlib.sha256(b"dialtone seen header" + header).digest()[:_DIGEST_BYTES]


def of_file(header: bytes, sha256: bytes) -> bytes:
    """The salted digest of a file of this SHA-256."""
    digest = hashlib.sha256(header).digest()
    return hashlib.sha256(b"dialtone seen file" + digest + sha256).digest()[:_DIGEST_BYTES]


class Memory:
    """The transfers that were delivered into one inbox, by any process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._known: dict[bytes, Delivery] = {}

    def find(self, header: bytes) -> Delivery | None:
        """The delivery of the transfer with this key header. Raises StorageError."""
        self._refresh()
        return self._known.get(_of_header(header))

    def add(self, header: bytes, time: int, sha256: bytes) -> None:
        """Remember a delivery, on disk. Raises StorageError."""
        self._refresh()
        record = _of_header(header) + time.to_bytes(_TIME_BYTES, "big") + of_file(header, sha256)
        try:
            if len(self._known) >= _RECORDS_MAX:
                self._forget_half()
            self._append(record)
        except OSError as error:
            raise StorageError.of("cannot remember a received transfer", error) from error

    def _append(self, record: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(handle).st_size
            os.ftruncate(handle, size - size % _RECORD_BYTES)  # what a crash cut short
            write_all(handle, record)
            os.fsync(handle)
        finally:
            os.close(handle)

    def _forget_half(self) -> None:
        part = self._path.with_suffix(".part")
        data = self._path.read_bytes()
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(handle, data[len(data) // _RECORD_BYTES // 2 * _RECORD_BYTES :])
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(self._path)

    def _refresh(self) -> None:
        """Read the file again if it changed: several processes may receive into one folder."""
        try:
            if self._path.stat().st_size == self._size:
                return
            data = self._path.read_bytes()
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise StorageError.of("cannot read the spool", error) from error
        self._size = len(data)
        self._known = dict(_records(data))


def _records(data: bytes) -> Iterator[tuple[bytes, Delivery]]:
    for at in range(0, len(data) - _RECORD_BYTES + 1, _RECORD_BYTES):
        header = data[at : at + _DIGEST_BYTES]
        time = int.from_bytes(data[at + _DIGEST_BYTES : at + _DIGEST_BYTES + _TIME_BYTES], "big")
        yield header, Delivery(time, data[at + _DIGEST_BYTES + _TIME_BYTES : at + _RECORD_BYTES])
