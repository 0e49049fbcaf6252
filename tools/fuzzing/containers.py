"""Valid transfers of every kind, opened into their parts, and such parts sealed again."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from unittest import mock

from Crypto.PublicKey import RSA

import framing
from framing import fountain, header, packet, records, shares
from framing.cipher import MAC_BYTES, PASSES, ChunkSealer, Encrypted, Suite, Unencrypted
from framing.one_time import OneTimeKey
from framing.trailer import Part

PASSPHRASE = b"correct horse"
NOW = 1_800_000_000
_BELOW = (105, 179)
_PREVIEW = bytes(range(1, 31))
WORDS = b"The quick brown fox jumps over the lazy dog. "


class Work:
    """Counts the steps that cost time, in place of the clock."""

    def __init__(self) -> None:
        self.scrypt = 0

    def cheap_scrypt(
        self, secret: bytes, salt: bytes, log2_n: int, r: int = 8, p: int = PASSES, length: int = 32
    ) -> bytes:
        """Stands in for scrypt, within whose bounds it has to be called."""
        assert 1 <= log2_n <= 15
        assert 1 <= p <= 12
        self.scrypt += 1
        data = salt + bytes([log2_n, r, p]) + secret
        return hashlib.blake2b(data, digest_size=length).digest()


@contextmanager
def without_scrypt() -> Iterator[Work]:
    """A passphrase costs nothing in here, and is counted."""
    work = Work()
    with (
        mock.patch("framing.keys.scrypt", work.cheap_scrypt),
        mock.patch("framing.locks.scrypt", work.cheap_scrypt),
        mock.patch("framing.identity.scrypt", work.cheap_scrypt),
    ):
        yield work


@cache
def identity() -> framing.Identity:
    return framing.Identity(bytes(range(32)))


@cache
def board() -> framing.Identity:
    """Whose seed is split."""
    return framing.Identity(bytes(32))


@cache
def board_shares() -> tuple[shares.Share, ...]:
    return tuple(shares.split(board().seed, 2, 3))


@cache
def one_time() -> OneTimeKey:
    return OneTimeKey(bytes(range(1, 33)))


@cache
def rsa() -> RSA.RsaKey:
    """Of the two largest primes of 1024 bits, as to look for others takes seconds."""
    p, q = ((1 << 1024) - below for below in _BELOW)
    d = pow(65537, -1, (p - 1) * (q - 1))
    return RSA.construct((p * q, 65537, d, p, q))


@cache
def all_keys() -> framing.Keys:
    """What opens all of them."""
    split, owner = shares.split_key(board(), board_shares()), identity().public.ed25519
    private = [
        framing.PrivateKey(identity().x25519, owner),
        framing.PrivateKey(board().x25519, set_id=split.set_id),
        framing.PrivateKey(one_time().private, owner, spent=lambda: None),
    ]
    return framing.Keys([PASSPHRASE, b"another"], lambda: private, [rsa()])


@dataclass(frozen=True, slots=True)
class Container:
    """A transfer of one block.

    stanzas   (tag, value) of each
    metadata  its fields as they are sealed
    chunks    packed chunks before sealing; with encrypt_first chunks before both
    tail      what is sealed in the trailer, without code tables and signature
    packets   as they were sent
    """

    transfer: bytes
    suite: Suite
    stanzas: tuple[tuple[int, bytes], ...]
    metadata: bytes
    chunks: tuple[bytes, ...]
    tail: bytes
    encrypt_first: bool
    signed: bool
    data: bytes
    packets: tuple[bytes, ...]

    @property
    def packet_bytes(self) -> int:
        return len(self.packets[0])


def _locks() -> list[framing.KeyChoice]:
    split = shares.split_key(board(), board_shares())
    passphrase = framing.Passphrase(PASSPHRASE, cost=10)
    recipient = framing.Recipient(identity().public.x25519, identity().public.ed25519)
    once = framing.Recipient(one_time().public, identity().public.ed25519)
    joint = framing.SharesRecipient(split)
    old = framing.RsaRecipient(rsa().public_key().export_key())
    several: list[framing.Lock] = [passphrase, recipient, joint, old, framing.ClearKey()]
    plain, clear = framing.Plain(), framing.ClearKey()
    return [plain, clear, passphrase, recipient, once, joint, old, several]


@cache
def containers() -> tuple[Container, ...]:
    """One for every lock, with all options and sizes among them."""
    rng = random.Random(2)
    contents = [WORDS * 40, WORDS * 5, rng.randbytes(900), b"", b"\0" * 5000]
    made = []
    with without_scrypt(), mock.patch("secrets.token_bytes", rng.randbytes):
        for number, lock in enumerate(_locks()):
            for turn in range(2):
                made.append(
                    _container(
                        lock,
                        contents[(2 * number + turn) % len(contents)],
                        (350, 1053)[turn] if number else 64,
                        signed=bool((number + turn) & 1),
                        encrypt_first=bool((number >> 1) + turn & 1),
                        expires=NOW + 1000 if number % 3 == 0 else None,
                    )
                )
    return tuple(made)


def _container(
    lock: framing.KeyChoice,
    data: bytes,
    packet_bytes: int,
    *,
    signed: bool,
    encrypt_first: bool,
    expires: int | None,
) -> Container:
    outgoing = framing.Outgoing(
        BytesIO(data),
        name="photo.png",
        key=lock,
        packet_bytes=packet_bytes,
        size=len(data),
        media="image/png",
        signer=identity() if signed else None,
        expires=expires,
        encrypt_first=encrypt_first,
        preview=_PREVIEW if packet_bytes > 64 else b"",
        repair=0.5,
    )
    packets = tuple(outgoing)
    transfer = bytes.fromhex(outgoing.transfer_id)
    key = outgoing.keys.file_key
    suite: Suite = Unencrypted(transfer) if key is None else Encrypted(key, transfer)
    symbols = {p.esi: p for p in map(packet.parse, packets) if p and p.number == 0}
    block = b"".join(symbols[esi].symbol for esi in range(symbols[0].k))
    (_, head), *chunk_records, (_, trailer) = records.parse(block)
    parsed = header.Header.parse(head)
    sealed = head[parsed.sealed_at : -MAC_BYTES]
    chunks = (
        (data,)
        if encrypt_first
        else tuple(
            suite.open(b"chunk", i << 8 | (i == len(chunk_records) - 1), b"", body)
            for i, (_, body) in enumerate(chunk_records)
        )
    )
    return Container(
        transfer,
        suite,
        parsed.stanzas,
        suite.open(b"metadata", 0, head[: parsed.sealed_at], sealed),
        chunks,
        suite.open(b"trailer", 0, trailer[:2], trailer[2:])[:44],
        encrypt_first,
        signed,
        data,
        packets,
    )


def sealed_header(suite: Suite, stanzas: bytes, metadata: bytes) -> bytes:
    """As header.build_header, of any bytes."""
    head = bytes([header.VERSION, suite.number]) + len(stanzas).to_bytes(2, "big") + stanzas
    head += suite.seal(b"metadata", 0, head, metadata)
    return head + suite.mac(head)


def sealed_trailer(
    suite: Suite, clear: bytes, body: bytes, part: Part, signer: framing.Identity | None
) -> bytes:
    """As Trailer.seal, of any bytes."""
    if signer is not None:
        known = signer.public.ed25519 + NOW.to_bytes(8, "big")
        body += records.field(1, known + signer.sign(part.signed(clear, body, known)))
    return clear + suite.seal(b"trailer", 0, clear, body)


def sealed_chunks(suite: Suite, chunks: list[bytes]) -> list[bytes]:
    """Bodies, in the order of their numbers, before any packing that follows."""
    sealer = ChunkSealer(suite)
    return [sealer.seal(chunk, i == len(chunks) - 1) for i, chunk in enumerate(chunks)]


def packets_of(
    transfer: bytes, block: bytes, packet_bytes: int, number: int = 0, spare: int = 0
) -> list[bytes]:
    """The packets of one object, with `spare` repair symbols."""
    size = packet.symbol_bytes(number, packet_bytes)
    k = min(fountain.source_symbols(len(block), size), packet.form_of(number).k_max)
    made = fountain.encode(block[: k * size], size, k + spare, 0, 1 << 16)
    return [packet.build(transfer, number, k, esi, symbol) for esi, symbol in made]
