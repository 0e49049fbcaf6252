"""Transfers to be damaged: one for each way to protect it, as packets and as rebuilt blocks."""

import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
from PIL import Image

import framing
from framing import fountain, packet, records
from framing.cipher import FILE_KEY_BYTES
from framing.huffman import CHUNK_BYTES

FILE_BYTES = 200_000
NAME, MEDIA = "mixed.bin", "application/octet-stream"
PACKET_BYTES = 4096
_REPAIR = 0.1
_SMALL_BLOCK_BYTES = 80_000
_COST = 10  # of scrypt
_SECRETS = (b"correct horse", b"battery staple")
_PEOPLE = tuple(framing.Identity(bytes([number]) * 32) for number in (1, 2))
_SIGNER = framing.Identity(bytes([3]) * 32)

LOCKS = ("plain", "clear key", "passphrase", "recipient")


class Way(NamedTuple):
    """How a transfer is protected."""

    lock: str
    signed: bool
    encrypt_first: bool

    def __str__(self) -> str:
        signed = "signed" if self.signed else "not signed"
        return f"{self.lock}, {signed}, {'sealed' if self.encrypt_first else 'packed'} first"

    @property
    def signer(self) -> bytes | None:
        """Whom the receiver has to name: an Ed25519 key (32 bytes), or nobody."""
        return _SIGNER.public.ed25519 if self.signed else None

    @property
    def layer(self) -> tuple[bool, bool]:
        """Ways of one layer treat chunks alike: the suite and the order of packing."""
        return self.lock == "plain", self.encrypt_first


WAYS = tuple(Way(*way) for way in product(LOCKS, (False, True), (False, True)))


class Span(NamedTuple):
    """A record in a block: its kind, where it begins and where it ends, and its body."""

    kind: int
    start: int
    end: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transfer as it was sent.

    packets  as they were on the air, source symbols before repair symbols
    blocks   as rebuilt, with the zeros that fill the last symbol
    """

    way: Way
    file: bytes
    packets: tuple[bytes, ...]
    transfer: bytes
    blocks: tuple[bytes, ...]

    @property
    def block(self) -> bytes:
        """The first block, which is the only one of most transfers."""
        return self.blocks[0]

    def spans(self, number: int = 0) -> list[Span]:
        """All records of a block."""
        found: list[Span] = []
        for kind, body in records.parse(self.blocks[number]):
            start = found[-1].end if found else 0
            found.append(Span(kind, start, start + records.PREFIX_BYTES + len(body), body))
        return found

    def packets_of(self, block: bytes, number: int = 0) -> list[bytes]:
        """Another block in the place of one of this transfer, as source symbols."""
        size = packet.symbol_bytes(number, len(self.packets[0]))
        k = fountain.source_symbols(len(block), size)
        made = fountain.encode(block, size, k, 0, packet.form_of(number).esi_count)
        return [packet.build(self.transfer, number, k, esi, symbol) for esi, symbol in made]


@dataclass(frozen=True, slots=True)
class Material:
    """Transfers of one way to protect them.

    same_key   another file under the same file key
    other_key  another file under another key of the same receiver
    parts      a file in several blocks
    others     another file in several blocks
    """

    main: Recorded
    same_key: Recorded
    other_key: Recorded
    parts: Recorded
    others: Recorded


def keys() -> framing.Keys:
    """Of a receiver who can open all of these transfers."""
    private = [framing.PrivateKey(person.x25519, person.public.ed25519) for person in _PEOPLE]
    return framing.Keys(passphrases=_SECRETS, private_keys=lambda: private)


def mixed(size: int = FILE_BYTES) -> bytes:
    """Text, a compressed picture, its pixels, and text again, a chunk of each: some chunks
    become smaller when packed, some do not."""
    root = Path(__file__).parents[2]
    picture = root / "tools" / "dialtone" / "data" / "photo.png"
    text = (root / "framing" / "README.md").read_bytes()
    text *= -(-size // len(text))
    with Image.open(picture) as photo:
        pixels = np.asarray(photo).tobytes()
    each = -(-size // 3) if size < 3 * CHUNK_BYTES else CHUNK_BYTES
    return (text[:each] + picture.read_bytes()[-each:] + pixels[:each] + text)[:size]


def record(way: Way, file: bytes, *, packet_bytes: int = PACKET_BYTES, person: int = 0) -> Recorded:
    """Send a file with nothing lost; person 0 or 1 is who can open it."""
    public = _PEOPLE[person].public
    locks: dict[str, framing.KeyChoice] = {
        "plain": framing.Plain(),
        "clear key": framing.ClearKey(),
        "passphrase": framing.Passphrase(_SECRETS[person], cost=_COST),
        "recipient": framing.Recipient(public.x25519, public.ed25519),
    }
    with framing.Outgoing(
        io.BytesIO(file),
        name=NAME,
        key=locks[way.lock],
        packet_bytes=packet_bytes,
        size=len(file),
        media=MEDIA,
        repair=_REPAIR,
        signer=_SIGNER if way.signed else None,
        encrypt_first=way.encrypt_first,
    ) as outgoing:
        packets = tuple(outgoing)
    parsed = [read for made in packets if (read := packet.parse(made))]
    return Recorded(way, file, packets, parsed[0].transfer, _blocks(parsed))


def _blocks(parsed: Sequence[packet.Packet]) -> tuple[bytes, ...]:
    count = 1 + max(read.number for read in parsed)
    return tuple(
        b"".join(read.symbol for read in parsed if read.number == number and read.esi < read.k)
        for number in range(count)
    )


def prepare(way: Way, size: int = FILE_BYTES, packet_bytes: int = PACKET_BYTES) -> Material:
    """Everything that is damaged of this way; files of `size` bytes, or FILE_BYTES for several
    blocks."""
    file, large = mixed(size), mixed()
    other = file[::-1]
    file_key = secrets.token_bytes(FILE_KEY_BYTES)
    fresh = secrets.token_bytes
    with patch("secrets.token_bytes", lambda n: file_key if n == FILE_KEY_BYTES else fresh(n)):
        main = record(way, file, packet_bytes=packet_bytes)
        same_key = record(way, other, packet_bytes=packet_bytes)
    with patch("framing.transfer.BLOCK_BYTES", _SMALL_BLOCK_BYTES):
        parts = record(way, large)
        others = record(way, large[::-1])
    other_key = record(way, other, packet_bytes=packet_bytes, person=1)
    return Material(main, same_key, other_key, parts, others)
