"""From packets to the file (README: Key header, Chunk, Key trailer)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .locks import NOBODY, Keys, Plain, Sealed, Suite, candidates
from .packets import (
    CHUNK,
    HEADER,
    KEYS_WITH_TRAILER,
    TRAILER,
    RefusedError,
    Transfer,
    fields,
    known_fields,
    read_number,
    records,
)
from .packing import head_bytes, unpack
from .texts import check_signature, digest

NAME, MEDIA, SIZE, PREVIEW, EXPIRES, ENCRYPT_FIRST = 1, 2, 3, 4, 129, 130
SIGNATURE, CODE_TABLE = 1, 2
CHUNK_BYTES, SEALED_CHUNK_BYTES = 65536, 65520
_METADATA = (NAME, MEDIA, SIZE, PREVIEW, EXPIRES, ENCRYPT_FIRST)


@dataclass(frozen=True)
class Header:
    """What a key header says; `opened` is the tag of the stanza that opened it, 0 if plain."""

    suite: Suite
    opened: int
    stanzas: tuple[int, ...]
    name: str
    media: str | None
    size: int | None
    expires: int | None
    encrypt_first: bool
    preview: bytes


@dataclass(frozen=True)
class Received:
    """A whole transfer; `signer` and `signed` are None for one without a signature.

    `keys_agree` tells whether the keys objects that came hold what the blocks hold, `modes` how
    the chunks were packed.
    """

    header: Header
    file: bytes
    signer: bytes | None
    signed: int | None
    keys_agree: bool
    modes: tuple[int, ...]


def _suite(transfer: bytes, body: bytes, keys: Keys) -> tuple[Suite, int, list[tuple[int, bytes]]]:
    """The suite that the MAC fits, the tag of the stanza, all stanzas."""
    if len(body) < 4 + 16 + 32:
        raise RefusedError("a header that is too short")
    if body[0] != 2 or body[1] > 1:
        raise RefusedError("a version or suite of later times")
    length = int.from_bytes(body[2:4], "big")
    if len(body) < 4 + length + 16 + 32:
        raise RefusedError("a header that is too short")
    before, mac = body[:-32], body[-32:]
    stanzas = fields(body[4 : 4 + length])
    if body[1] == 0:
        plain = Plain(transfer)
        if stanzas or plain.mac(before) != mac:
            raise RefusedError("a plain header that was changed")
        return plain, 0, stanzas
    for tag, file_key in candidates(transfer, stanzas, keys):
        suite = Sealed(transfer, file_key)
        if suite.mac(before) == mac:
            return suite, tag, stanzas
    raise RefusedError("no key fits")


def _is_media_type(value: bytes) -> bool:
    return 0 < len(value) <= 100 and all(0x20 <= byte < 0x7F for byte in value)


def read_header(transfer: bytes, body: bytes, keys: Keys, now: int) -> Header:
    """The header of a transfer."""
    suite, opened, stanzas = _suite(transfer, body, keys)
    start = 4 + int.from_bytes(body[2:4], "big")
    metadata = suite.open(b"metadata", 0, body[:start], body[start:-32])
    if metadata is None:
        raise RefusedError("metadata that was changed")
    known = known_fields(fields(metadata), _METADATA)
    if known.get(ENCRYPT_FIRST):
        raise RefusedError("a value where none belongs")
    expires = read_number(known[EXPIRES], 8) if EXPIRES in known else None
    preview = known.get(PREVIEW, b"")
    if expires is not None and now >= expires:
        raise RefusedError("expired")
    return Header(
        suite,
        opened,
        tuple(tag for tag, _ in stanzas),
        known.get(NAME, b"").decode(errors="replace"),
        known[MEDIA].decode() if _is_media_type(known.get(MEDIA, b"")) else None,
        read_number(known[SIZE], 8) if SIZE in known else None,
        expires,
        ENCRYPT_FIRST in known,
        preview if len(preview) <= 255 else b"",
    )


@dataclass(frozen=True)
class Trailer:
    """What a key trailer says."""

    blocks: int
    chunks: int
    length: int
    sha256: bytes
    tables: list[bytes]
    signer: bytes | None
    signed: int | None


def read_trailer(transfer: bytes, header: bytes, suite: Suite, body: bytes) -> Trailer:
    """The trailer of a transfer, its signature checked."""
    blocks = body[:2]
    sealed = suite.open(b"trailer", 0, blocks, body[2:])
    if sealed is None:
        raise RefusedError("a trailer that was changed")
    if len(sealed) < 44:
        raise RefusedError("a trailer that is too short")
    found = fields(sealed[44:])
    signature = known_fields(found, (SIGNATURE, CODE_TABLE)).get(SIGNATURE)
    signer = signed = None
    if signature is not None:
        if len(signature) != 104 or [tag for tag, _ in found].index(SIGNATURE) != len(found) - 1:
            raise RefusedError("a signature of another length or in another place")
        message = b"dialtone 2 signature" + transfer + digest(header) + blocks
        message += sealed[: -len(signature) - 3] + signature[:40]
        check_signature(signature[:32], signature[40:], message)
        signer, signed = signature[:32], int.from_bytes(signature[32:40], "big")
    return Trailer(
        int.from_bytes(blocks, "big"),
        int.from_bytes(sealed[:4], "big"),
        int.from_bytes(sealed[4:12], "big"),
        sealed[12:44],
        [value for tag, value in found if tag == CODE_TABLE],
        signer,
        signed,
    )


def _file(header: Header, trailer: Trailer, chunks: list[bytes]) -> tuple[bytes, tuple[int, ...]]:
    """The file of the bodies of all chunk records, and the modes they are packed in."""
    if len(chunks) != trailer.chunks or not chunks:
        raise RefusedError("chunks that are missing or too many")
    if len(trailer.tables) != (len(chunks) if header.encrypt_first else 0):
        raise RefusedError("code tables that are missing or too many")
    full = SEALED_CHUNK_BYTES if header.encrypt_first else CHUNK_BYTES
    out, modes = [], []
    for i, body in enumerate(chunks):
        last = i == len(chunks) - 1
        sealed = body
        if header.encrypt_first:
            table = trailer.tables[i]
            if head_bytes(table) != len(table):
                raise RefusedError("a code table of another length")
            modes.append(table[0])
            sealed = unpack(table + body)
        chunk = header.suite.open(b"chunk", 256 * i + last, b"", sealed)
        if chunk is None:
            raise RefusedError("a chunk that was changed or moved")
        if header.encrypt_first:
            out.append(chunk)
        else:
            out.append(unpack(chunk))
            modes.append(chunk[0])
        if len(out[-1]) > full or (len(out[-1]) < full and not last):
            raise RefusedError("a chunk of another size")
    return b"".join(out), tuple(modes)


def _single(found: list[tuple[int, bytes]], kind: int) -> bytes:
    bodies = [body for found_kind, body in found if found_kind == kind]
    if len(bodies) != 1:
        raise RefusedError("a record that is missing or there twice")
    return bodies[0]


def open_transfer(packets: Iterable[bytes], keys: Keys = NOBODY, now: int = 0) -> Received:
    """The file of a transfer of which all source symbols have come."""
    transfer = Transfer(packets)
    blocks = transfer.blocks()
    if sorted(blocks) != list(range(len(blocks))) or not blocks:
        raise RefusedError("blocks that are missing")
    found = [item for number in range(len(blocks)) for item in records(blocks[number])]
    kinds = [kind for kind, _ in found]
    if kinds != [HEADER] + [CHUNK] * (len(kinds) - 2) + [TRAILER]:
        raise RefusedError("records in another order")
    body, end = found[0][1], found[-1][1]
    header = read_header(transfer.identity, body, keys, now)
    trailer = read_trailer(transfer.identity, body, header.suite, end)
    if trailer.blocks != len(blocks):
        raise RefusedError("blocks that are missing or too many")
    file, modes = _file(header, trailer, [body for _, body in found[1:-1]])
    if len(file) != trailer.length or digest(file) != trailer.sha256:
        raise RefusedError("a file of another digest")
    if header.size not in (None, len(file)):
        raise RefusedError("a file of another size")
    keys_agree = all(
        records(data) == [(HEADER, body), (TRAILER, end)][: 1 + (number == KEYS_WITH_TRAILER)]
        for number, data in transfer.keys().items()
    )
    return Received(header, file, trailer.signer, trailer.signed, keys_agree, modes)
