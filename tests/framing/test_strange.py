"""Transfers that no sender writes: both implementations take the same and refuse the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import framing

from .second import locks, packing, texts
from .second.locks import Keys, Stanza
from .second.packets import CRC_TEXT, RefusedError, field, record, records
from .second.reader import open_transfer
from .second.writer import Letter, random_bytes, write

FILE = b"hello, world"
READER, OTHER = texts.Identity(bytes(range(32))), texts.Identity(bytes(32))
RIGHT = locks.recipient(READER.public)
WRONG = locks.recipient(OTHER.public)
WORD = locks.passphrase("right", 1, 1)
WRONG_WORD = locks.passphrase("wrong", 1, 1)


def cut(stanza: Stanza, size: int) -> Stanza:
    """The stanza with a value that is longer or shorter than it should be."""

    def written(transfer: bytes, file_key: bytes, random: locks.Random) -> bytes:
        whole = stanza(transfer, file_key, random)
        return field(whole[0], (whole[3:] + b"\0")[: len(whole) - 3 + size])

    return written


def raw(tag: int, value: bytes) -> Stanza:
    """A stanza that holds nothing for anybody."""
    return lambda transfer, file_key, random: field(tag, value)


def forgotten(stanza: Stanza) -> Stanza:
    """The stanza with another file key."""
    return lambda transfer, file_key, random: stanza(transfer, bytes(24), random)


def costly(c: int, p: int) -> Stanza:
    """A passphrase stanza with these costs, that nothing opens."""
    return raw(locks.PASSPHRASE, bytes(16) + bytes([c, p]) + bytes(24))


def both(folder: Path, **letter: Any) -> tuple[bool, framing.Received | framing.Refused]:
    """Whether the second implementation takes a transfer, and what this one reports."""
    packets = write(Letter(**{"file": FILE, "name": "fox.txt", **letter}), random_bytes("strange"))
    keys = Keys(passphrases=["right"], identities=[READER])
    try:
        taken = open_transfer(packets, keys).file == letter.get("file", FILE)
    except RefusedError:
        taken = False
    private = [framing.PrivateKey(READER.x25519, READER.signer)]
    inbox = framing.Inbox(folder, framing.Keys(passphrases=["right"], private_keys=lambda: private))
    try:
        outcomes = [outcome for packet in packets if (outcome := inbox.put(packet))]
    finally:
        inbox.close()
    assert outcomes, "neither received nor refused"
    assert isinstance(outcomes[0], framing.Received | framing.Refused)
    return taken, outcomes[0]


TAKEN: dict[str, Sequence[Stanza]] = {
    "unknown tags": [raw(77, b"x"), raw(200, b""), RIGHT],
    "tag 0": [raw(0, b""), RIGHT],
    "wrong lengths": [cut(RIGHT, 1), cut(RIGHT, -1), cut(WORD, -1), cut(locks.clear(), 1), RIGHT],
    "an empty RSA stanza": [raw(locks.RSA, b""), RIGHT],
    "no costs": [costly(0, 1), costly(1, 0), WORD],
    "too high costs behind": [WORD, costly(16, 1)],
    "too high costs for another key": [costly(16, 1), costly(1, 13), costly(255, 255), RIGHT],
    "another file key first": [forgotten(RIGHT), forgotten(WORD), RIGHT],
    "a point of low order": [raw(locks.RECIPIENT, bytes(56)), RIGHT],
    "shares of an unknown set": [raw(locks.SHARES, bytes(74)), RIGHT],
    "four passphrases": [WRONG_WORD] * 3 + [WORD],
    "passphrases beyond the budget": [costly(15, 1), costly(15, 12), costly(5, 12), WORD],
    "32 recipients": [WRONG] * 31 + [RIGHT],
    "32 recipients, shares among them": [raw(locks.SHARES, bytes(74))] * 31 + [RIGHT],
}
REFUSED: dict[str, Sequence[Stanza]] = {
    "nothing known": [raw(77, b"x")],
    "another file key": [forgotten(RIGHT)],
    "too high costs": [costly(16, 1)],
    "five passphrases": [WRONG_WORD] * 4 + [WORD],
    "a passphrase beyond the budget": [costly(15, 12), WORD],
    "another's signing key": [locks.recipient(READER.public[:33] + OTHER.signer)],
    "another's X25519 key": [locks.recipient(OTHER.public[:33] + READER.signer)],
    "33 recipients": [WRONG] * 32 + [RIGHT],
    "33 with shares": [raw(locks.SHARES, bytes(74))] * 32 + [RIGHT],
}


@pytest.mark.parametrize("name", TAKEN)
def test_stanzas_that_do_not_matter(name: str, tmp_path: Path) -> None:
    taken, outcome = both(tmp_path, stanzas=TAKEN[name])
    assert taken
    assert isinstance(outcome, framing.Received), outcome


@pytest.mark.parametrize("name", REFUSED)
def test_stanzas_that_do_not_open(name: str, tmp_path: Path) -> None:
    taken, outcome = both(tmp_path, stanzas=REFUSED[name])
    assert not taken
    assert isinstance(outcome, framing.Refused), outcome
    assert outcome.kind == "key"


SIGNATURE = field(1, OTHER.signer + bytes(8) + OTHER.ed25519.sign(b"something else"))
STRANGE: dict[str, tuple[bool, dict[str, Any]]] = {
    "unknown metadata": (True, {"metadata": field(4, b"x") + field(127, b"")}),
    "metadata of later versions": (False, {"metadata": field(131, b"")}),
    "metadata 255": (False, {"metadata": field(255, b"")}),
    "names that come twice": (True, {"metadata": field(1, b"first")}),
    "encrypt first, with a value": (False, {"metadata": field(130, b"x")}),
    "a size of nine bytes": (False, {"sized": False, "metadata": field(3, b"\1" + bytes(8))}),
    "a media type that is none": (True, {"metadata": field(2, b"\xff\n")}),
    "half a field": (False, {"metadata": b"\1\0"}),
    "expiry of nine bytes": (False, {"metadata": field(129, b"\1" + bytes(8))}),
    "expiry of eight bytes": (True, {"metadata": field(129, b"\xff" * 8)}),
    "fields in the trailer": (True, {"trailer": field(3, b"x") + field(127, b"")}),
    "a trailer of later versions": (False, {"trailer": field(128, b"")}),
    "half a field in the trailer": (False, {"trailer": b"\3\0"}),
    "a wrong signature": (False, {"trailer": SIGNATURE}),
    "a short signature": (False, {"trailer": field(1, bytes(103))}),
    "a signature by a point of order 1": (
        False,
        {"trailer": field(1, b"\1" + bytes(39) + b"\1" + bytes(63))},
    ),
    "a signature before another field": (False, {"trailer": SIGNATURE + field(3, b"x")}),
    "a code table for nothing": (False, {"trailer": field(2, b"\0")}),
    "too many code tables": (False, {"encrypt_first": True, "trailer": field(2, b"\0")}),
    "no code tables": (False, {"encrypt_first": True, "tables": False}),
    "fields before a signature": (True, {"trailer": field(3, b"x"), "signer": READER}),
    "two signatures": (False, {"trailer": SIGNATURE, "signer": READER}),
    "encrypt first with a value": (True, {"encrypt_first": True, "metadata": field(130, b"x")}),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("stanzas", [(), (RIGHT,)], ids=["plain", "encrypted"])
def test_strange_fields(name: str, stanzas: Sequence[Stanza], tmp_path: Path) -> None:
    expected, letter = STRANGE[name]
    taken, outcome = both(tmp_path, stanzas=stanzas, **letter)
    assert (taken, isinstance(outcome, framing.Received)) == (expected, expected), outcome


def changed(edit: Callable[[list[tuple[int, bytes]]], list[tuple[int, bytes]]]) -> dict[str, Any]:
    """A letter of one block whose records are edited."""

    def change(blocks: list[bytes]) -> list[bytes]:
        return [b"".join(record(*item) for item in edit(records(block))) for block in blocks]

    return {"change": change}


def pieces(packed: bytes, body: bytes = b"") -> dict[str, Any]:
    """A letter whose only chunk is packed as said."""
    return {"packer": lambda chunk: (packed, body)}


def huffman(size: int, bits: str, body: bytes) -> dict[str, Any]:
    """A letter whose only chunk is packed in mode 1 with these code lengths."""
    return pieces(b"\1" + (size - 1).to_bytes(2, "big") + packing.to_bytes(bits), body)


def several(size: int, bits: str, body: bytes) -> dict[str, Any]:
    """A letter whose only chunk is packed in mode 2 with this field."""
    return pieces(b"\2" + (size - 1).to_bytes(2, "big") + packing.to_bytes(bits), body)


def lengths_of(**lengths: int) -> list[int]:
    """256 code lengths, by character."""
    return [lengths.get(chr(value), 0) for value in range(256)]


def deep(longest: int) -> str:
    """A full code with the lengths 1, 2, ... and twice the longest one."""
    lengths = [*range(1, longest + 1), longest]
    return packing.write_lengths([0] * 97 + lengths + [0] * (159 - len(lengths)))


A = packing.write_lengths(lengths_of(a=1))
AB = packing.write_lengths(lengths_of(a=1, b=1))
ABC = packing.write_lengths(lengths_of(a=1, b=2, c=2))
SHAPES: dict[str, tuple[bool, dict[str, Any]]] = {
    "as it should be": (True, changed(list)),
    "chunk twice": (False, changed(lambda r: [r[0], r[1], *r[1:]])),
    "no chunk": (False, changed(lambda r: [r[0], r[2]])),
    "a chunk more": (False, changed(lambda r: [*r, r[1]])),
    "a record of later versions": (False, changed(lambda r: [*r[:2], (4, b"x"), r[2]])),
    "a record of later versions at the end": (False, changed(lambda r: [*r, (15, b"x")])),
    "an empty record": (False, changed(lambda r: [*r[:2], (3, b""), r[2]])),
    "something after the end": (False, {"change": lambda blocks: [blocks[0] + b"\0\0\0\1"]}),
    "a record that is cut": (False, {"change": lambda blocks: [blocks[0][:-1]]}),
    "a chunk that is too large": (
        False,
        {"file": bytes(65537), "chunk_bytes": 65537, "packer": lambda chunk: (b"\0", chunk)},
    ),
    "a sealed chunk that is too large": (
        False,
        {
            "file": bytes(65521),
            "chunk_bytes": 65521,
            "encrypt_first": True,
            "packer": lambda chunk: (b"\0", chunk),
        },
    ),
    "a mode of later versions": (False, pieces(b"\x7f", FILE)),
    "no mode": (False, pieces(b"")),
    "one value": (True, {"file": b"aaaa", **huffman(4, A, b"")}),
    "one value, and more": (False, {"file": b"aaaa", **huffman(4, A, b"\0")}),
    "two values": (True, {"file": b"abab", **huffman(4, AB, b"\x0a")}),
    "a stream that is too long": (False, {"file": b"abab", **huffman(4, AB, b"\x0a\0")}),
    "a stream that is too short": (False, {"file": b"abab" * 3, **huffman(12, AB, b"\xaa")}),
    "lengths with bits behind": (False, {"file": b"aabb", **huffman(4, f"{AB:0<24}1", b"\x0c")}),
    "three values": (True, {"file": b"abcc", **huffman(4, ABC, b"\x7a")}),
    "a code that is not full": (
        False,
        {
            "file": b"abab",
            **huffman(4, packing.write_lengths(lengths_of(a=1, b=2)), b"\x0a"),
        },
    ),
    "a code that is too full": (
        False,
        {
            "file": b"abab",
            **huffman(4, packing.write_lengths(lengths_of(a=1, b=1, c=2)), b"\x0a"),
        },
    ),
    "lengths up to 11": (True, {"file": b"a", **huffman(1, deep(11), b"\0")}),
    "lengths up to 12": (False, {"file": b"a", **huffman(1, deep(12), b"\0")}),
    "two codes": (True, {"file": b"aba", **several(3, "1" + A + AB + "010", b"\1")}),
    "two codes without bits": (True, {"file": b"aaa", **several(3, "1" + A + A + "01", b"")}),
    "a byte where no code has bits": (
        False,
        {"file": b"aaa", **several(3, "1" + A + A + "01", b"\0")},
    ),
    "eight codes": (
        True,
        {"file": b"abb", **several(3, packing.gamma(7) + AB * 8 + "100111111", b"\6")},
    ),
    "nine codes": (
        False,
        {"file": b"abb", **several(3, packing.gamma(8) + AB * 9 + "100011101110", b"\6")},
    ),
    "a class without a code": (
        False,
        {"file": b"abb", **several(3, packing.gamma(2) + AB * 3 + "000011", b"\6")},
    ),
    "classes that are missing": (
        False,
        {"file": b"aaaa", **several(4, packing.gamma(7) + A * 8, b"")},
    ),
    "bits behind the classes": (
        False,
        {"file": b"aba", **several(3, f"{'1' + A + AB + '010':0<55}1", b"\1")},
    ),
    "a run of 1024": (False, {"file": b"a", **huffman(1, packing.gamma(1024), b"")}),
    "no value": (False, {"file": b"a", **huffman(1, packing.gamma(257), b"")}),
    "values beyond 255": (False, {"file": b"a", **huffman(1, packing.gamma(256) + "010", b"")}),
    "lengths that end early": (False, {"file": b"a", **huffman(1, "0", b"")}),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("stanzas", [(), (RIGHT,)], ids=["plain", "encrypted"])
def test_strange_shapes(name: str, stanzas: Sequence[Stanza], tmp_path: Path) -> None:
    expected, letter = SHAPES[name]
    taken, outcome = both(tmp_path, stanzas=stanzas, **letter)
    assert (taken, isinstance(outcome, framing.Received)) == (expected, expected), outcome


FORGED = {
    "a long head for block 0": 1 << 47 | 1 << 18,
    "no symbol": 0,
    "an object beyond 4 MiB": 4095 << 16,
}


@pytest.mark.parametrize("size", [64, 128, 4096])
@pytest.mark.parametrize("name", FORGED)
def test_strange_packets_are_dropped_by_both(name: str, size: int, tmp_path: Path) -> None:
    letter = Letter(file=FILE, name="fox.txt", packet_bytes=size)
    packets = write(letter, random_bytes("forged"))
    head = FORGED[name].to_bytes(6 if FORGED[name] >> 32 else 4, "big")
    body = (packets[0][:4] + head).ljust(size - 4, b"x")
    forged = body + zlib.crc32(CRC_TEXT + body).to_bytes(4, "big")
    packets = [forged, b"", forged[:60], packets[0][:-1] + b"x", *packets]
    assert open_transfer(packets).file == FILE
    inbox = framing.Inbox(tmp_path)
    try:
        outcomes = [outcome for packet in packets if (outcome := inbox.put(packet))]
    finally:
        inbox.close()
    assert [type(outcome) for outcome in outcomes] == [framing.Received]
