"""One transfer on its way in: counts what is there, rebuilds objects, knows what is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from framing import fountain, packet, records, replay
from framing.delivery import discard, find_file, plaintext, write_file
from framing.errors import (
    AuthenticationError,
    ExpiredError,
    ForgedSignatureError,
    ForgedTrailerError,
    FramingError,
    MalformedError,
    StorageError,
    TooLargeError,
    TransferError,
)
from framing.events import Progress, Received, Repeated
from framing.header import Header, Opened
from framing.keys import Keyring
from framing.names import safe_name
from framing.replay import Memory
from framing.spool import ObjectKey, TransferSpool
from framing.trailer import Part, Trailer

_PEEK_SYMBOLS = 32  # source symbols of the first block looked at for an early header
_LIMIT_SLACK = 4 << 20  # bytes of packets accepted beyond the limit of the file


class _Seen:
    """Which symbols of one object are there: a bit each."""

    def __init__(self, k: int) -> None:
        self._bits = bytearray()
        self.count = 0
        self.enough = k  # symbols at which rebuilding is tried (again)

    def add(self, esi: int) -> bool:
        """False where it was there already."""
        at, bit = esi >> 3, 1 << (esi & 7)
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 64 - len(self._bits)))
        if self._bits[at] & bit:
            return False
        self._bits[at] |= bit
        self.count += 1
        return True

    def discard(self, esi: int) -> None:
        self._bits[esi >> 3] &= ~(1 << (esi & 7))
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
        self._done: dict[int, int] = {}  # rebuilt data blocks and their source symbols
        self._first: dict[int, bytes] = {}  # the first source symbols of block 0
        self._header: bytes | None = None
        self._trailer: bytes | None = None
        self._blocks: int | None = None
        self._refused_header: bytes | None = None
        self._opened: Opened | None = None
        self.protection = ""
        self._load()

    # -- what is there ---------------------------------------------------------------------

    def _load(self) -> None:
        for number in self._spool.blocks():
            size = packet.symbol_bytes(number, self._spool.packet_bytes)
            data = self._spool.block(number)
            if data is None:
                continue
            with contextlib.suppress(MalformedError):
                self._absorb(number, data)
                self._done[number] = fountain.source_symbols(len(data), size)
        for key in self._spool.objects():
            if key.number in self._done:
                continue
            seen = self._objects.setdefault(key, _Seen(key.k))
            for found in self._spool.packets(key):
                seen.add(found.esi)
                self._peek(found)
        with contextlib.suppress(FramingError):  # it comes again with the next packet
            self.rebuild()

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
        self._peek(parsed)
        return True

    def _wanted(self, number: int) -> bool:
        if number == packet.HEADER:
            return self._header is None
        if number == packet.TRAILER:
            return self._header is None or self._trailer is None
        return number not in self._done and (self._blocks is None or number < self._blocks)

    def _check_limit(self) -> None:
        if self._limit is None:
            return
        symbols = sum(seen.count for seen in self._objects.values()) + sum(self._done.values())
        if symbols * self._spool.packet_bytes > 2 * self._limit + _LIMIT_SLACK:
            raise TooLargeError

    # -- rebuilding ------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Rebuild every object of which there are enough symbols. Raises MalformedError."""
        for key, seen in list(self._objects.items()):
            if seen.count >= seen.enough and key in self._objects and self._wanted(key.number):
                self._rebuild(key, seen)

    def _rebuild(self, key: ObjectKey, seen: _Seen) -> None:
        size = packet.symbol_bytes(key.number, self._spool.packet_bytes)
        symbols = {p.esi: p.symbol for p in self._spool.packets(key)}
        data = fountain.decode(symbols, key.k, size)
        if data is None:
            seen = self._objects[key] = _Seen(key.k)  # the disk may have lost some
            for esi in symbols:
                seen.add(esi)
            seen.enough = max(key.k, seen.count + 1)
            return
        self._absorb(key.number, data)
        if key.number >= 0:
            self._spool.store_block(key.number, data)
            self._done[key.number] = key.k
            for other in [o for o in self._objects if o.number == key.number]:
                del self._objects[other]

    def _absorb(self, number: int, data: bytes) -> None:
        """Take the keys out of a rebuilt object; those in data blocks are the ones that count."""
        for kind, body in records.parse(data):
            if kind == records.HEADER and (self._header is None or number == 0):
                self._set_header(body)
            elif kind == records.TRAILER and (self._trailer is None or number >= 0):
                blocks = Trailer.blocks_of(body)
                if number >= 0 and number != blocks - 1:
                    raise MalformedError
                self._trailer, self._blocks = body, blocks

    def _peek(self, parsed: packet.Packet) -> None:
        """The header stands at the very beginning: no need to wait for the whole block."""
        if self._header or parsed.number or parsed.esi >= min(parsed.k, _PEEK_SYMBOLS):
            return
        self._first[parsed.esi] = parsed.symbol
        start = b""
        for esi in range(_PEEK_SYMBOLS):
            if esi not in self._first:
                break
            start += self._first[esi]
        record = records.first(start)
        if record and record[0] == records.HEADER:
            self._set_header(record[1])

    def _set_header(self, header: bytes) -> None:
        self._first.clear()
        if header != self._header:
            self._header = header
            self._opened = None

    # -- opening ---------------------------------------------------------------------------

    def unlock(self) -> None:
        """Try the keys, once for each header. Raises a TransferError where they do not fit."""
        if self._header is None or self._opened or self._refused_header == self._header:
            return
        try:
            header = Header.parse(self._header)
            self.protection = header.protection
            self._opened = header.unlock(self._spool.transfer, self._ring)
        except TransferError:
            self._refused_header = self._header
            raise
        self._check_expiry(self._opened)
        size = self._opened.metadata.size
        if self._limit is not None and size is not None and size > self._limit:
            raise TooLargeError

    def _check_expiry(self, opened: Opened) -> None:
        expires = opened.metadata.expires
        if expires is not None and self._clock() >= expires:
            raise ExpiredError

    @property
    def complete(self) -> bool:
        """Nothing is missing (but maybe the key)."""
        return self._blocks is not None and len(self._done) == self._blocks

    @property
    def ready(self) -> bool:
        """Nothing is missing, the key included."""
        return self.complete and self._opened is not None

    def deliver(self, folder: Path) -> Received:
        """The verified file in `folder`. Raises TransferError or StorageError, leaving no file."""
        opened = self._opened
        if not (opened and self._header and self._trailer and self._blocks):
            raise RuntimeError("deliver() before the transfer is ready")
        self._check_expiry(opened)
        metadata = opened.metadata
        part = Part(self._spool.transfer, self._header)
        try:
            trailer = Trailer.open(self._trailer, opened.suite, part)
        except ForgedSignatureError:
            raise
        except AuthenticationError:
            raise ForgedTrailerError from None
        if trailer.blocks != self._blocks:
            raise MalformedError
        chunks = plaintext(
            self._stored_blocks(), opened.suite, trailer, metadata.encrypt_first, self._limit
        )
        path = write_file(
            folder,
            self._part,
            safe_name(metadata.name),
            chunks,
            trailer.sha256,
        )
        self._memory.add(self._header, int(self._clock()), trailer.sha256)
        self._ring.spend(opened.private_key)
        return Received(
            path=path,
            name=path.name,
            size=trailer.length,
            media=metadata.media,
            transfer_id=self._spool.transfer.hex(),
            protection=self.protection,
            sha256=trailer.sha256.hex(),
            signer=trailer.signer,
            signed_at=trailer.signed_at,
            expires=metadata.expires,
        )

    def repeated(self, folder: Path) -> Repeated | None:
        """What to say where this transfer was delivered before; None where it was not.

        Looks once for each header, before that is unlocked.
        """
        if self._header is None or self._opened or self._refused_header == self._header:
            return None
        delivery = self._memory.find(self._header)
        if delivery is None:
            return None
        path = None
        with contextlib.suppress(TransferError):  # without the key nobody knows the name
            self.unlock()
        if self._opened:
            self._ring.spend(self._opened.private_key)  # a crash may have come in between
            name = safe_name(self._opened.metadata.name)
            path = find_file(folder, name, partial(replay.of_file, self._header), delivery.file)
        return Repeated(self._spool.transfer.hex(), delivery.time, path)

    def _stored_blocks(self) -> Iterator[bytes]:
        for number in sorted(self._done):
            data = self._spool.block(number)
            if data is None:
                del self._done[number]
                raise StorageError("a stored block was lost from the spool; send it again")
            yield data

    @property
    def _part(self) -> str:
        return f".dialtone-{self._spool.transfer.hex()}"

    def delete(self, folder: Path) -> None:
        """Forget the transfer, and what an earlier run may have written of it into `folder`."""
        discard(folder, self._part)
        self._spool.delete()

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
        if self._blocks and seen_blocks:
            needed = max(known, round(known * self._blocks / seen_blocks))
        return Progress(
            transfer_id=self._spool.transfer.hex(),
            name=safe_name(self._opened.metadata.name) if self._opened else None,
            size=self._opened.metadata.size if self._opened else None,
            packet_bytes=self._spool.packet_bytes,
            have=have,
            needed=needed,
            exact=seen_blocks == self._blocks,
            header=self._header is not None,
            locked=self._header is not None and self._header == self._refused_header,
        )
