"""Both implementations open every vector: those of one and those of the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import framing
from framing.identity import Identity, x25519_public
from framing.keys import rsa_private_key
from framing.shares import Share, join
from framing.statements import read_one_time_bundle

from .second.locks import Keys
from .second.reader import open_transfer
from .vectors import generate
from .vectors.second_vectors import (
    FOLDER,
    NAMES,
    file_of,
    packets_of,
    pem_of,
    read,
    signer_of,
)

OWN = sorted(path.stem for path in FOLDER.glob("*.json"))


def keys_of(opens: dict[str, Any]) -> framing.Keys:
    """What opens a vector, for this implementation."""
    private = []
    if "identity" in opens:
        identity = Identity.unlock(opens["identity"], opens["identity_passphrase"])
        private = [framing.PrivateKey(identity.x25519, identity.public.ed25519)]
    elif "private" in opens:
        owner, publics = read_one_time_bundle(opens["bundle"])
        private = [framing.PrivateKey(bytes.fromhex(opens["private"]), owner)]
        assert x25519_public(private[0].x25519) in publics
    elif "shares" in opens:
        shares = [Share.parse(text) for text in opens["shares"]]
        private = [framing.PrivateKey(join(shares).x25519, set_id=shares[0].set_id)]
    return framing.Keys(
        passphrases=[opens["passphrase"]] if "passphrase" in opens else [],
        private_keys=lambda: private,
        rsa=[rsa_private_key(pem_of(opens), None)] if "pem" in opens else [],
    )


def receive(packets: list[bytes], folder: Path, keys: framing.Keys) -> framing.Received:
    """The one file that the packets hold."""
    inbox = framing.Inbox(folder, keys)
    try:
        outcomes = [outcome for packet in packets if (outcome := inbox.put(packet))]
    finally:
        inbox.close()
    (received,) = outcomes
    assert isinstance(received, framing.Received), received
    return received


@pytest.mark.parametrize("name", NAMES)
def test_vectors_of_the_second_implementation_are_received(name: str, tmp_path: Path) -> None:
    vector = read(name)
    for i, opens in enumerate(vector["opens"]):
        received = receive(packets_of(vector), tmp_path / str(i), keys_of(opens))

        assert received.path.read_bytes() == file_of(vector)
        assert (received.name, received.media) == (vector["name"], vector["media"])
        assert received.expires == vector["expires"]
        assert (received.signer, received.signed_at) == (signer_of(vector), vector["signed"])


def own(name: str) -> tuple[dict[str, Any], list[bytes]]:
    """A vector of this implementation and its packets."""
    vector: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return vector, packets_of(vector)


@pytest.mark.parametrize("name", OWN)
def test_the_second_implementation_opens_the_vectors_of_this_one(name: str) -> None:
    vector, packets = own(name)
    keys = Keys(passphrases=[vector["passphrase"]] if vector["passphrase"] else [])
    received = open_transfer(packets, keys)

    assert received.file == bytes.fromhex(vector["file"])
    assert (received.header.name, received.header.media) == (vector["name"], vector["media"])
    assert received.header.size == len(received.file)


@pytest.mark.parametrize("name", OWN)
def test_a_repair_symbol_replaces_the_first_packet(name: str, tmp_path: Path) -> None:
    vector, packets = own(name)
    keys = framing.Keys(passphrases=[vector["passphrase"]] if vector["passphrase"] else [])
    received = receive(packets[1:], tmp_path, keys)

    assert received.path.read_bytes() == bytes.fromhex(vector["file"])
    assert (received.name, received.media) == (vector["name"], vector["media"])


@pytest.mark.parametrize("name", OWN)
def test_vectors_of_this_implementation_are_made_again(name: str) -> None:
    assert generate.make(name) == own(name)[0]
