"""Identities against RFC 7748, RFC 8032 and a second implementation of framing/README.md."""

import base64
import contextlib
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from framing import armor, cipher, identity, one_time
from framing.errors import (
    CostlyKeyError,
    KeyTextError,
    WrongIdentityError,
    WrongPassphraseError,
)
from framing.identity import Identity, PublicKey, SplitKey

from .curves import ORDER, P, ed25519, hkdf, small_order, x25519

SEED = bytes(range(32))
ANN = Identity(SEED)
LOCKED = ANN.lock("correct horse", cost=10)
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(seed, public, message, signature):
    """Section 7.1, tests 1 and 2; the second implementation has to pass them too."""
    public, message, signature = map(bytes.fromhex, (public, message, signature))
    assert ed25519(bytes.fromhex(seed), message) == (public, signature)
    assert identity.verify(public, message, signature)
    assert not identity.verify(public, message + b"\0", signature)
    for at in range(0, 64, 7):
        broken = bytearray(signature)
        broken[at] ^= 1
        assert not identity.verify(public, message, bytes(broken))


def test_rfc_8032_a_signature_has_one_form():
    """Section 5.1.7: S must be below the order, else anybody could write a second signature."""
    signature = ANN.sign(b"hello")
    more = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    assert identity.verify(ANN.public.ed25519, b"hello", signature)
    assert not identity.verify(ANN.public.ed25519, b"hello", signature[:32] + more)


@pytest.mark.parametrize(
    ("private", "public"),
    [
        (
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        ),
        (
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        ),
    ],
)
def test_rfc_7748(private, public):
    """Section 6.1."""
    assert identity.x25519_public(bytes.fromhex(private)).hex() == public
    assert x25519(bytes.fromhex(private)).hex() == public


@pytest.mark.parametrize("seed", [bytes(32), SEED, b"\xff" * 32])
def test_keys_of_a_seed(seed):
    ann = Identity(seed)
    private, signing = hkdf(seed, b"dialtone 2 x25519"), hkdf(seed, b"dialtone 2 ed25519")
    public, signature = ed25519(signing, b"hello")
    assert ann.x25519 == private
    assert ann.public == PublicKey(x25519(private), public)
    assert ann.sign(b"hello") == signature
    assert identity.verify(ann.public.ed25519, b"hello", signature)


def test_public_key_and_fingerprint():
    data = b"\x01" + ANN.public.x25519 + ANN.public.ed25519
    assert armor.decode(ANN.public.text()) == (armor.KEY, data)
    letters = base64.b32encode(hashlib.sha256(b"dialtone 2 fingerprint" + data).digest())
    assert ANN.public.fingerprint.replace("-", "") == letters.decode().lower()[:20]
    assert [len(group) for group in ANN.public.fingerprint.split("-")] == [4] * 5
    assert identity.parse_public(ANN.public.text()) == ANN.public


def test_split_public_key():
    key = SplitKey(ANN.public.x25519, b"s" * 16, 3, 5)
    data = b"\x02" + ANN.public.x25519 + b"s" * 16 + b"\x03\x05"
    assert armor.decode(key.text()) == (armor.KEY, data)
    assert identity.parse_public(key.text()) == key
    assert key.fingerprint == identity.fingerprint_of(data) != ANN.public.fingerprint


def test_new_identities_differ():
    assert Identity.new().seed != Identity.new().seed


GOOD = ANN.public.data
SPLIT = b"\x02" + ANN.public.x25519 + bytes(16)
NO_POINT = (2).to_bytes(32, "little")  # no x fits this y
SMALL = [0, 1, P - 1, P, P + 1, 1 << 255]
TOP = 1 << 255  # the bit that RFC 7748, section 5, has a reader mask
U = int.from_bytes(ANN.public.x25519, "little")
DOUBLE = [U | TOP, P + 9, TOP - 1]  # other ways to write a key


SMALL_ED25519 = small_order()


def test_points_of_small_order():
    """The eight of them, which include 0, 1 and -1 as y."""
    assert len(set(SMALL_ED25519)) == 8
    known = [
        bytes(32),
        bytes(31) + b"\x80",
        (1).to_bytes(32, "little"),
        (P - 1).to_bytes(32, "little"),
    ]
    assert set(known) < set(SMALL_ED25519)


@pytest.mark.parametrize("key", SMALL_ED25519)
def test_signatures_of_small_order_are_none(key):
    """R = (0, 1) and S = 0 fit the equation of RFC 8032, section 5.1.7, whatever was signed: an
    implementation that does not look at the key takes some of these for any message."""
    signature = (1).to_bytes(32, "little") + bytes(32)
    taken = [taken_by_another(key, signature, bytes([number])) for number in range(64)]
    assert any(taken)
    for number in range(64):
        assert not identity.verify(key, bytes([number]), signature)


def taken_by_another(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize(
    "data",
    [
        GOOD[:-1],
        GOOD + b"\0",
        b"\x00" + GOOD[1:],
        b"\x02" + GOOD[1:],
        b"\x03" + GOOD[1:],
        b"\x01",
        GOOD[:33] + NO_POINT,
        *(GOOD[:33] + key for key in SMALL_ED25519),
        *(b"\x01" + u.to_bytes(32, "little") + GOOD[33:] for u in [*SMALL, *DOUBLE]),
        b"\x02" + (U | TOP).to_bytes(32, "little") + bytes(16) + b"\x03\x05",
        SPLIT + b"\x01\x05",
        SPLIT + b"\x00\x00",
        SPLIT + b"\x06\x05",
        SPLIT + b"\x03\x05\x00",
        SPLIT + b"\x03",
        b"\x02" + bytes(48) + b"\x03\x05",
    ],
)
def test_public_keys_that_are_refused(data):
    with pytest.raises(KeyTextError):
        identity.parse_public(armor.encode(armor.KEY, data))


def test_verify_takes_any_bytes():
    good = ANN.sign(b"")
    for key, signature in [(b"", good), (NO_POINT, good), (bytes(57), good), (GOOD[33:], b"")]:
        assert not identity.verify(key, b"", signature)


def locked_as_written(seed, public, passphrase, *, cost=10, passes=3, version=1):
    """A locked identity from the page, by hashlib's scrypt."""
    clear = bytes([version, cost, passes]) + b"0123456789abcdef" + public
    key = hashlib.scrypt(passphrase, salt=clear[3:19], n=1 << cost, r=8, p=passes, dklen=32)
    sealed = cipher.aes_gcm_seal(key, bytes(12), clear, seed)
    return armor.encode(armor.IDENTITY, clear + sealed)


def test_lock_and_unlock():
    assert Identity.unlock(LOCKED, b"correct horse").seed == SEED
    assert LOCKED.startswith("dialtone-identity-")
    assert "\n" not in LOCKED
    assert identity.locked_public(LOCKED) == ANN.public
    assert ANN.lock("correct horse", cost=10) != LOCKED


def test_locked_identity_as_the_page_says():
    for passes in (1, 12):
        text = locked_as_written(SEED, GOOD, b"pw", passes=passes, cost=4)
        assert Identity.unlock(text, "pw").seed == SEED
    prefix, data = armor.decode(LOCKED)
    assert (prefix, len(data), data[:3]) == (armor.IDENTITY, 132, bytes([1, 10, cipher.PASSES]))
    key = hashlib.scrypt(b"correct horse", salt=data[3:19], n=1024, r=8, p=data[2], dklen=32)
    assert cipher.aes_gcm_open(key, bytes(12), data[:84], data[84:]) == SEED


def test_the_default_cost():
    data = armor.decode_as(armor.IDENTITY, ANN.lock("pw"))
    assert data[1:3] == bytes([cipher.COST_DEFAULT, cipher.PASSES])
    assert Identity.unlock(ANN.lock("pw"), "pw").seed == SEED


def test_text_passphrases_are_normalized():
    """NFC, whichever way the keyboard writes an accent; bytes are taken as they are."""
    composed, apart = "B\u00e4r", "Ba\u0308r"
    for written in (composed, apart):
        text = ANN.lock(written, cost=10)
        for typed in (composed, apart, composed.encode()):
            assert Identity.unlock(text, typed).seed == SEED
        with pytest.raises(WrongPassphraseError):
            Identity.unlock(text, apart.encode())


@pytest.mark.parametrize("typed", ["pa\udcffss", "\ud800", "a\udc80\ud800"])
def test_what_is_no_text_is_a_passphrase_too(typed):
    """PEP 383: Python reads bytes that are no UTF-8 as lone surrogates."""
    text = ANN.lock(typed, cost=10)
    assert Identity.unlock(text, typed).seed == SEED
    if typed == "pa\udcffss":
        assert Identity.unlock(text, b"pa\xffss").seed == SEED
    with pytest.raises(WrongPassphraseError):
        Identity.unlock(text, "pass")


def test_wrong_passphrase():
    for passphrase in ("correct horsf", b"", b"\xff"):
        with pytest.raises(WrongPassphraseError, match="does not open this identity"):
            Identity.unlock(LOCKED, passphrase)


@pytest.mark.parametrize(
    ("cost", "passes", "error"),
    [
        (16, 3, CostlyKeyError),
        (255, 3, CostlyKeyError),
        (15, 13, CostlyKeyError),
        (1, 255, CostlyKeyError),
        (0, 3, KeyTextError),
        (10, 0, KeyTextError),
        (0, 255, KeyTextError),
    ],
)
def test_costs_that_are_refused_untried(cost, passes, error, monkeypatch):
    monkeypatch.setattr(identity, "scrypt", None)
    data = bytearray(armor.decode_as(armor.IDENTITY, LOCKED))
    data[1:3] = cost, passes
    with pytest.raises(error):
        Identity.unlock(armor.encode(armor.IDENTITY, bytes(data)), "correct horse")


def test_changed_identities_are_refused():
    data = armor.decode_as(armor.IDENTITY, LOCKED)
    cut = [data[:-1], data + b"\0", b"\x02" + data[1:], data[:19] + b"\x02" + data[20:], b"\x01"]
    for changed in cut:
        with pytest.raises(KeyTextError):
            Identity.unlock(armor.encode(armor.IDENTITY, changed), "correct horse")
    for at in (3, 84, 131):
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(WrongPassphraseError):
            Identity.unlock(armor.encode(armor.IDENTITY, bytes(broken)), "correct horse")


def test_a_foreign_public_key_in_an_identity():
    """Who knows the passphrase, or seals the whole anew, must not pass off another's key."""
    text = locked_as_written(SEED, Identity(bytes(32)).public.data, b"pw")
    with pytest.raises(KeyTextError, match="not its own"):
        Identity.unlock(text, "pw")


def test_wrong_calls():
    for call in (
        lambda: ANN.lock(""),
        lambda: ANN.lock("pw", cost=9),
        lambda: ANN.lock("pw", cost=16),
        lambda: Identity(bytes(31)),
        lambda: PublicKey(bytes(32), bytes(31)),
        lambda: SplitKey(bytes(32), bytes(16), 4, 3),
        lambda: one_time.OneTimeKey(bytes(31)),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            call()


def test_nothing_secret_is_shown():
    key = one_time.OneTimeKey(SEED)
    shown = repr(ANN) + str(ANN) + repr(key) + str(vars(ANN).keys())
    assert repr(ANN) == f"Identity({ANN.public.fingerprint})"
    for secret in (SEED, ANN.x25519):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


def test_one_time_keys_at_rest():
    key = one_time.OneTimeKey.new()
    data = key.seal(ANN)
    assert len(data) == 92
    assert data[:32] == key.public == x25519(key.private)
    store = hkdf(SEED, b"dialtone 2 one-time store")
    assert cipher.aes_gcm_open(store, data[32:44], key.public, data[44:]) == key.private
    assert one_time.OneTimeKey.open(data, ANN) == key
    assert key.seal(ANN)[32:44] != data[32:44]


def test_one_time_keys_that_do_not_open():
    key = one_time.OneTimeKey.new()
    data = key.seal(ANN)
    with pytest.raises(WrongIdentityError):
        one_time.OneTimeKey.open(data, Identity.new())
    for at in range(0, 92, 7):
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(WrongIdentityError):
            one_time.OneTimeKey.open(bytes(broken), ANN)
    for cut in (b"", data[:-1], data + b"\0"):
        with pytest.raises(KeyTextError):
            one_time.OneTimeKey.open(cut, ANN)
    store, other = hkdf(SEED, b"dialtone 2 one-time store"), one_time.OneTimeKey.new().public
    forged = other + bytes(12) + cipher.aes_gcm_seal(store, bytes(12), other, key.private)
    with pytest.raises(KeyTextError):
        one_time.OneTimeKey.open(forged, ANN)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=140), st.integers(0, 2))
def test_any_data(data, likely):
    """Whatever a text holds: a key, or a named error."""
    heads = [b"", b"\x01", bytes([1, 2, 1]) + bytes(16) + b"\x01"]
    data = heads[likely] + data
    for prefix in (armor.KEY, armor.IDENTITY):
        text = armor.encode(prefix, data)
        with contextlib.suppress(KeyTextError):
            assert identity.parse_public(text).text() == text
        with contextlib.suppress(KeyTextError, WrongPassphraseError, CostlyKeyError):
            Identity.unlock(text, "pw")
