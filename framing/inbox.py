"""Receiving: packets of any transfers, in any order, from any recordings, become files."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from framing import packet
from framing.errors import LockError, StorageError, TransferError, VersionError
from framing.events import Progress, Received, Refused
from framing.incoming import Incoming
from framing.keys import passphrase_bytes
from framing.spool import Spool, TransferSpool

SPOOL_NAME = ".dialtone"


class Inbox:
    """Collects packets and puts whole, verified files into a folder.

    folder      where files go; made when needed
    passphrase  tried on transfers that are locked with one
    spool       where unfinished transfers wait, default `folder/.dialtone`
    limit       largest file accepted [bytes]

    A new inbox on the same folder goes on where the last one ended; `resume` delivers what was
    already complete and only lacked the key. Methods raise StorageError where the disk fails:
    what was stored stays, and the call can be repeated.
    """

    def __init__(
        self,
        folder: Path,
        *,
        passphrase: str | bytes | None = None,
        spool: Path | None = None,
        limit: int | None = None,
    ) -> None:
        self._folder = folder
        self._passphrases = () if passphrase is None else (passphrase_bytes(passphrase),)
        self._limit = limit
        self._spool = Spool(folder / SPOOL_NAME if spool is None else spool)
        self._over: set[tuple[bytes, int]] = set()
        self.foreign = 0  # packets that were damaged or no packets of this kind
        self.duplicates = 0  # packets that brought nothing new
        self._transfers: dict[tuple[bytes, int], Incoming] = {}
        for stored in self._spool.transfers():
            self._add(stored)

    def _add(self, stored: TransferSpool) -> Incoming:
        incoming = Incoming(stored, self._passphrases, self._limit)
        self._transfers[stored.transfer, stored.packet_bytes] = incoming
        return incoming

    def put(self, packet_data: bytes) -> Received | Refused | None:
        """Take one packet of any transfer; says so when that finishes or refuses a transfer."""
        data = bytes(packet_data)
        parsed = packet.parse(data)
        if parsed is None:
            self.foreign += 1
            return None
        key = parsed.transfer, len(data)
        if key in self._over:
            self.duplicates += 1
            return None
        incoming = self._transfers.get(key)
        if incoming is None:
            incoming = self._add(self._spool.transfer(*key))
        try:
            if not incoming.put(parsed, data):
                self.duplicates += 1
        except TransferError as error:
            return self._refuse(key, error)
        return self._advance(key)

    def resume(self) -> list[Received | Refused]:
        """Deliver transfers of earlier runs of which nothing is missing (any more)."""
        results: list[Received | Refused] = []
        for key, incoming in list(self._transfers.items()):
            try:
                incoming.rebuild()
            except TransferError as error:
                results.append(self._refuse(key, error))
                continue
            if incoming.complete and (result := self._advance(key)):
                results.append(result)
        return results

    def _advance(self, key: tuple[bytes, int]) -> Received | Refused | None:
        incoming = self._transfers[key]
        try:
            incoming.rebuild()
            incoming.unlock()
            if not incoming.ready:
                return None
            self._make_folder()
            received = incoming.deliver(self._folder)
        except TransferError as error:
            return self._refuse(key, error)
        self._finish(key)
        return received

    def _refuse(self, key: tuple[bytes, int], error: TransferError) -> Refused:
        """A key that does not fit may come later: such a transfer stays. Others are over."""
        if not isinstance(error, LockError | VersionError):
            self._finish(key)
        return Refused(key[0].hex(), str(error), error.kind, type(error).__name__)

    def _finish(self, key: tuple[bytes, int]) -> None:
        self._over.add(key)
        self._transfers.pop(key).delete()

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError.of("cannot make the folder for received files", error) from error

    def pending(self) -> list[Progress]:
        """Unfinished transfers, those of earlier runs included."""
        every = [incoming.progress() for incoming in self._transfers.values()]
        return [progress for progress in every if progress.have or progress.header]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open; all that was put is in the spool already."""
