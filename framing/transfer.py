"""Sending: a stream of bytes becomes packets.

The file is cut into chunks, the sealed chunks are joined to blocks, and each block is one
object of the fountain code. The first block starts with the key header, the last one ends with
the key trailer, so whoever can rebuild the blocks has everything. In longer transfers packets
with the header (and the trailer, as soon as it is known) come in between and at the end: a late
listener soon learns what this is and whether his key fits.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import IO, BinaryIO, Self

from framing import fountain, huffman, packet, records
from framing.blocks import Blocks
from framing.cipher import ChunkSealer
from framing.errors import SourceError, SourceTooLargeError, StorageError
from framing.header import Metadata, NewKey, build_header, header_bytes
from framing.identity import Identity
from framing.keys import Keys
from framing.locks import KeyChoice
from framing.names import safe_name
from framing.trailer import Part, Trailer

BLOCK_BYTES = 1 << 20
KEYS_EVERY = 256  # packets of data between two copies of the keys
_KEYS_SHARE = 50  # and at least so many times the packets of one copy: 2 % of the air time
_IN_MEMORY_BYTES = 4 << 20  # larger files wait, sealed, in a temporary file


@dataclass(frozen=True, slots=True)
class Plan:
    """What a transfer costs. `packets` counts all passes, None for an endless transfer."""

    packets: int | None
    packets_per_pass: int
    packet_bytes: int
    file_bytes: int
    sealed_bytes: int
    blocks: int

    @property
    def air_bytes_per_pass(self) -> int:
        return self.packets_per_pass * self.packet_bytes

    @property
    def overhead(self) -> float:
        """Bytes of one pass beyond the file, as a share of the file."""
        return self.air_bytes_per_pass / max(self.file_bytes, 1) - 1


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise StorageError.of("cannot keep the sealed data", error) from error


def _keys_places(data: int, every: int) -> set[int]:
    """Data packets of a pass after which the keys come: evenly, the last ones at the end."""
    copies = data // every
    return {(i + 1) * data // copies for i in range(copies)}


class Outgoing:
    """The packets of one transfer, an iterator of bytes objects of `packet_bytes` each.

    stream        binary, read once from where it stands
    name          file name that the receiver proposes; only its base name is sent
    key           Plain, or one lock or several: Passphrase, Recipient, SharesRecipient,
                  RsaRecipient, ClearKey
    packet_bytes  64..4096
    size          bytes that the stream holds; None where nobody knows. A known size is read at
                  once, so that all counts are exact (beyond 4 MiB the sealed data waits in
                  a temporary file); an unknown one is read as the packets leave.
    media         media type, may be empty
    repair        extra share of packets, 0..10; at least one packet a block
    repeat        passes, each of different symbols; 0 never ends
    signer        identity that signs the transfer
    expires       seconds since 1970 UTC from which on receivers refuse it
    encrypt_first chunks are sealed first and packed then, with the code tables in the trailer
    preview       at most 255 bytes in the key header, to be shown until the file is there; left
                  out where the header fits into one packet only without it

    Raises SourceError where the stream does not hold `size` bytes, SourceTooLargeError beyond
    32768 blocks, StorageError where the temporary file does not fit, ValueError for a wrong call.
    What the stream raises goes through.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        name: str,
        key: KeyChoice,
        packet_bytes: int,
        size: int | None = None,
        media: str = "",
        repair: float = 0.05,
        repeat: int = 1,
        signer: Identity | None = None,
        expires: int | None = None,
        encrypt_first: bool = False,
        preview: bytes = b"",
    ) -> None:
        if not packet.PACKET_BYTES_MIN <= packet_bytes <= packet.PACKET_BYTES_MAX:
            low, high = packet.PACKET_BYTES_MIN, packet.PACKET_BYTES_MAX
            raise ValueError(f"packet_bytes must be {low}..{high}, got {packet_bytes}")
        if not 0 <= repair <= 10:
            raise ValueError(f"repair must be 0..10, got {repair}")
        if repeat < 0:
            raise ValueError(f"repeat must be >= 0, got {repeat}")
        self._id = secrets.token_bytes(4)
        self._packet_bytes = packet_bytes
        self._repair = repair
        self._repeat = repeat
        huffman.load()  # while another core may still be at a passphrase's scrypt
        self._key = NewKey.make(key, self._id)
        self._signer = signer
        self.name = safe_name(name)
        metadata = Metadata(self.name, media, size, expires, encrypt_first, preview)
        if self._alone_in_one_packet(metadata):
            metadata = replace(metadata, preview=b"")
        header = build_header(self._key.suite, self._key.stanzas, metadata)
        self._part = Part(self._id, header)
        self._header = records.build(records.HEADER, header)
        self._trailer = b""
        limit = min(BLOCK_BYTES, packet.SHORT.k_max * packet.symbol_bytes(0, packet_bytes))
        self._source = Blocks(
            stream,
            ChunkSealer(self._key.suite),
            self._header,
            limit,
            encrypt_first,
            signer is not None,
        )
        self._lengths: list[int] = []
        self._keys_turn = 0
        self._complete = False
        self._known = size is not None
        self._keep = self._known or repeat != 1
        in_memory = not self._keep or (size is not None and size <= _IN_MEMORY_BYTES)
        self._store: IO[bytes] = BytesIO() if in_memory else _temporary_file()
        if size is not None:
            for _ in self._seal_blocks():
                pass
            if self._source.length != size:
                raise SourceError
        self._packets = self._run()

    def _alone_in_one_packet(self, metadata: Metadata) -> bool:
        """Whether the header fits into one packet without the preview only."""
        room = packet.symbol_bytes(packet.HEADER, self._packet_bytes) - records.PREFIX_BYTES
        with_preview, without = (
            header_bytes(self._key.stanzas, each)
            for each in (metadata, replace(metadata, preview=b""))
        )
        return without <= room < with_preview

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._packets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the temporary file."""
        self._packets.close()
        self._store.close()

    @property
    def transfer_id(self) -> str:
        """Eight hexadecimal digits."""
        return self._id.hex()

    @property
    def keys(self) -> Keys:
        """Keys that open this transfer and no other, whoever it is for."""
        return self._key.keys

    @property
    def plan(self) -> Plan | None:
        """The costs; None where the size of the stream was not known."""
        if not self._known:
            return None
        data = sum(sum(self._counts(i, length)) for i, length in enumerate(self._lengths))
        each = data + len(_keys_places(data, self._keys_every())) * self._keys_symbols()
        return Plan(
            each * self._repeat if self._repeat else None,
            each,
            self._packet_bytes,
            self._source.length,
            sum(self._lengths),
            len(self._lengths),
        )

    @property
    def packet_count(self) -> int | None:
        """Packets of all passes; None where endless or not known."""
        plan = self.plan
        return plan.packets if plan else None

    def _counts(self, number: int, length: int) -> tuple[int, int]:
        """Source and repair symbols of a block."""
        k = fountain.source_symbols(length, packet.symbol_bytes(number, self._packet_bytes))
        return k, fountain.repair_symbols(k, self._repair)

    def _keys_symbols(self) -> int:
        length = len(self._header) + len(self._trailer)
        return fountain.source_symbols(
            length, packet.symbol_bytes(packet.HEADER, self._packet_bytes)
        )

    def _keys_every(self) -> int:
        return max(KEYS_EVERY, _KEYS_SHARE * self._keys_symbols())

    def _seal_blocks(self) -> Iterator[bytes]:
        """The blocks as they are made, kept where later passes need them."""
        for run, following in self._source.runs():
            number = len(self._lengths)
            if number + (following or 0) >= packet.BLOCKS_MAX:
                raise SourceTooLargeError
            if following is not None and not self._trailer:
                self._trailer = self._trailer_record(number + following + 1)
            block = b"".join(run) + (self._trailer if following == 0 else b"")
            self._lengths.append(len(block))
            self._complete = following == 0
            if self._keep:
                try:
                    self._store.write(block)
                except OSError as error:
                    raise StorageError.of("cannot keep the sealed data", error) from error
            yield block

    def _trailer_record(self, blocks: int) -> bytes:
        source = self._source
        trailer = Trailer(
            blocks,
            source.sealer.count,
            source.length,
            source.digest.digest(),
            tuple(source.tables),
        )
        sealed = trailer.seal(self._key.suite, self._part, self._signer, int(time.time()))
        return records.build(records.TRAILER, sealed)

    def _stored_blocks(self) -> Iterator[bytes]:
        at = 0
        for length in self._lengths:
            self._store.seek(at)
            yield self._store.read(length)
            at += length

    def _run(self) -> Generator[bytes, None, None]:
        turn = 0
        while not self._repeat or turn < self._repeat:
            if self._complete:
                data = sum(sum(self._counts(i, length)) for i, length in enumerate(self._lengths))
                places = _keys_places(data, self._keys_every())
                yield from self._pass(self._stored_blocks(), turn, places)
            else:
                yield from self._pass(self._seal_blocks(), turn, None)
            turn += 1

    def _pass(
        self, blocks: Iterator[bytes], turn: int, keys_places: set[int] | None
    ) -> Iterator[bytes]:
        """All blocks once. The keys come after `keys_places` packets of data, or in a stream
        of unknown length whenever they are due."""
        sent = since = 0
        for number, block in enumerate(blocks):
            k, repair = self._counts(number, len(block))
            for made in self._packets_of(number, block, k + repair, turn):
                yield made
                sent += 1
                since += 1
                if sent in keys_places if keys_places is not None else since >= self._keys_every():
                    yield from self._keys()
                    since = 0
        if keys_places is None and since >= KEYS_EVERY // 2:
            yield from self._keys()

    def _keys(self) -> Iterator[bytes]:
        """The header, and with it the trailer as soon as there is one."""
        number = packet.TRAILER if self._trailer else packet.HEADER
        turn, self._keys_turn = self._keys_turn, self._keys_turn + 1
        data = self._header + self._trailer
        return self._packets_of(number, data, self._keys_symbols(), turn)

    def _packets_of(self, number: int, data: bytes, count: int, turn: int) -> Iterator[bytes]:
        size = packet.symbol_bytes(number, self._packet_bytes)
        k = fountain.source_symbols(len(data), size)
        ids = packet.form_of(number).esi_count
        for esi, symbol in fountain.encode(data, size, count, turn, ids):
            yield packet.build(self._id, number, k, esi, symbol)
