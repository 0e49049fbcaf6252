"""The second implementation itself: published numbers, another library, its own vectors."""

from __future__ import annotations

import pytest
from Crypto.Protocol.SecretSharing import Shamir

from .second import hpke, texts
from .second.locks import Keys
from .second.packets import RefusedError
from .second.reader import open_transfer
from .vectors import generate_second
from .vectors.second_vectors import NAMES, SECOND, check, keys_of, packets_of, read

VECTORS = generate_second.vectors()


def test_the_key_schedule_gives_the_numbers_of_rfc_9180() -> None:
    """Appendix A.7.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export-only, base mode."""
    recipient = bytes.fromhex("33d196c830a12f9ac65d6e565a590d80f04ee9b19c83c87f2c170d972a812848")
    ephemeral = bytes.fromhex("095182b502f1f91f63ba584c7c3ec473d617b8b4c2cec3fad5af7fa6748165ed")
    enc = bytes.fromhex("e5e8f9bfff6c2f29791fc351d2c25ce1299aa5eaca78a757c0b4fb4bcd830918")
    public = bytes.fromhex("194141ca6c3c3beb4792cd97ba0ea1faff09d98435012345766ee33aae2d7664")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    exported = {  # by context
        b"": "7a36221bd56d50fb51ee65edfd98d06a23c4dc87085aa5866cb7087244bd2a36",
        b"\0": "d5535b87099c6c3ce80dc112a2671c6ec8e811a2f284f948cec6dd1708ee33f0",
        b"TestContext": "ffaabc85a776136ca0c378e5d084c9140ab552b78f039d2e8775f26efff4c70e",
    }

    assert hpke.public_key(ephemeral) == enc
    assert hpke.public_key(recipient) == public
    shared = hpke.shared_secret(recipient, enc, enc, public)
    assert shared.hex() == "e81716ce8f73141d4f25ee9098efc968c91e5b8ce52ffff59d64039e82918b66"
    secret = hpke.exporter(shared, info).hex()
    assert secret == "79dc8e0509cf4a3364ca027e5a0138235281611ca910e435e8ed58167c72f79b"
    for context, value in exported.items():
        assert hpke.send(ephemeral, public, info, context, 32).hex() == value
        received = hpke.receive(recipient, enc, info, context, 32)
        assert received is not None
        assert received.hex() == value


def test_a_point_of_low_order_yields_nothing() -> None:
    assert hpke.receive(bytes(range(32)), bytes(32), b"", b"", 32) is None


def test_shares_are_those_of_another_library() -> None:
    """pycryptodome combines shares over the same field, a half at a time."""
    shares = generate_second.SHARES
    for chosen in ((0, 1, 2), (4, 2, 0), (1, 3, 4)):
        halves = [
            Shamir.combine([(shares[i].index, shares[i].value[at : at + 16]) for i in chosen])
            for at in (0, 16)
        ]
        assert b"".join(halves) == generate_second.SPLIT
        assert texts.join([shares[i] for i in chosen]) == generate_second.SPLIT
    assert texts.join(shares[:2]) is None


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_are_made_again_and_open(name: str) -> None:
    text = (SECOND / f"{name}.json").read_text(encoding="utf-8")
    assert text == generate_second.text_of(VECTORS[name])
    vector = read(name)
    for opens in vector["opens"]:
        check(open_transfer(packets_of(vector), keys_of(opens), now=0), vector)


@pytest.mark.parametrize("name", [name for name in VECTORS if {} not in VECTORS[name]["opens"]])
def test_vectors_stay_closed_without_their_keys(name: str) -> None:
    with pytest.raises(RefusedError, match="no key fits"):
        open_transfer(packets_of(read(name)), Keys(passphrases=["wrong"]))


def test_the_folder_holds_all_vectors_and_no_others() -> None:
    assert sorted(VECTORS) == NAMES


def test_a_transfer_that_has_expired_is_refused() -> None:
    vector = read("expiring")
    keys = keys_of(vector["opens"][0])
    open_transfer(packets_of(vector), keys, now=vector["expires"] - 1)
    with pytest.raises(RefusedError, match="expired"):
        open_transfer(packets_of(vector), keys, now=vector["expires"])


def test_too_few_shares_open_nothing() -> None:
    vector = read("shares")
    keys = Keys(shares=keys_of(vector["opens"][0]).shares[:2])
    with pytest.raises(RefusedError, match="no key fits"):
        open_transfer(packets_of(vector), keys)
