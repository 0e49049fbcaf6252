"""Transfers that no sender writes: both implementations take the same and refuse the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import framing

from .second import locks, texts
from .second.locks import Keys, Stanza
from .second.packets import RefusedError, field
from .second.reader import open_transfer
from .second.writer import Letter, random_bytes, write

FILE = b"hello, world"
READER, OTHER = texts.Identity(bytes(range(32))), texts.Identity(bytes(32))
RIGHT = locks.recipient(READER.public[1:33])
WRONG = locks.recipient(OTHER.public[1:33])
WORD = locks.passphrase("right", 1, 1)
WRONG_WORD = locks.passphrase("wrong", 1, 1)


def cut(stanza: Stanza, size: int) -> Stanza:
    """The stanza with a value that is longer or shorter than it should be."""

    def written(transfer: bytes, file_key: bytes, random: locks.Random) -> bytes:
        whole = stanza(transfer, file_key, random)
        return field(whole[0], (whole[3:] + bytes(size))[: max(0, len(whole) - 3 + size)])

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
        taken = open_transfer(packets, keys).file == FILE
    except RefusedError:
        taken = False
    private = [framing.PrivateKey(READER.x25519)]
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
    "another clear key": [forgotten(locks.clear()), RIGHT],
    "a point of low order": [raw(locks.RECIPIENT, bytes(56)), RIGHT],
    "shares of an unknown set": [raw(locks.SHARES, bytes(74)), RIGHT],
    "four passphrases": [WRONG_WORD] * 3 + [WORD],
    "32 recipients": [WRONG] * 31 + [RIGHT],
    "32 recipients, shares among them": [raw(locks.SHARES, bytes(74))] * 31 + [RIGHT],
}
REFUSED: dict[str, Sequence[Stanza]] = {
    "nothing known": [raw(77, b"x")],
    "another file key": [forgotten(RIGHT)],
    "too high costs": [costly(16, 1)],
    "five passphrases": [WRONG_WORD] * 4 + [WORD],
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


SIGNATURE = field(1, bytes(104))
STRANGE: dict[str, tuple[bool, dict[str, Any]]] = {
    "unknown metadata": (True, {"metadata": field(4, b"x") + field(127, b"")}),
    "metadata of later versions": (False, {"metadata": field(131, b"")}),
    "metadata 255": (False, {"metadata": field(255, b"")}),
    "names that come twice": (True, {"metadata": field(1, b"first")}),
    "half a field": (False, {"metadata": b"\1\0"}),
    "size with a zero": (False, {"sized": False, "metadata": field(3, b"\0\x0c")}),
    "expiry with a zero": (False, {"metadata": field(129, b"\0\xff\xff\xff\xff\xff")}),
    "expiry of nine bytes": (False, {"metadata": field(129, b"\1" + bytes(8))}),
    "expiry of eight bytes": (True, {"metadata": field(129, b"\xff" * 8)}),
    "a wrong size": (False, {"sized": False, "metadata": field(3, b"\x0d")}),
    "fields in the trailer": (True, {"trailer": field(3, b"x") + field(127, b"")}),
    "a trailer of later versions": (False, {"trailer": field(128, b"")}),
    "half a field in the trailer": (False, {"trailer": b"\3\0"}),
    "a wrong signature": (False, {"trailer": SIGNATURE}),
    "a short signature": (False, {"trailer": field(1, bytes(103))}),
    "a signature before another field": (False, {"trailer": SIGNATURE + field(3, b"x")}),
    "a code table for nothing": (True, {"trailer": field(2, b"\0")}),
    "too many code tables": (False, {"encrypt_first": True, "trailer": field(2, b"\0")}),
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
