"""The vectors of the second implementation as they lie in the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..second import texts
from ..second.locks import NOBODY, Keys, load_rsa
from ..second.reader import Received

FOLDER = Path(__file__).parent
SECOND = FOLDER / "second"
NAMES = sorted(path.stem for path in SECOND.glob("*.json"))
Vector = dict[str, Any]


def read(name: str) -> Vector:
    """A vector of the folder."""
    vector: Vector = json.loads((SECOND / f"{name}.json").read_text(encoding="utf-8"))
    return vector


def packets_of(vector: Vector) -> list[bytes]:
    """Its packets."""
    return [bytes.fromhex(packet) for packet in vector["packets"]]


def file_of(vector: Vector) -> bytes:
    """Its file."""
    return b"".join(bytes.fromhex(data) * times for data, times in vector["file"])


def signer_of(vector: Vector) -> bytes | None:
    """Ed25519 key of who signed it."""
    return texts.read_public(vector["signer"])[33:] if vector["signer"] else None


def pem_of(opens: dict[str, Any]) -> bytes:
    """The RSA key that opens a vector."""
    return (FOLDER / opens["pem"]).read_bytes()


def keys_of(opens: dict[str, Any]) -> Keys:
    """What opens a vector, for the second implementation."""
    if "passphrase" in opens:
        return Keys(passphrases=[opens["passphrase"]])
    if "identity" in opens:
        return Keys(identities=[texts.unlock(opens["identity"], opens["identity_passphrase"])])
    if "private" in opens:
        owner, _ = texts.read_onetime(opens["bundle"])
        return Keys(one_time=[(bytes.fromhex(opens["private"]), owner)])
    if "pem" in opens:
        return Keys(rsa=[load_rsa(pem_of(opens))])
    if "shares" in opens:
        return Keys(shares=[texts.read_share(text) for text in opens["shares"]])
    return NOBODY


def check(received: Received, vector: Vector) -> None:
    """Everything that was read is what the vector says."""
    header = received.header
    assert received.file == file_of(vector)
    assert received.keys_agree
    assert (header.name, header.media) == (vector["name"], vector["media"])
    assert header.size == (len(received.file) if vector["sized"] else None)
    assert (header.expires, header.encrypt_first) == (vector["expires"], vector["encrypt_first"])
    assert (received.signer, received.signed) == (signer_of(vector), vector["signed"])
