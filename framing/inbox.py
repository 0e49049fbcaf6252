"""Receiving: packets of any transfers, in any order, from any recordings, become files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from framing import packet
from framing.errors import LockError, StorageError, TransferError, VersionError
from framing.events import Progress, Received, Refused, Repeated
from framing.incoming import Incoming
from framing.keys import Keyring, Keys
from framing.replay import Memory
from framing.spool import Spool, TransferSpool

SPOOL_NAME = ".dialtone"

Outcome = Received | Refused | Repeated


class Inbox:
    """Collects packets and puts whole, verified files into a folder.

    folder  where files go; made when needed
    keys    what transfers can be opened with
    spool   where unfinished transfers wait, default `folder/.dialtone`
    limit   largest file accepted [bytes]
    again   take transfers that were delivered before, too
    clock   seconds since 1970 UTC

    A new inbox on the same folder goes on where the last one ended; `resume` delivers what was
    already complete and only lacked the key. Methods raise StorageError where the disk fails:
    what was stored stays, and the call can be repeated.
    """

    def __init__(
        self,
        folder: Path,
        keys: Keys | None = None,
        *,
        spool: Path | None = None,
        limit: int | None = None,
        again: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._ring = Keyring(keys or Keys())
        self._limit = limit
        self._again = again
        self._clock = clock
        self._spool = Spool(folder / SPOOL_NAME if spool is None else spool)
        self._memory = Memory(self._spool.memory)
        self._over: set[tuple[bytes, int]] = set()
        self.foreign = 0  # packets that were damaged or no packets of this kind
        self.duplicates = 0  # packets that brought nothing new
        self._transfers: dict[tuple[bytes, int], Incoming] = {}
        for stored in self._spool.transfers():
            self._add(stored)

    def _add(self, stored: TransferSpool) -> Incoming:
        incoming = Incoming(stored, self._ring, self._memory, self._limit, self._clock)
        self._transfers[stored.transfer, stored.packet_bytes] = incoming
        return incoming

    def put(self, packet_data: bytes) -> Outcome | None:
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

    def resume(self) -> list[Outcome]:
        """Deliver transfers of earlier runs of which nothing is missing (any more)."""
        results: list[Outcome] = []
        for key, incoming in list(self._transfers.items()):
            try:
                incoming.rebuild()
            except TransferError as error:
                results.append(self._refuse(key, error))
                continue
            if incoming.complete and (result := self._advance(key)):
                results.append(result)
        return results

    def _advance(self, key: tuple[bytes, int]) -> Outcome | None:
        incoming = self._transfers[key]
        try:
            incoming.rebuild()
            if not self._again and (repeated := incoming.repeated(self._folder)):
                self._finish(key)
                return repeated
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
        self._transfers.pop(key).delete(self._folder)

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
