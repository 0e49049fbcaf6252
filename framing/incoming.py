"""One transfer on its way in: counts what is there, rebuilds objects, knows what is missing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from framing import fountain, packet, replay
from framing.delivery import plaintext
from framing.ends import Ends
from framing.errors import (
    AuthenticationError,
    ExpiredError,
    ForgedSignatureError,
    ForgedTrailerError,
    LockError,
    MalformedError,
    StorageError,
    TooLargeError,
    TransferError,
    VersionError,
)
from framing.events import Progress, Received, Repeated
from framing.header import Header, Opened
from framing.keys import Keyring
from framing.names import safe_name
from framing.partial import Partial, partial_of
from framing.places import Place
from framing.replay import Memory
from framing.spool import ObjectKey, TransferSpool
from framing.trailer import Part, Trailer

_PAGE_BITS = 8  # log2 of the symbol ids that are remembered in one number
_PAGE_MASK = (1 << _PAGE_BITS) - 1
_SPARE = 3  # symbols beyond k that are used: with as many, one object in 10**7 is not solvable
_LIMIT_SLACK = 4 << 20  # bytes of packets accepted beyond the limit of the file

Attempt = tuple[str, Opened]  # how the transfer is protected, and its header, open


class _Seen:
    """Which symbols of one object are there: a bit each, in pages that are made when needed."""

    def __init__(self, k: int) -> None:
        self._pages: dict[int, int] = {}
        self.count = 0
        self.enough = k  # symbols at which rebuilding is tried (again)

    def add(self, esi: int) -> bool:
        """False where it was there already."""
        page, bit = esi >> _PAGE_BITS, 1 << (esi & _PAGE_MASK)
        bits = self._pages.get(page, 0)
        if bits & bit:
            return False
        self._pages[page] = bits | bit
        self.count += 1
        return True

    def discard(self, esi: int) -> None:
        self._pages[esi >> _PAGE_BITS] &= ~(1 << (esi & _PAGE_MASK))
        self.count -= 1


class Incoming:
    """State of one transfer; everything that must last is in its spool.

    Its methods raise a TransferError where the transfer is refused, StorageError where the disk
    fails; after that they can be called again.
    """

    def __init__(
        self,
        spool: TransferSpool,
        ring: Keyring,
        memory: Memory,
        limit: int | None,
        clock: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._ring = ring
        self._memory = memory
        self._limit = limit
        self._clock = clock
        self._objects: dict[ObjectKey, _Seen] = {}
        self._due: set[ObjectKey] = set()  # those that can be rebuilt
        self._done: dict[int, int] = {}  # rebuilt data blocks and their source symbols
        self._ends = Ends()
        self._refused_header: bytes | None = None
        self._opened: Opened | None = None
        self._opened_header: bytes | None = None
        self._lost = False  # packets that were stored are not there any more
        self._newer = False  # no packet helps any more: only another version reads it
        self.protection = ""
        self.heard_at = time.monotonic()  # when something new came, or this program began [s]
        self._load()

    # -- what is there ---------------------------------------------------------------------

    def _load(self) -> None:
        for number in self._spool.blocks():
            size = packet.symbol_bytes(number, self._spool.packet_bytes)
            data = self._spool.block(number)
            if data is None:
                continue
            with contextlib.suppress(MalformedError):
                self._ends.absorb(number, data)
                self._done[number] = fountain.source_symbols(len(data), size)
        for key in self._spool.objects():
            if key.number in self._done:
                continue
            seen = self._objects.setdefault(key, _Seen(key.k))
            for found in self._spool.packets(key):
                seen.add(found.esi)
                self._ends.peek(found)
            if seen.count >= seen.enough:
                self._due.add(key)

    def put(self, parsed: packet.Packet, data: bytes) -> bool:
        """Take one packet; False where it brought nothing new."""
        if not self._wanted(parsed.number):
            return False
        key = ObjectKey(parsed.number, parsed.k)
        seen = self._objects.setdefault(key, _Seen(key.k))
        if not seen.add(parsed.esi):
            return False
        try:
            self._check_limit()
            self._spool.append(key, data)
        except StorageError:
            seen.discard(parsed.esi)
            raise
        self.heard_at = time.monotonic()
        self._ends.peek(parsed)
        if seen.count >= seen.enough:
            self._due.add(key)
        return True

    def _wanted(self, number: int) -> bool:
        return self._ends.wants(number) if number < 0 else number not in self._done

    def _check_limit(self) -> None:
        if self._limit is None:
            return
        symbols = sum(seen.count for seen in self._objects.values()) + sum(self._done.values())
        if symbols * self._spool.packet_bytes > 2 * self._limit + _LIMIT_SLACK:
            raise TooLargeError

    # -- rebuilding ------------------------------------------------------------------------

    @property
    def due(self) -> bool:
        """Something can be rebuilt."""
        return bool(self._due)

    def rebuild(self) -> None:
        """Rebuild every object of which there are enough symbols.

        Raises MalformedError where a data block makes no sense: it is forgotten.
        """
        if self._due and not self._spool.exists():
            self._lost = True
            return
        for key in sorted(self._due):
            self._due.discard(key)
            if key in self._objects and self._wanted(key.number):
                self._rebuild(key)

    def _rebuild(self, key: ObjectKey) -> None:
        size = packet.symbol_bytes(key.number, self._spool.packet_bytes)
        symbols = {p.esi: p.symbol for p in self._spool.packets(key)}
        self._lost = len(symbols) < self._objects[key].count
        latest = dict(list(symbols.items())[-key.k - _SPARE :])
        data = fountain.decode(latest, key.k, size)
        if data is None:
            seen = self._objects[key] = _Seen(key.k)  # the disk may have lost some
            for esi in symbols:
                seen.add(esi)
            # Whoever chooses the ids can make any number of symbols that solve nothing: so each
            # attempt waits for as many beyond k as were there at the last one.
            seen.enough = max(key.k, seen.count + 1, 2 * seen.count - key.k)
            return
        try:
            self._ends.absorb(key.number, data)
        except MalformedError:
            self._drop([key])
            raise
        if key.number >= 0:
            self._spool.store_block(key.number, data)
            self._done[key.number] = key.k
            self._drop([other for other in self._objects if other.number == key.number])
        elif self._wanted(key.number):  # these were none: the next ones may be
            self._drop([key])

    def _drop(self, keys: list[ObjectKey]) -> None:
        for key in keys:
            self._spool.drop(key)
            del self._objects[key]

    # -- opening ---------------------------------------------------------------------------

    @property
    def to_open(self) -> bytes | None:
        """A header on which the keys have not been tried."""
        header = self._ends.header
        return None if header in (self._opened_header, self._refused_header) else header

    def attempt(self, header: bytes) -> Attempt:
        """Try the keys. It changes nothing here and may be called in another thread."""
        parsed = Header.parse(header)
        return parsed.protection, parsed.unlock(self._spool.transfer, self._ring)

    def unlock(self, header: bytes, attempt: Callable[[], Attempt]) -> None:
        """Take what the keys made of a header. Raises a TransferError where they do not fit.

        A header that makes no sense is refused only if it stands in the rebuilt first block.
        """
        self._opened = self._opened_header = None
        try:
            self._open(header, *attempt())
        except (LockError, VersionError):
            self._refused_header = header
            raise
        except TransferError:
            if self._ends.sure:
                self._refused_header = header
                raise
            self._ends.drop_guess()

    def _open(self, header: bytes, protection: str, opened: Opened) -> None:
        self._check_expiry(opened)
        size = opened.metadata.size
        if self._limit is not None and size is not None and size > self._limit:
            raise TooLargeError
        self.protection = protection
        self._opened, self._opened_header = opened, header

    def _check_expiry(self, opened: Opened) -> None:
        expires = opened.metadata.expires
        if expires is not None and self._clock() >= expires:
            raise ExpiredError

    @property
    def complete(self) -> bool:
        """Nothing is missing (but maybe the key)."""
        return self._ends.trailer(self._done) is not None

    @property
    def ready(self) -> bool:
        """Nothing is missing, the key included, and it was not in vain before."""
        open_now = self._opened is not None and self.to_open is None
        return self.complete and open_now and not self._newer

    @property
    def gone(self) -> bool:
        """Nothing is in the spool any more: another process was faster."""
        return not self._spool.exists()

    def stored_at(self) -> float:
        """When something was stored last, by the clock of the file system [s since 1970]."""
        return self._spool.changed_at()

    @property
    def lost(self) -> bool:
        """Something that was in the spool is not there any more."""
        return self._lost or (self.complete and self.gone)

    @property
    def digest(self) -> bytes:
        """What the replay memory knows this transfer by."""
        return replay.of_transfer(self._spool.transfer, self._ends.header or b"")

    def deliver(self, place: Place, again: bool) -> Received | Repeated:
        """Give the verified file to `place`. Raises TransferError or StorageError, leaving no file.

        again  take it even if it was delivered before
        """
        try:
            return self._deliver(place, again)
        except VersionError:
            self._newer = True
            raise

    def _deliver(self, place: Place, again: bool) -> Received | Repeated:
        opened, header, last = self._opened, self._opened_header, self._ends.trailer(self._done)
        if opened is None or header is None or last is None:
            raise RuntimeError("deliver() before the transfer is ready")
        self._check_expiry(opened)
        blocks, raw = last
        trailer = self._open_trailer(raw, opened, header)
        metadata = opened.metadata
        if trailer.blocks != blocks or metadata.size not in (None, trailer.length):
            raise MalformedError
        name = safe_name(metadata.name)
        received = Received(
            path=Path(name),
            name=name,
            size=trailer.length,
            media=metadata.media,
            transfer_id=self.transfer_id,
            protection=self.protection,
            sha256=trailer.sha256.hex(),
            signer=trailer.signer,
            signed_at=trailer.signed_at,
            expires=metadata.expires,
        )

        def digest_of(sha256: bytes) -> bytes:
            return replay.of_file(header, trailer.signer, sha256)

        before = self._memory.find(self.digest)
        received_at = before.get(digest_of(trailer.sha256))
        if received_at is not None and not again:
            self._spend(opened)
            path = place.find(received, lambda sha256: digest_of(sha256) in before)
            return Repeated(self.transfer_id, received_at, place.name_of(received), path)
        stored = self._stored_blocks(blocks)
        chunks = plaintext(stored, opened.suite, trailer, metadata.encrypt_first, self._limit)
        path = place.put(received, chunks)
        # In this order: whatever a crash leaves undone is done at the next start, and what the
        # memory knows needs no key any more.
        self._spend(opened)
        self._memory.add(self.digest, digest_of(trailer.sha256), int(self._clock()))
        return replace(received, path=path, name=path.name)

    def _open_trailer(self, raw: bytes, opened: Opened, header: bytes) -> Trailer:
        try:
            return Trailer.open(raw, opened.suite, Part(self._spool.transfer, header))
        except ForgedSignatureError:
            raise
        except AuthenticationError:
            raise ForgedTrailerError from None

    def _spend(self, opened: Opened) -> None:
        try:
            self._ring.spend(opened.private_key)
        except OSError as error:
            raise StorageError.of("cannot erase the one-time key", error) from error

    @property
    def header(self) -> bytes:
        """The key header; empty as long as it is missing."""
        return self._ends.header or b""

    def _stored_blocks(self, blocks: int) -> Iterator[bytes]:
        for number in range(blocks):
            data = self._spool.block(number)
            if data is None:
                del self._done[number]
                raise StorageError("a stored block was lost from the spool; send it again")
            yield data

    @property
    def transfer_id(self) -> str:
        """Eight hexadecimal digits."""
        return self._spool.transfer.hex()

    def delete(self, place: Place) -> None:
        """Forget the transfer, and what an earlier run may have left of it in `place`."""
        place.discard(self.transfer_id)
        self._spool.delete()

    def partial(self) -> Partial | None:
        """The beginning of the file, not verified; None where no key has opened the header."""
        opened, header = self._opened, self._opened_header
        if opened is None or header is None or header != self._ends.header:
            return None
        with contextlib.suppress(ExpiredError):
            self._check_expiry(opened)
            symbols = {key: seen.count for key, seen in self._objects.items()}
            return partial_of(self._spool, header, opened, self._done, symbols)
        return None

    def progress(self) -> Progress:
        """How far it is."""
        partial: dict[int, tuple[int, int]] = {}
        for key, seen in self._objects.items():
            if key.number >= 0:
                have, k = partial.get(key.number, (0, key.k))
                partial[key.number] = max(have, min(seen.count, key.k)), k
        have = sum(self._done.values()) + sum(have for have, _ in partial.values())
        known = sum(self._done.values()) + sum(k for _, k in partial.values())
        seen_blocks = len(self._done) + len(partial)
        needed = known
        blocks = self._ends.blocks
        if blocks and seen_blocks:
            needed = max(known, round(known * blocks / seen_blocks))
        return Progress(
            transfer_id=self._spool.transfer.hex(),
            name=safe_name(self._opened.metadata.name) if self._opened else None,
            size=self._opened.metadata.size if self._opened else None,
            packet_bytes=self._spool.packet_bytes,
            have=have,
            needed=needed,
            exact=seen_blocks == blocks,
            header=self._ends.header is not None,
            locked=self._ends.header is not None and self._ends.header == self._refused_header,
        )
