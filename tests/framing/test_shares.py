"""Shares against a second GF(2^128), and against shares that the program ssss made."""

import dataclasses
import functools
import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing import armor, identity, shares
from framing.errors import (
    DamagedShareError,
    ForeignShareError,
    KeyTextError,
    MissingShareError,
    WrongSharesError,
)
from framing.identity import Identity
from framing.shares import Share

SEED = bytes(range(32))
FIVE = shares.split(SEED, 3, 5)
MODULUS = 1 << 128 | 1 << 7 | 1 << 2 | 1 << 1 | 1


def times(a, b):
    """Product in GF(2^128)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = a << 1, b >> 1
        if a >> 128:
            a ^= MODULUS
    return product


def power(a, exponent):
    result = 1
    while exponent:
        if exponent & 1:
            result = times(result, a)
        a, exponent = times(a, a), exponent >> 1
    return result


@functools.cache
def inverse(a):
    return power(a, 2**128 - 2)


def at_zero(points):
    """Lagrange: the value at 0 of the polynomial through these (x, block of 16 bytes)."""
    total = 0
    for x, block in points:
        term = int.from_bytes(block, "big")
        for other, _ in points:
            if other != x:
                term = times(term, times(other, inverse(other ^ x)))
        total ^= term
    return total.to_bytes(16, "big")


SSSS = [
    (
        "d9fe73909bae28b3757854c0af7ad405",
        [
            "594ae8964294174d95c33756d2504170",
            "d897459d29da574eb40e93ec552ffe6e",
        ],
    ),
    (
        "ec96aa5c14c9faa699354cf1da74e904",
        [
            "64579fbf1908d66f7239bf6e2b4e41e1",
            "6cd9428df8017b52322561e8c672ae3e",
            "e418776ef5c0579bd9299277374806dd",
        ],
    ),
]


def ours(values):
    """Shares of ssss -D without its term x^k, which our scheme does not have."""
    k = len(values)
    raw = [int(value, 16) ^ power(x, k) for x, value in enumerate(values, 1)]
    return [value.to_bytes(16, "big") for value in raw]


@pytest.mark.parametrize(("secret", "values"), SSSS)
def test_shares_of_ssss(secret, values):
    """The field, the order of bits and the numbering are those of ssss (ssss-split -x -D)."""
    blocks, k = ours(values), len(values)
    assert at_zero(list(enumerate(blocks, 1))).hex() == secret
    parts = [block + block for block in blocks]
    digests = tuple(digest(k, k, x, value) for x, value in enumerate(parts, 1))
    made = [Share(k, k, x, value, digests) for x, value in enumerate(parts, 1)]
    assert shares.join(made).seed.hex() == secret + secret


def digest(k, n, index, value):
    return hashlib.sha256(b"dialtone 2 share" + bytes([k, n, index]) + value).digest()[:16]


@pytest.mark.parametrize(("k", "n"), [(2, 2), (2, 4), (3, 5), (4, 5)])
def test_any_k_of_n(k, n):
    made = [Share.parse(share.text()) for share in shares.split(SEED, k, n)]
    for some in itertools.combinations(made[::-1], k):
        assert shares.join(some).seed == SEED
        for half in (slice(16), slice(16, 32)):
            assert at_zero([(share.index, share.value[half]) for share in some]) == SEED[half]
    assert shares.join(made).seed == SEED
    for some in itertools.combinations(made, k - 1):
        points = [(share.index, share.value[:16]) for share in some]
        assert at_zero(points) != SEED[:16]
        with pytest.raises(MissingShareError):
            shares.join(some)


def test_255_shares():
    made = shares.split(SEED, 2, 255)
    assert [share.index for share in made] == list(range(1, 256))
    assert len(made[254].text()) < 65536
    assert shares.join([Share.parse(made[254].text()), made[0]]).seed == SEED


def test_a_share_as_the_page_says():
    for share in FIVE:
        prefix, data = armor.decode(share.text())
        assert prefix == "dialtone-share-"
        assert data[:4] == bytes([1, 3, 5, share.index])
        assert len(data) == 36 + 5 * 16
        digests = [data[at : at + 16] for at in range(36, len(data), 16)]
        assert digests == [digest(3, 5, x, other.value) for x, other in enumerate(FIVE, 1)]
        whole = hashlib.sha256(b"dialtone 2 shares\x03\x05" + data[36:]).digest()
        assert share.set_id == whole[:16]
        assert Share.parse(share.text()) == share


def test_the_public_key_of_shares():
    ann = Identity(SEED)
    key = shares.split_key(ann, FIVE)
    assert (key.x25519, key.set_id, key.k, key.n) == (ann.public.x25519, FIVE[0].set_id, 3, 5)
    assert identity.parse_public(key.text()) == key
    with pytest.raises(ForeignShareError):
        shares.split_key(ann, [*FIVE, shares.split(SEED, 3, 5)[0]])


def test_splitting_is_random():
    assert shares.split(SEED, 3, 5)[0].value != FIVE[0].value


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ([1, 3], "2 of 3 shares are there; one of 2, 4, 5 is missing."),
        ([4], "1 of 3 shares is there; 2 of 1, 2, 3, 5 are missing."),
        ([5, 5, 5], "1 of 3 shares is there; 2 of 1 to 4 are missing."),
        ([], "There is no share to join."),
    ],
)
def test_too_few_shares(there, sentence):
    with pytest.raises(MissingShareError) as caught:
        shares.join([FIVE[index - 1] for index in there])
    assert str(caught.value) == sentence
    if there:
        assert caught.value.missing == tuple(x for x in range(1, 6) if x not in there)
        assert caught.value.needed == 3


def dealt(*values):
    """Shares 1, 2, ... of which any two join, as whoever deals them chooses the values."""
    n = len(values)
    digests = tuple(digest(2, n, x, value) for x, value in enumerate(values, 1))
    return [Share(2, n, x, value, digests) for x, value in enumerate(values, 1)]


def test_a_dealer_who_mixes_two_keys_is_found_out():
    """The digests bind the holders of the shares, not who made them."""
    one, other = shares.split(SEED, 2, 3), shares.split(bytes(32), 2, 3)
    mixed = dealt(one[0].value, one[1].value, other[2].value)
    assert all(share.is_whole for share in mixed)
    key = shares.split_key(Identity(SEED), mixed)
    assert shares.join(mixed[:2]).seed == shares.join(mixed[:2], key).seed == SEED
    assert shares.join(mixed[1:]).seed != SEED
    with pytest.raises(WrongSharesError, match="join another key than they should"):
        shares.join(mixed[1:], key)


def test_the_expected_key_names_the_set():
    key = shares.split_key(Identity(SEED), FIVE)
    assert shares.join(FIVE[1:4], key).seed == SEED
    again = shares.split_key(Identity(SEED), shares.split(SEED, 3, 5))
    for wrong in (
        again,
        dataclasses.replace(key, x25519=Identity(bytes(32)).public.x25519),
        dataclasses.replace(key, n=6),
    ):
        with pytest.raises(WrongSharesError):
            shares.join(FIVE[1:4], wrong)


def test_a_share_twice_counts_once():
    assert shares.join([FIVE[1], FIVE[1], FIVE[4], FIVE[0], FIVE[4]]).seed == SEED


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_share_of_another_key_is_named(at):
    """Whichever place it has: the others are more."""
    other = shares.split(bytes(32), 3, 5)[3]
    some = FIVE[:2]
    some.insert(at, other)
    with pytest.raises(ForeignShareError, match="Share 4 belongs to another key") as caught:
        shares.join(some)
    assert (caught.value.index, caught.value.set_id) == (4, other.set_id)


def test_another_split_of_the_same_key_is_another_set():
    again = shares.split(SEED, 3, 5)
    with pytest.raises(ForeignShareError, match="Share 3"):
        shares.join([FIVE[0], FIVE[1], again[2]])


@pytest.mark.parametrize("at", [4, 20, 35])
def test_a_damaged_share_is_named(at):
    data = bytearray(armor.decode_as(armor.SHARE, FIVE[1].text()))
    data[at] ^= 1
    with pytest.raises(DamagedShareError, match="Share 2 is damaged") as caught:
        Share.parse(armor.encode(armor.SHARE, bytes(data)))
    assert caught.value.index == 2
    damaged = dataclasses.replace(FIVE[1], value=bytes(data[4:36]))
    with pytest.raises(DamagedShareError, match="Share 2 is damaged"):
        shares.join([FIVE[0], damaged, FIVE[2]])


def test_changed_counts_and_digests_do_not_pass():
    data = armor.decode_as(armor.SHARE, FIVE[1].text())
    for at, value in [(1, 2), (3, 3), (3, 1)]:
        changed = data[:at] + bytes([value]) + data[at + 1 :]
        with pytest.raises(DamagedShareError):
            Share.parse(armor.encode(armor.SHARE, changed))
    changed = data[:-1] + bytes([data[-1] ^ 1])  # the digest of share 5, in share 2
    share = Share.parse(armor.encode(armor.SHARE, changed))
    with pytest.raises(ForeignShareError, match="Share 2"):
        shares.join([FIVE[0], share, FIVE[2]])


HEAD = b"\x01\x03\x05\x01"


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        HEAD,
        HEAD + bytes(32),
        HEAD + bytes(32 + 79),
        HEAD + bytes(32 + 81),
        HEAD + bytes(32 + 96),
        b"\x02\x03\x05\x01" + bytes(112),
        b"\x01\x01\x05\x01" + bytes(112),
        b"\x01\x06\x05\x01" + bytes(112),
        b"\x01\x03\x05\x00" + bytes(112),
        b"\x01\x03\x05\x06" + bytes(112),
        b"\x01\x00\x00\x00" + bytes(32),
    ],
)
def test_shares_that_make_no_sense(data):
    with pytest.raises(KeyTextError):
        Share.parse(armor.encode(armor.SHARE, data))


def test_wrong_calls():
    for seed, k, n in [(SEED, 1, 5), (SEED, 6, 5), (SEED, 2, 256), (SEED[1:], 3, 5)]:
        with pytest.raises(ValueError, match="cannot split"):
            shares.split(seed, k, n)


def test_nothing_secret_is_shown():
    shown = repr(FIVE[0])
    assert "value" not in shown
    assert repr(FIVE[0].value)[2:-1] not in shown


def test_every_change_of_a_character_is_refused():
    text = shares.split(SEED, 2, 2)[0].text()
    for at, letter in enumerate(text):
        other = "b" if letter == "a" else "a"
        with pytest.raises(KeyTextError):
            Share.parse(text[:at] + other + text[at + 1 :])


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=160), st.sampled_from([b"", b"\x01", HEAD]))
def test_any_data(data, head):
    text = armor.encode(armor.SHARE, head + data)
    try:
        assert Share.parse(text).text() == text
    except (KeyTextError, DamagedShareError):
        return
