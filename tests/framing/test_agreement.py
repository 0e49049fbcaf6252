"""What this implementation writes, the second one reads: transfers of every kind, and key texts."""

from __future__ import annotations

import io
import itertools
import string
from typing import Any

import pytest

import framing
from framing import armor, shares, statements
from framing.errors import FramingError
from framing.identity import Identity, fingerprint_of, parse_public

from .second import texts
from .second.hpke import public_key
from .second.locks import CLEAR, PASSPHRASE, RECIPIENT, RSA, SHARES, Keys, load_rsa
from .second.packets import RefusedError
from .second.reader import Received, open_transfer
from .second.writer import random_bytes
from .vectors.second_vectors import FOLDER

SIZES = (64, 128, 350, 1053, 4096)
EXPIRES = 4102444800
SEED = bytes(range(100, 132))
SIGNER, READER = Identity(bytes(32)), Identity(bytes(range(32)))
ONE_TIME = bytes(range(32, 64))
SPLIT = Identity(SEED)
PARTS = shares.split(SEED, 3, 5)
PEM = (FOLDER / "rsa.pem").read_bytes()

LOCKS = {
    CLEAR: framing.ClearKey(),
    PASSPHRASE: framing.Passphrase("grün", cost=10),
    RECIPIENT: framing.Recipient(READER.public.x25519, READER.public.ed25519),
    RSA: framing.RsaRecipient(PEM),
    SHARES: framing.SharesRecipient(shares.split_key(SPLIT, PARTS)),
}
KEYS = {
    CLEAR: Keys(),
    PASSPHRASE: Keys(passphrases=["wrong", "gru\u0308n"]),
    RECIPIENT: Keys(identities=[texts.Identity(READER.seed)]),
    RSA: Keys(rsa=[load_rsa(PEM)]),
    SHARES: Keys(shares=[texts.read_share(PARTS[i].text()) for i in (4, 0, 3)]),
}
LIVE = ("sized", "live")
FEATURES: dict[str, dict[str, Any]] = {
    "bare": {},
    "signed": {"signer": SIGNER},
    "expiring": {"expires": EXPIRES},
    "encrypt first": {"encrypt_first": True},
    "all": {"signer": SIGNER, "expires": EXPIRES, "encrypt_first": True},
}
TEXT = b"In the beginning was the packet, and the packet was with the modem. " * 2000
FILES = {
    "empty": b"",
    "one byte": b"x",
    "short": TEXT[:500],
    "1024 bytes": TEXT[:1024],
    "one value": bytes(70000),
    "three chunks": TEXT[:131073],
    "whole chunks": TEXT[:131072],
    "sealed chunks": TEXT[: 2 * 65520],
    "noise": random_bytes("noise")(65537),
}


def packets_of(file: bytes, size: int, key: framing.KeyChoice, sized: bool, **more: Any) -> list:
    """All packets of one pass."""
    outgoing = framing.Outgoing(
        io.BytesIO(file),
        name="fox.txt",
        media="text/plain",
        key=key,
        packet_bytes=size,
        size=len(file) if sized else None,
        **more,
    )
    try:
        packets = list(outgoing)
    finally:
        outgoing.close()
    assert {len(packet) for packet in packets} == {size}
    return packets


def check(received: Received, file: bytes, sized: bool, **more: Any) -> None:
    header = received.header
    assert received.file == file
    assert received.keys_agree
    assert (header.name, header.media) == ("fox.txt", "text/plain")
    assert header.size == (len(file) if sized else None)
    assert header.expires == more.get("expires")
    assert header.encrypt_first == more.get("encrypt_first", False)
    assert received.signer == (SIGNER.public.ed25519 if "signer" in more else None)


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("size", SIZES)
def test_every_stanza_opens(size: int, feature: str, live: str) -> None:
    sized, more, file = live == "sized", FEATURES[feature], FILES["short"]
    for tag, lock in LOCKS.items():
        received = open_transfer(packets_of(file, size, lock, sized, **more), KEYS[tag])
        check(received, file, sized, **more)
        assert received.header.opened == tag
    received = open_transfer(packets_of(file, size, framing.Plain(), sized, **more))
    check(received, file, sized, **more)
    assert received.header.stanzas == ()


@pytest.mark.parametrize("size", SIZES)
def test_each_of_several_stanzas_opens(size: int) -> None:
    locks = [lock for tag, lock in LOCKS.items() if tag != CLEAR]
    locks.append(framing.Recipient(public_key(ONE_TIME), READER.public.ed25519))
    packets = packets_of(FILES["short"], size, locks, True)
    for keys in (
        *(KEYS[tag] for tag in LOCKS if tag != CLEAR),
        Keys(one_time=[(ONE_TIME, READER.public.ed25519)]),
    ):
        check(open_transfer(packets, keys), FILES["short"], True)
    with pytest.raises(RefusedError, match="no key fits"):
        open_transfer(packets, Keys(passphrases=["wrong"], shares=KEYS[SHARES].shares[:2]))


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("feature", ["bare", "encrypt first", "all"])
@pytest.mark.parametrize("name", FILES)
def test_files_of_every_length(name: str, feature: str, live: str) -> None:
    sized, more, file = live == "sized", FEATURES[feature], FILES[name]
    for size, (key, keys) in itertools.product(
        (350, 4096), ((framing.Plain(), Keys()), (LOCKS[RECIPIENT], KEYS[RECIPIENT]))
    ):
        check(open_transfer(packets_of(file, size, key, sized, **more), keys), file, sized, **more)


def test_all_modes_are_among_them() -> None:
    modes = set()
    for file in FILES.values():
        modes |= set(open_transfer(packets_of(file, 350, framing.Plain(), True)).modes)
    assert modes == {0, 1, 2}


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize("feature", ["bare", "all"])
def test_blocks_of_both_heads(feature: str, live: str) -> None:
    """Eight blocks of at most 4095 symbols: the last ones have the long head."""
    sized, more, file = live == "sized", FEATURES[feature], random_bytes("blocks")(24 * 65536)
    packets = packets_of(file, 64, LOCKS[RECIPIENT], sized, **more)
    assert any(packet[4] & 0x80 for packet in packets)
    check(open_transfer(packets, KEYS[RECIPIENT]), file, sized, **more)


def test_an_expired_transfer_is_refused() -> None:
    packets = packets_of(b"x", 350, framing.Plain(), True, expires=EXPIRES)
    open_transfer(packets, now=EXPIRES - 1)
    with pytest.raises(RefusedError, match="expired"):
        open_transfer(packets, now=EXPIRES)


def test_public_keys_and_fingerprints_are_the_same() -> None:
    here, there = SIGNER.public, texts.Identity(SIGNER.seed).public
    assert here.data == there
    assert here.text() == texts.to_text("dialtone-key-", there)
    assert parse_public("# Alice\n" + texts.to_text("dialtone-key-", there).upper()) == here
    assert here.fingerprint == fingerprint_of(there) == texts.fingerprint(there)


def test_identities_open_in_both() -> None:
    second = texts.Identity(SEED).locked("gru\u0308n", bytes(range(16)), 4, 2)
    assert Identity.unlock(second, "grün").seed == SEED
    assert texts.unlock(SPLIT.lock("grün", cost=10), "gru\u0308n").seed == SEED
    assert SPLIT.x25519 == texts.Identity(SEED).x25519
    with pytest.raises(FramingError):
        Identity.unlock(second, "grau")
    with pytest.raises(RefusedError):
        texts.unlock(SPLIT.lock("grün", cost=10), "grau")


@pytest.mark.parametrize(("k", "n"), [(2, 2), (3, 5), (2, 255), (17, 40)])
def test_shares_join_in_both(k: int, n: int) -> None:
    here = shares.split(SEED, k, n)
    there = texts.split(SEED, k, n, random_bytes("split"))
    chosen = range(n - k, n)
    assert texts.join([texts.read_share(here[i].text()) for i in chosen]) == SEED
    parsed = [shares.Share.parse(there[i].text) for i in chosen]
    assert shares.join(parsed).seed == SEED
    assert parsed[0].set_id == there[0].set_id
    assert shares.split_key(SPLIT, parsed).data == texts.split_public(SEED, there[0])
    assert texts.read_share(here[0].text()).set_id == here[0].set_id
    assert [share.text for share in there[:k]] == [
        shares.Share.parse(share.text).text() for share in there[:k]
    ]


def test_split_keys_have_the_same_fingerprint() -> None:
    there = texts.split(SEED, 3, 5, random_bytes("split"))
    data = texts.split_public(SEED, there[0])
    key = parse_public(texts.to_text("dialtone-key-", data))
    assert key.data == data
    assert key.fingerprint == texts.fingerprint(data)


def test_statements_are_read_by_both() -> None:
    signer, publics = texts.Identity(SIGNER.seed), [public_key(ONE_TIME), public_key(SEED)]
    here = statements.one_time_bundle(SIGNER, publics)
    assert here == texts.onetime(signer, publics)
    assert texts.read_onetime(here) == (signer.signer, publics)
    assert statements.read_one_time_bundle(here) == (signer.signer, publics)
    revoked = statements.revocation(SIGNER, EXPIRES)
    assert revoked == texts.revocation(signer, EXPIRES)
    assert texts.read_revocation(revoked) == (signer.signer, EXPIRES)
    assert statements.read_revocation(revoked) == (signer.signer, EXPIRES)


def test_texts_survive_lines_white_space_and_case() -> None:
    text = texts.to_text("dialtone-key-", SIGNER.public.data)
    wrapped = "# a comment\n" + "\n".join([text[:20].upper(), "  " + text[20:60], text[60:]]) + "\n"
    assert (
        texts.from_text(wrapped) == armor.decode(wrapped) == ("dialtone-key-", SIGNER.public.data)
    )


@pytest.mark.parametrize("bit", [1, 2, 4])
def test_bits_behind_the_last_letter_are_refused_by_both(bit: int) -> None:
    """69 bytes have 111 letters, with three bits to spare."""
    text, alphabet = SIGNER.public.text(), string.ascii_lowercase + "234567"
    changed = text[:-1] + alphabet[alphabet.index(text[-1]) ^ bit]
    with pytest.raises(RefusedError):
        texts.from_text(changed)
    with pytest.raises(FramingError):
        armor.decode(changed)


@pytest.mark.parametrize("at", [5, 20, 60, -1])
def test_a_changed_letter_is_noticed_by_both(at: int) -> None:
    text = texts.to_text("dialtone-key-", SIGNER.public.data)
    changed = list(text)
    changed[at] = "b" if changed[at] == "a" else "a"
    with pytest.raises(RefusedError):
        texts.from_text("".join(changed))
    with pytest.raises(FramingError):
        armor.decode("".join(changed))


IDENTITY = texts.data_of(texts.Identity(SEED).locked("grün", bytes(16), 4, 1), "identity")
SHARE = texts.data_of(texts.split(SEED, 2, 3, random_bytes("split"))[1].text, "share")
BUNDLE = texts.data_of(texts.onetime(texts.Identity(SEED), [public_key(ONE_TIME)]), "onetime")
REVOKED = texts.data_of(texts.revocation(texts.Identity(SEED), EXPIRES), "revoked")


def flipped(data: bytes, at: int) -> bytes:
    """The data with one bit changed."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def bundle(*keys: bytes) -> bytes:
    """Data of a signed bundle."""
    return texts.data_of(texts.onetime(texts.Identity(SEED), keys), "onetime")


HIGH = SIGNER.public.data[:32] + bytes([SIGNER.public.data[32] | 0x80])
NINE = (2**255 - 19 + 9).to_bytes(32, "little")
NEUTRAL = (1).to_bytes(32, "little")  # (0, 1), whose signature R = (0, 1), S = 0 fits everything
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")

BAD = {
    "bundle without keys": ("onetime", bundle()),
    "bundle with a key twice": ("onetime", bundle(*[public_key(ONE_TIME)] * 2)),
    "bundle with a key of small order": ("onetime", bundle(public_key(ONE_TIME), bytes(32))),
    "key of small order": ("key", b"\1" + bytes(32) + SIGNER.public.ed25519),
    "key with the top bit": ("key", HIGH + SIGNER.public.ed25519),
    "key above the prime": ("key", b"\1" + NINE + SIGNER.public.ed25519),
    "split key with the top bit": ("key", b"\2" + HIGH[1:] + bytes(16) + b"\2\3"),
    "bundle with a key with the top bit": ("onetime", bundle(HIGH[1:])),
    "signing key of order 1": ("key", SIGNER.public.data[:33] + NEUTRAL),
    "signing key of order 2": ("key", SIGNER.public.data[:33] + b"\xec" + b"\xff" * 30 + b"\x7f"),
    "signing key of order 4": ("key", SIGNER.public.data[:33] + bytes(32)),
    "signing key of order 8": ("key", SIGNER.public.data[:33] + ORDER_8),
    "bundle of a key of order 1": (
        "onetime",
        b"\1" + NEUTRAL + b"\1" + public_key(ONE_TIME) + NEUTRAL + bytes(32),
    ),
    "revocation of a key of order 1": ("revoked", b"\1" + NEUTRAL + bytes(8) + NEUTRAL + bytes(32)),
    "split key of small order": ("key", b"\2\1" + bytes(47) + b"\2\3"),
    "key that is no point": ("key", SIGNER.public.data[:33] + b"\2" + bytes(31)),
    "key that is not reduced": ("key", SIGNER.public.data[:33] + b"\xff" * 31 + b"\x7f"),
    "identity of another version": ("identity", b"\2" + IDENTITY[1:]),
    "identity with c = 0": ("identity", b"\1\0" + IDENTITY[2:]),
    "identity with c = 16": ("identity", b"\1\x10" + IDENTITY[2:]),
    "identity with p = 0": ("identity", IDENTITY[:2] + b"\0" + IDENTITY[3:]),
    "identity with p = 13": ("identity", IDENTITY[:2] + b"\x0d" + IDENTITY[3:]),
    "identity with another salt": ("identity", flipped(IDENTITY, 5)),
    "identity with another public key": ("identity", flipped(IDENTITY, 30)),
    "identity that is too short": ("identity", IDENTITY[:-1]),
    "identity that is too long": ("identity", IDENTITY + b"\0"),
    "share of another version": ("share", b"\2" + SHARE[1:]),
    "share with k = 1": ("share", b"\1\1" + SHARE[2:]),
    "share with k over n": ("share", b"\1\4" + SHARE[2:]),
    "share number 0": ("share", SHARE[:3] + b"\0" + SHARE[4:]),
    "share number n + 1": ("share", SHARE[:3] + b"\4" + SHARE[4:]),
    "share of another number": ("share", SHARE[:3] + b"\1" + SHARE[4:]),
    "share with another value": ("share", flipped(SHARE, 10)),
    "share that is too short": ("share", SHARE[:-16]),
    "share that is too long": ("share", SHARE + bytes(16)),
    "bundle of another version": ("onetime", b"\2" + BUNDLE[1:]),
    "bundle with another key": ("onetime", flipped(BUNDLE, 40)),
    "bundle with another count": ("onetime", flipped(BUNDLE, 33)),
    "bundle that is too long": ("onetime", BUNDLE + b"\0"),
    "bundle that is empty": ("onetime", b""),
    "revocation of another version": ("revoked", b"\2" + REVOKED[1:]),
    "revocation at another time": ("revoked", flipped(REVOKED, 40)),
    "revocation that is too short": ("revoked", REVOKED[:-1]),
    "key of another kind": ("key", b"\3" + SIGNER.public.data[1:]),
    "key that is too short": ("key", SIGNER.public.data[:-1]),
    "split key that is too long": ("key", b"\2" + bytes(51)),
    "split key with k = 1": ("key", b"\2" + bytes(48) + b"\1\3"),
    "split key with k over n": ("key", b"\2" + bytes(48) + b"\4\3"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_texts_are_refused_by_both(name: str) -> None:
    word, data = BAD[name]
    here, there = {
        "identity": (lambda t: Identity.unlock(t, "grün"), lambda t: texts.unlock(t, "grün")),
        "share": (shares.Share.parse, texts.read_share),
        "onetime": (statements.read_one_time_bundle, texts.read_onetime),
        "revoked": (statements.read_revocation, texts.read_revocation),
        "key": (parse_public, texts.read_public),
    }[word]
    text = texts.to_text(f"dialtone-{word}-", data)
    with pytest.raises(RefusedError):
        there(text)
    with pytest.raises(FramingError):
        here(text)
