"""Replay memory: which transfers were delivered already, so that none is taken twice.

One file in the spool, a record of 40 bytes for each: a digest of the transfer's id and key header
(16), the time (8), and a digest of the file and its signer (16) that is salted with the key
header, which stands nowhere in the spool: neither names nor contents can be guessed from it.

Whoever knows the header of a transfer can send other chunks behind it: only a transfer of the
same content and the same signer is a repetition.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from framing.errors import StorageError
from framing.spool import write_all

_DIGEST_BYTES = 16
_TIME_BYTES = 8
_RECORD_BYTES = _DIGEST_BYTES + _TIME_BYTES + _DIGEST_BYTES
_RECORDS_MAX = 1 << 16  # beyond that the older half is forgotten


def of_transfer(transfer: bytes, header: bytes) -> bytes:
    """The digest by which a transfer is found: its id (4 bytes) and its key header."""
    return hashlib.sha256(b"dialtone seen header" + transfer + header).digest()[:_DIGEST_BYTES]


def of_file(header: bytes, signer: bytes | None, sha256: bytes) -> bytes:
    """The salted digest of a file of this SHA-256 that this Ed25519 key has signed, or nobody."""
    salt = hashlib.sha256(header).digest() + (signer or bytes(32))
    return hashlib.sha256(b"dialtone seen file" + salt + sha256).digest()[:_DIGEST_BYTES]


class Memory:
    """The transfers that were delivered into one inbox, by any process.

    Those who add hold the spool's lock. Methods raise StorageError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._known: dict[bytes, dict[bytes, int]] = {}

    def find(self, transfer: bytes) -> dict[bytes, int]:
        """What was delivered of the transfer of this digest: digests of files, with the time of
        the delivery [s since 1970]."""
        self._refresh()
        return self._known.get(transfer, {})

    def add(self, transfer: bytes, file: bytes, time: int) -> None:
        """Remember a delivery, on disk, by the digests of the transfer and of its file."""
        self._refresh()
        if file in self._known.get(transfer, {}):
            return
        record = transfer + time.to_bytes(_TIME_BYTES, "big") + file
        try:
            if sum(map(len, self._known.values())) >= _RECORDS_MAX:
                self._forget_half()
            self._append(record)
        except OSError as error:
            raise StorageError.of("cannot remember a received transfer", error) from error

    def _append(self, record: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        handle = os.open(self._path, flags, 0o600)
        try:
            if torn := os.fstat(handle).st_size % _RECORD_BYTES:  # a crash cut it short
                os.ftruncate(handle, os.fstat(handle).st_size - torn)
            write_all(handle, record)
            os.fsync(handle)
        finally:
            os.close(handle)

    def _forget_half(self) -> None:
        part = self._path.with_suffix(".part")
        data = self._path.read_bytes()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        handle = os.open(part, flags, 0o600)
        try:
            write_all(handle, data[len(data) // _RECORD_BYTES // 2 * _RECORD_BYTES :])
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(self._path)

    def _refresh(self) -> None:
        """Read the file again if it changed: several processes may receive into one folder."""
        try:
            status = self._path.lstat()
            stamp = status.st_ino, status.st_size
            if stamp == self._stamp:
                return
            data = self._path.read_bytes()
        except FileNotFoundError:
            stamp, data = None, b""
        except OSError as error:
            raise StorageError.of("cannot read the spool", error) from error
        self._stamp = stamp
        self._known = {}
        for transfer, time, file in _records(data):
            self._known.setdefault(transfer, {})[file] = time


def _records(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    for at in range(0, len(data) - _RECORD_BYTES + 1, _RECORD_BYTES):
        record = data[at : at + _RECORD_BYTES]
        time = int.from_bytes(record[_DIGEST_BYTES : _DIGEST_BYTES + _TIME_BYTES], "big")
        yield record[:_DIGEST_BYTES], time, record[_DIGEST_BYTES + _TIME_BYTES :]
