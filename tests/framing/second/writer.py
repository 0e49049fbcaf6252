"""From a file to packets (README: Records, Key header, Chunk, Key trailer)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .locks import Plain, Random, Sealed, Stanza, Suite
from .packets import (
    CHUNK,
    HEADER,
    KEYS,
    KEYS_WITH_TRAILER,
    TRAILER,
    field,
    number,
    record,
    to_packets,
)
from .packing import pack
from .reader import (
    CHUNK_BYTES,
    CODE_TABLE,
    ENCRYPT_FIRST,
    EXPIRES,
    MEDIA,
    NAME,
    SEALED_CHUNK_BYTES,
    SIGNATURE,
    SIZE,
)
from .texts import Identity, digest

MAX_BLOCK = 1 << 20


def random_bytes(seed: str) -> Random:
    """A source of bytes that only look random: SHAKE-256 of a text, read on and on."""
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        return hashlib.shake_256(seed.encode()).digest(at)[at - size :]

    return read


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What to send and how; without stanzas it is plain.

    `most` bounds the bytes of a block. The rest is for transfers that no sender writes: further
    fields before those of the metadata and before the signature, no code tables, another size of
    chunks, another packer, and blocks to be changed before they are sent.
    """

    file: bytes
    name: str
    media: str | None = None
    packet_bytes: int = 350
    stanzas: Sequence[Stanza] = ()
    signer: Identity | None = None
    signed: int = 0
    expires: int | None = None
    encrypt_first: bool = False
    sized: bool = True
    most: int = MAX_BLOCK
    metadata: bytes = b""
    trailer: bytes = b""
    tables: bool = True
    chunk_bytes: int | None = None
    packer: Callable[[bytes], tuple[bytes, bytes]] = pack
    change: Callable[[list[bytes]], list[bytes]] = list


def _header(letter: Letter, transfer: bytes, random: Random) -> tuple[Suite, bytes]:
    suite: Suite = Plain(transfer)
    stanzas = b""
    if letter.stanzas:
        file_key = random(24)
        suite = Sealed(transfer, file_key)
        stanzas = b"".join(write(transfer, file_key, random) for write in letter.stanzas)
    metadata = letter.metadata + field(NAME, letter.name.encode())
    if letter.media is not None:
        metadata += field(MEDIA, letter.media.encode("ascii"))
    if letter.sized:
        metadata += field(SIZE, number(len(letter.file)))
    if letter.expires is not None:
        metadata += field(EXPIRES, number(letter.expires))
    if letter.encrypt_first:
        metadata += field(ENCRYPT_FIRST, b"")
    head = bytes([2, suite.number]) + len(stanzas).to_bytes(2, "big") + stanzas
    head += suite.seal(b"metadata", 0, head, metadata)
    return suite, head + suite.mac(head)


def _chunks(letter: Letter, suite: Suite) -> tuple[list[bytes], bytes]:
    """Bodies of the chunk records, and the fields with their code tables."""
    size = letter.chunk_bytes or (SEALED_CHUNK_BYTES if letter.encrypt_first else CHUNK_BYTES)
    starts = range(0, len(letter.file) or 1, size)
    bodies, tables = [], b""
    for i, start in enumerate(starts):
        chunk = letter.file[start : start + size]
        nonce = 256 * i + (i == len(starts) - 1)
        if letter.encrypt_first:
            table, body = letter.packer(suite.seal(b"chunk", nonce, b"", chunk))
            tables += field(CODE_TABLE, table)
        else:
            body = suite.seal(b"chunk", nonce, b"", b"".join(letter.packer(chunk)))
        bodies.append(body)
    return bodies, tables


def _trailer(
    letter: Letter, suite: Suite, transfer: bytes, header: bytes, blocks: bytes, inner: bytes
) -> bytes:
    if letter.signer is not None:
        who = letter.signer.signer + letter.signed.to_bytes(8, "big")
        message = b"dialtone 2 signature" + transfer + digest(header) + blocks + inner + who
        inner += field(SIGNATURE, who + letter.signer.ed25519.sign(message))
    return blocks + suite.seal(b"trailer", 0, blocks, inner)


def _blocks(pieces: list[bytes], last: int, most: int) -> list[bytes]:
    """Runs of whole records of at most `most` bytes, with room for `last` bytes in the last."""
    blocks = [pieces[0]]
    for i, piece in enumerate(pieces[1:], 1):
        room = last if i == len(pieces) - 1 else 0
        if i > 1 and len(blocks[-1]) + len(piece) + room > most:
            blocks.append(b"")
        blocks[-1] += piece
    return blocks


def write(letter: Letter, random: Random) -> list[bytes]:
    """All packets of a transfer: every block's source symbols, then a keys object."""
    transfer = random(4)
    suite, header = _header(letter, transfer, random)
    bodies, tables = _chunks(letter, suite)
    inner = len(bodies).to_bytes(4, "big") + len(letter.file).to_bytes(8, "big")
    inner += digest(letter.file) + (tables if letter.tables else b"") + letter.trailer
    trailer_bytes = 3 + 2 + len(inner) + 16 + (107 if letter.signer else 0)
    most = min(letter.most, MAX_BLOCK, 4095 * (letter.packet_bytes - 12))
    pieces = [record(HEADER, header), *(record(CHUNK, body) for body in bodies)]
    blocks = _blocks(pieces, trailer_bytes, most)
    count = len(blocks).to_bytes(2, "big")
    trailer = _trailer(letter, suite, transfer, header, count, inner)
    blocks[-1] += record(TRAILER, trailer)
    packets = []
    for i, block in enumerate(letter.change(blocks)):
        packets += to_packets(transfer, i, block, letter.packet_bytes)
    keys = record(HEADER, header) + (record(TRAILER, trailer) if letter.sized else b"")
    number_of_keys = KEYS_WITH_TRAILER if letter.sized else KEYS
    return packets + to_packets(transfer, number_of_keys, keys, letter.packet_bytes, keys=True)
