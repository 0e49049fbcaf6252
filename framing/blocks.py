"""Sending, first half: a stream is cut into chunks, these are sealed and joined to blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from framing import records
from framing.cipher import ChunkSealer
from framing.errors import SourceTooLargeError
from framing.huffman import CHUNK_BYTES, ENCRYPT_FIRST_BYTES, pack, pack_parts
from framing.trailer import room


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


class Blocks:
    """Reads the stream once and gives its blocks; `trailer` is there before the last of them."""

    def __init__(
        self,
        stream: BinaryIO,
        sealer: ChunkSealer,
        header: bytes,
        limit: int,
        encrypt_first: bool,
        signed: bool,
    ) -> None:
        self._stream = stream
        self.sealer = sealer
        self._header = header
        self._limit = limit
        self._encrypt_first = encrypt_first
        self._signed = signed
        self._chunk_bytes = ENCRYPT_FIRST_BYTES if encrypt_first else CHUNK_BYTES
        self.tables: list[bytes] = []
        self.length = 0
        self.digest = hashlib.sha256()

    def _chunks(self) -> Iterator[bytes]:
        """Chunk records; one chunk is held back until it is known whether it is the last."""
        most = self._chunk_bytes
        chunk = _read(self._stream, most)
        while True:
            following = _read(self._stream, most) if len(chunk) == most else b""
            self.length += len(chunk)
            self.digest.update(chunk)
            yield records.build(records.CHUNK, self._body(chunk, not following))
            if not following:
                return
            chunk = following

    def _body(self, chunk: bytes, last: bool) -> bytes:
        if not self._encrypt_first:
            return self.sealer.seal(pack(chunk), last)
        table, body = pack_parts(self.sealer.seal(chunk, last))
        self.tables.append(table)
        return body

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
        trailer = room(self.tables, self._signed)
        if trailer > self._limit // 2:
            raise SourceTooLargeError
        runs = _cut(held, self._limit - trailer)
        for i, run in enumerate(runs):
            yield run, len(runs) - 1 - i
