"""Sending: a stream of bytes becomes packets.

The file is cut into chunks, the sealed chunks are joined to blocks, and each block is one
object of the fountain code. The first block starts with the key header, the last one ends with
the key trailer, so whoever can rebuild the blocks has everything. In longer transfers packets
with the header (and the trailer, as soon as it is known) come in between and at the end: a late
listener soon learns what this is and whether his key fits.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import IO, BinaryIO, Self

from framing import fountain, packet, records
from framing.cipher import ChunkSealer
from framing.errors import SourceError, SourceTooLargeError, StorageError
from framing.huffman import CHUNK_BYTES, pack
from framing.keys import TRAILER_BYTES, KeyChoice, Metadata, Trailer, build_header, new_suite
from framing.names import safe_name

BLOCK_BYTES = 1 << 20
KEYS_EVERY = 256  # packets of data between two copies of the keys
_TRAILER_ROOM = records.PREFIX_BYTES + TRAILER_BYTES
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


def _read(stream: BinaryIO, count: int) -> bytes:
    """Exactly `count` bytes, or what there is before the end: a pipe gives less at a time."""
    data = stream.read(count) or b""
    while 0 < len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            break
        data += more
    return data


def _cut(pieces: list[bytes], limit: int) -> list[list[bytes]]:
    """Join pieces to the fewest runs of at most `limit` bytes, about evenly."""
    total = sum(map(len, pieces))
    count = -(-total // limit)
    while True:
        runs: list[list[bytes]] = [[]]
        before = 0
        for piece in pieces:
            middle = before + len(piece) // 2
            if runs[-1] and middle >= len(runs) * total / count:
                runs.append([])
            runs[-1].append(piece)
            before += len(piece)
        if max(sum(map(len, run)) for run in runs) <= limit:
            return runs
        count += 1


def _keys_places(data: int) -> set[int]:
    """Data packets of a pass after which the keys come: evenly, the last ones at the end."""
    copies = data // KEYS_EVERY
    return {(i + 1) * data // copies for i in range(copies)}


class _Blocks:
    """Reads the stream once and gives its blocks; `trailer` is there before the last of them."""

    def __init__(self, stream: BinaryIO, sealer: ChunkSealer, header: bytes, limit: int) -> None:
        self._stream = stream
        self.sealer = sealer
        self._header = header
        self._limit = limit
        self.length = 0
        self.digest = hashlib.sha256()

    def _chunks(self) -> Iterator[bytes]:
        """Chunk records; one chunk is held back until it is known whether it is the last."""
        chunk = _read(self._stream, CHUNK_BYTES)
        while True:
            following = _read(self._stream, CHUNK_BYTES) if len(chunk) == CHUNK_BYTES else b""
            self.length += len(chunk)
            self.digest.update(chunk)
            yield records.build(records.CHUNK, self.sealer.seal(pack(chunk), not following))
            if not following:
                return
            chunk = following

    def runs(self) -> Iterator[tuple[list[bytes], int | None]]:
        """(records of a block, how many blocks still follow); None while nobody knows.

        Up to two blocks are held back, so that the last ones share what is left evenly: a short
        last block would have few repair symbols of its own.
        """
        held, size = [self._header], len(self._header)
        for record in self._chunks():
            held.append(record)
            size += len(record)
            if size > 2 * self._limit:
                run = [held.pop(0)]
                while sum(map(len, run)) + len(held[0]) <= self._limit:
                    run.append(held.pop(0))
                size -= sum(map(len, run))
                yield run, None
        runs = _cut(held, self._limit - _TRAILER_ROOM)
        for i, run in enumerate(runs):
            yield run, len(runs) - 1 - i


class Outgoing:
    """The packets of one transfer, an iterator of bytes objects of `packet_bytes` each.

    stream        binary, read once from where it stands
    name          file name that the receiver proposes; only its base name is sent
    key           Passphrase, ClearKey or Plain
    packet_bytes  64..4096
    size          bytes that the stream holds; None where nobody knows. A known size is read at
                  once, so that all counts are exact (beyond 4 MiB the sealed data waits in
                  a temporary file); an unknown one is read as the packets leave.
    media         media type, may be empty
    repair        extra share of packets, 0..10; at least one packet a block
    repeat        passes, each of different symbols; 0 never ends

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
        self._suite, stanzas = new_suite(key, self._id)
        self.name = safe_name(name)
        header = build_header(self._suite, stanzas, Metadata(self.name, media, size))
        self._header = records.build(records.HEADER, header)
        self._trailer = b""
        limit = min(BLOCK_BYTES, packet.SHORT.k_max * packet.symbol_bytes(0, packet_bytes))
        self._source = _Blocks(stream, ChunkSealer(self._suite), self._header, limit)
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
    def plan(self) -> Plan | None:
        """The costs; None where the size of the stream was not known."""
        if not self._known:
            return None
        data = sum(sum(self._counts(i, length)) for i, length in enumerate(self._lengths))
        each = data + len(_keys_places(data)) * self._keys_symbols()
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
        trailer = Trailer(blocks, source.sealer.count, source.length, source.digest.digest())
        return records.build(records.TRAILER, trailer.seal(self._suite))

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
                yield from self._pass(self._stored_blocks(), turn, _keys_places(data))
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
                if sent in keys_places if keys_places is not None else since == KEYS_EVERY:
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
