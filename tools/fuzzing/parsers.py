"""Targets without a folder: one reader of bytes or text each, or a few of a kind."""

from __future__ import annotations

import base64
import contextlib
from functools import cache
from pathlib import Path
from zlib import crc32

import framing
from framing import armor, fountain, huffman, keys, packet, records, shares, stanzas, statements
from framing.errors import CostlyKeyError, KeyMaterialError, TransferError
from framing.header import Header, Metadata
from framing.identity import Identity, locked_public, parse_public
from framing.names import NAME_BYTES_MAX, safe_name
from framing.one_time import OneTimeKey
from framing.trailer import Part, Trailer

from fuzzing import Choices, containers

_PASSPHRASES = 2  # of containers.all_keys


def packets(data: bytes, _: Path) -> None:
    """One packet, as it is and with its CRC made right."""
    packet.parse(data)
    body = data[: packet.PACKET_BYTES_MAX - 4].ljust(packet.PACKET_BYTES_MIN - 4, b"\0")
    crc = crc32(body, crc32(b"dialtone packet 1"))
    parsed = packet.parse(body + crc.to_bytes(4, "big"))
    if parsed is not None:
        assert packet.is_object(parsed.number, parsed.k)
        assert packet.build(*parsed) == body + crc.to_bytes(4, "big")


def record_runs(data: bytes, _: Path) -> None:
    """Records, fields, metadata and names, of any bytes."""
    how = Choices(data)
    if how.below(2):
        data = b"".join(
            records.build(how.below(16), how.piece() or b"\0") for _ in range(how.below(8))
        )
    data = how.edited(data)
    with contextlib.suppress(TransferError):
        assert sum(3 + len(body) for _, body in records.parse(data)) <= len(data)
    with contextlib.suppress(TransferError):
        assert sum(3 + len(value) for _, value in records.fields(data)) == len(data)
    records.first(data)
    with contextlib.suppress(TransferError):
        Metadata.from_bytes(data)
    name = safe_name(data.decode(errors="replace"))
    assert name
    assert "/" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert len(name.encode()) <= NAME_BYTES_MAX


def key_header(data: bytes, _: Path) -> None:
    """A header with other stanzas and metadata under the right MAC, or changed as a whole."""
    how = Choices(data)
    base = how.pick(containers.containers())
    fields = [records.field(tag, how.edited(value)) for tag, value in how.reordered(base.stanzas)]
    built = b"".join(fields)[: (1 << 16) - 1]
    raw = containers.sealed_header(base.suite, built, how.edited(base.metadata))
    if how.below(4) == 0:
        raw = how.edited(raw)
    opening = containers.all_keys() if how.below(2) else framing.Keys([containers.PASSPHRASE])
    with containers.without_scrypt() as work, contextlib.suppress(TransferError):
        parsed = Header.parse(raw)
        assert parsed.protection in ("plain", "clear key", "encrypted")
        parsed.unlock(base.transfer, keys.Keyring(opening))
    assert work.scrypt <= stanzas.PASSPHRASES_MAX * _PASSPHRASES


def key_trailer(data: bytes, _: Path) -> None:
    """A trailer with other fields, under the right tag and a right or wrong signature."""
    how = Choices(data)
    base = how.pick(containers.containers())
    part = Part(base.transfer, b"header")
    fields = [(how.pick((2, 2, 1, 9, 200)), how.piece()) for _ in range(how.below(5))]
    body = how.edited(base.tail + b"".join(records.field(*field) for field in fields))
    signer = containers.identity() if how.below(2) else None
    raw = containers.sealed_trailer(base.suite, how.piece() or b"\0\1", body, part, signer)
    if how.below(4) == 0:
        raw = how.edited(raw)
    with contextlib.suppress(TransferError):
        Trailer.blocks_of(raw)
    with contextlib.suppress(TransferError):
        opened = Trailer.open(raw, base.suite, part)
        assert len(opened.sha256) == 32
        assert opened.signer in (None, containers.identity().public.ed25519)


def chunk(data: bytes, _: Path) -> None:
    """A packed chunk: changed ones, and any bytes behind a mode."""
    how = Choices(data)
    match how.below(3):
        case 0:
            packed = how.rest()
        case 1:
            head, body = huffman.pack_parts(_content(how))
            packed = how.edited(head) + how.edited(body)
        case _:
            content = _content(how)
            packed = huffman.pack(content)
            assert huffman.unpack(packed) == content
            packed = how.edited(packed)
    with contextlib.suppress(TransferError):
        assert len(huffman.unpack(packed)) <= huffman.CHUNK_BYTES


def _content(how: Choices) -> bytes:
    size = how.pick((0, 1, 2, 40, 1023, 1024, 1025, 5000, 20000))
    match how.below(4):
        case 0:
            piece = how.take(how.below(64)) or b"\0"
        case 1:
            piece = containers.WORDS
        case 2:
            piece = bytes(range(256))
        case _:
            piece = bytes(how.below(4) * how.below(64) for _ in range(40))
    return (piece * (size // len(piece) + 1))[:size]


def texts(data: bytes, _: Path) -> None:
    """A text of every kind, its check made right again, read as what it is and as all others."""
    how = Choices(data)
    if how.below(8) == 0:
        text = how.rest().decode("latin-1")
    else:
        prefix, body = how.pick(_texts())
        text = armor.encode(prefix, how.edited(body))
        if how.below(4) == 0:
            text = how.edited(text.encode()).decode("latin-1")
    with containers.without_scrypt() as work:
        for read in (parse_public, shares.Share.parse, locked_public, statements.read_revocation):
            with contextlib.suppress(KeyMaterialError):
                read(text)
        with contextlib.suppress(KeyMaterialError):
            statements.read_one_time_bundle(text)
        with contextlib.suppress(KeyMaterialError, CostlyKeyError):
            Identity.unlock(text, containers.PASSPHRASE)
    assert work.scrypt <= 1


@cache
def _texts() -> list[tuple[str, bytes]]:
    ann = containers.identity()
    with containers.without_scrypt():
        locked = ann.lock(containers.PASSPHRASE, cost=10)
    split = shares.split_key(containers.board(), containers.board_shares())
    made = [
        ann.public.text(),
        split.text(),
        locked,
        *(share.text() for share in containers.board_shares()),
        statements.one_time_bundle(ann, [containers.one_time().public]),
        statements.revocation(ann, containers.NOW),
    ]
    return [armor.decode(text) for text in made]


def join(data: bytes, _: Path) -> None:
    """Shares, some of them changed or of another set, joined."""
    how = Choices(data)
    some = []
    for share in how.reordered(containers.board_shares()):
        values = [share.k, share.n, share.index]
        if how.below(4) == 0:
            values[how.below(3)] = how.below(256)
        digests = list(share.digests)
        if how.below(4) == 0:
            digests = how.reordered(digests)
        value = how.edited(share.value) if how.below(4) == 0 else share.value
        with contextlib.suppress(ValueError):
            k, n, index = values
            some.append(shares.Share(k, n, index, value, tuple(digests)))
    with contextlib.suppress(KeyMaterialError):
        shares.join(some)


def pem(data: bytes, _: Path) -> None:
    """An RSA key in PEM, changed below its base64 or above it."""
    how = Choices(data)
    key = containers.rsa()
    kind = how.pick(("PUBLIC KEY", "RSA PRIVATE KEY", "RSA PUBLIC KEY", "CERTIFICATE"))
    der = key.export_key("DER") if how.below(4) == 0 else key.public_key().export_key("DER")
    text = _pem(kind, how.edited(der))
    if how.below(2):
        text = how.edited(text)
    with contextlib.suppress(KeyMaterialError):
        stanzas.rsa_key(text, None)


def _pem(kind: str, der: bytes) -> bytes:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n".encode()


def one_time_store(data: bytes, _: Path) -> None:
    """A stored one-time key."""
    how = Choices(data)
    raw = how.edited(containers.one_time().seal(containers.identity()))
    with contextlib.suppress(KeyMaterialError):
        assert OneTimeKey.open(raw, containers.identity()).public == containers.one_time().public


def fountain_code(data: bytes, _: Path) -> None:
    """Symbols of any ids and contents."""
    how = Choices(data)
    k, size = 1 + how.below(40), how.pick((50, 52, 56, 338))
    ends = [how.pick((2 * k, 1 << 16, 1 << 18)) for _ in range(k + how.below(4))]
    ids = [how.below(end) for end in ends]
    symbols = {esi: how.piece()[:size].ljust(size, b"\0") for esi in ids}
    made = fountain.decode(symbols, k, size)
    assert made is None or len(made) == k * size
