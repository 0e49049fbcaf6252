"""Receiving: packets of any transfers, in any order, from any recordings, become files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from functools import partial
from pathlib import Path
from typing import Self

from framing import packet
from framing.errors import (
    ExpiredError,
    LockError,
    MalformedError,
    StorageError,
    TooLargeError,
    TransferError,
    VersionError,
)
from framing.events import Progress, Received, Refused, Repeated
from framing.incoming import Attempt, Incoming
from framing.keys import Keyring, Keys
from framing.latest import Latest
from framing.partial import Partial
from framing.places import Loose, Naming, Place
from framing.replay import Memory, of_file
from framing.spool import Spool, TransferSpool

SPOOL_NAME = ".dialtone"
_KNOWN_MAX = 4096  # transfers that are remembered; of a forgotten one the replay memory knows
_TRUSTED_S = 3600.0  # a clock that is wrong after a start is right after so long

TransferKey = tuple[bytes, int]  # transfer id and packet size
Outcome = Received | Refused | Repeated


class Inbox:
    """Collects packets and puts whole, verified files into a folder.

    folder  where files go; made when needed
    keys    what transfers can be opened with
    spool   where unfinished transfers wait, default `folder/.dialtone`
    limit   largest file accepted [bytes]
    again   take transfers that were delivered before, too
    clock   seconds since 1970 UTC
    naming  from name and media type of a transfer to the name of the file that the program makes
            of what was received; see `replaced`
    place   where files go in another order than under their names in `folder`
    over    numbers of transfers (hexadecimal) of which no packet is wanted any more, though they
            may lie complete in the spool
    opener  where the keys are tried, which may take a second; `settle` has to be called then.
            None: within `put`, for which every later packet waits

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
        naming: Naming | None = None,
        place: Place | None = None,
        over: Iterable[str] = (),
        opener: futures.Executor | None = None,
    ) -> None:
        self._place = Loose(folder, naming) if place is None else place
        self._ring = Keyring(keys or Keys())
        self._limit = limit
        self._again = again
        self._clock = clock
        self._delivered: dict[str, tuple[bytes, bytes]] = {}  # digest and header, by id
        self._told = Latest[tuple[TransferKey, str]](_KNOWN_MAX)  # refusals, each once
        self._spoiled = Latest[TransferKey](_KNOWN_MAX)  # transfers with a part that was refused
        self._spool = Spool(folder / SPOOL_NAME if spool is None else spool)
        self._memory = Memory(self._spool.memory)
        self._over = Latest[TransferKey](_KNOWN_MAX)
        self._unwanted = frozenset(map(bytes.fromhex, over))
        self._opener = opener
        self._trying: dict[TransferKey, tuple[bytes, futures.Future[Attempt]]] = {}
        self.foreign = 0  # packets that were damaged or no packets of this kind
        self.duplicates = 0  # packets that brought nothing new
        self._transfers: dict[TransferKey, Incoming] = {}
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
        if key in self._over or parsed.transfer in self._unwanted:
            self.duplicates += 1
            return None
        incoming = self._transfers.get(key)
        if incoming is None:
            incoming = self._add(self._spool.transfer(*key))
        try:
            new = incoming.put(parsed, data)
        except TransferError as error:
            return self._refuse(key, error)
        if not new:
            self.duplicates += 1
        return self._advance(key)

    def resume(self) -> list[Outcome]:
        """Deliver transfers of earlier runs of which nothing is missing (any more)."""
        return list(self.resuming())

    def resuming(self) -> Iterator[Outcome]:
        """The same, one after the other: what the disk refuses does not hold up the others, and
        raises StorageError at the end."""
        failure: StorageError | None = None
        for ready in (lambda each: each.due, lambda each: each.complete):
            for key in [key for key, each in self._transfers.items() if ready(each)]:
                try:
                    outcome = self._advance(key)
                except StorageError as error:
                    failure = failure or error
                    continue
                if outcome is not None:
                    yield outcome
        if failure is not None:
            raise failure

    def _advance(self, key: TransferKey) -> Outcome | None:
        incoming = self._transfers[key]
        try:
            if incoming.due:
                try:
                    with self._spool.lock():
                        incoming.rebuild()
                except MalformedError as error:  # of one block, which may come again
                    self._spoiled.add(key)
                    return self._tell(key, error)
            if (header := incoming.to_open) is not None:
                attempt = self._attempt(key, header)
                if attempt is None:
                    return None
                incoming.unlock(header, attempt)
            if incoming.complete or incoming.lost:
                with self._spool.lock():
                    return self._complete(key)
        except TransferError as error:
            return self._refuse(key, error)
        return None

    def _attempt(self, key: TransferKey, header: bytes) -> Callable[[], Attempt] | None:
        """What the keys make of a header; None as long as the opener is busy with it."""
        attempt = partial(self._transfers[key].attempt, header)
        if self._opener is None:
            return attempt
        trying = self._trying.get(key)
        if trying is None or trying[0] != header:
            if trying is not None:
                trying[1].cancel()
            self._trying[key] = header, self._opener.submit(attempt)
            return None
        if not trying[1].done():
            return None
        return self._trying.pop(key)[1].result

    @property
    def settled(self) -> bool:
        """Nothing is left to `settle`."""
        return not self._trying

    def settle(self) -> Iterator[Outcome]:
        """What became of transfers whose keys have been tried in the opener meanwhile."""
        for key, tried in list(self._trying.items()):
            header, trying = tried
            outcome = self._advance(key) if key in self._transfers and trying.done() else None
            incoming = self._transfers.get(key)
            wanted = incoming is not None and incoming.to_open == header
            if self._trying.get(key) is tried and not wanted:
                trying.cancel()  # of what strangers begin and is dropped, any number may wait
                del self._trying[key]
            if outcome is not None:
                yield outcome

    def _complete(self, key: TransferKey) -> Outcome | None:
        """Deliver a transfer, unless its key is missing or another process has delivered it."""
        incoming = self._transfers[key]
        if incoming.lost:
            if before := self._memory.find(incoming.digest):
                self._finish(key)
                return Repeated(key[0].hex(), max(before.values()), None, None)
            if incoming.gone:  # refused by another process: it may come again
                del self._transfers[key]
                return None
        if not incoming.ready:
            return None
        outcome = incoming.deliver(self._place, self._again)
        if isinstance(outcome, Received):
            self._delivered[outcome.transfer_id] = incoming.digest, incoming.header
            if len(self._delivered) > _KNOWN_MAX:
                del self._delivered[next(iter(self._delivered))]
        self._finish(key)
        return outcome

    def _refuse(self, key: TransferKey, error: TransferError) -> Outcome | None:
        """What becomes of a transfer that cannot be taken.

        A key or a program that fits may come later, so such a transfer stays. Others start anew,
        as anybody could have sent the packet that spoiled them, but for those that are what their
        header says and unwanted.
        """
        incoming = self._transfers[key]
        if isinstance(error, LockError):
            before = {} if self._again else self._memory.find(incoming.digest)
            if before:  # delivered, with a key that is not there any more
                self._finish(key)
                return Repeated(key[0].hex(), max(before.values()), None, None)
        elif isinstance(error, ExpiredError | TooLargeError):
            self._finish(key)
        elif not isinstance(error, VersionError):
            self._transfers.pop(key).delete(self._place)
            self._spoiled.add(key)
        return self._tell(key, error)

    def _tell(self, key: TransferKey, error: TransferError) -> Refused | None:
        """Say why a transfer is refused; for each reason once."""
        new = self._told.add((key, type(error).__name__))
        if not new and not isinstance(error, LockError):
            return None
        return Refused(key[0].hex(), str(error), error.kind, type(error).__name__)

    def _finish(self, key: TransferKey) -> None:
        self._over.add(key)
        self._transfers.pop(key).delete(self._place)

    def replaced(self, received: Received, sha256: bytes) -> None:
        """The program has made another file of a received one: that is the one to look for where
        the transfer comes again. sha256: of the other file, 32 bytes."""
        transfer, header = self._delivered[received.transfer_id]
        file = of_file(header, received.signer, sha256)
        with self._spool.lock():
            self._memory.add(transfer, file, int(self._clock()))

    def tidy(self, keep_s: float, most: int) -> list[Progress]:
        """Drop unfinished transfers of which nothing new came for so long, and where there are
        more than `most`, those with the fewest packets; returns what was dropped.

        The age goes by the clock of the file system, which may jump: within an hour from when this
        inbox heard of it, or from its own start, no transfer is too old.
        """
        now = time.monotonic()
        old = [
            key
            for key, incoming in self._transfers.items()
            if now - incoming.heard_at >= min(keep_s, _TRUSTED_S)
            and self._clock() - incoming.stored_at() >= keep_s
        ]
        left = len(self._transfers) - len(old)
        if left > most:
            rest = sorted(self._transfers.keys() - set(old), key=self._size_of)
            old += rest[: left - most]
        dropped = [self._transfers[key].progress() for key in old]
        for key in old:
            self._transfers.pop(key).delete(self._place)
        return dropped

    def _size_of(self, key: TransferKey) -> tuple[int, float]:
        incoming = self._transfers[key]
        return incoming.progress().have, incoming.heard_at

    def progress(self, transfer_id: str) -> Progress | None:
        """How far an unfinished transfer is; None where there is none of this number."""
        for key in reversed(self._transfers):
            if key[0].hex() == transfer_id:
                return self._transfers[key].progress()
        return None

    def pending(self) -> list[Progress]:
        """Unfinished transfers, those of earlier runs included."""
        every = [incoming.progress() for incoming in self._transfers.values()]
        return [progress for progress in every if progress.have or progress.header]

    def partial(self, transfer_id: str) -> Partial | None:
        """The beginning of a file that is still arriving, NOT verified: only to be looked at.

        transfer_id  eight hexadecimal digits
        None where there is no such transfer, its header is missing or no key opens it. Changes
        nothing and writes nothing; to be called from where packets are put.
        """
        same = [each for key, each in self._transfers.items() if key[0].hex() == transfer_id]
        found = [partial for each in same if (partial := each.partial()) is not None]
        return max(found, key=lambda partial: len(partial.data), default=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what came of spoiled transfers after all and is not whole. Nothing is held open;
        all else that was put is in the spool already."""
        for key in self._spoiled:
            if key in self._transfers and not self._transfers[key].complete:
                self._transfers.pop(key).delete(self._place)
