"""Texts of keys against base64 of the standard library and the words of framing/README.md."""

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing import armor
from framing.errors import KeyTextError

PREFIXES = [armor.KEY, armor.IDENTITY, armor.SHARE, armor.ONE_TIME, armor.REVOKED]
DATA = bytes(range(65))
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def written(prefix, data):
    """As the page says it."""
    whole = data + hashlib.sha256(prefix.encode() + data).digest()[:4]
    return prefix + base64.b32encode(whole).decode().strip("=").lower()


def test_base32():
    """RFC 4648, section 10, in lower case and without padding."""
    known = ["", "my", "mzxq", "mzxw6", "mzxw6yq", "mzxw6ytb", "mzxw6ytboi"]
    assert [armor.base32(b"foobar"[:size]) for size in range(7)] == known


@given(st.sampled_from(PREFIXES), st.binary(min_size=1, max_size=200))
def test_texts(prefix, data):
    text = armor.encode(prefix, data)
    assert text == written(prefix, data)
    assert armor.decode(text) == (prefix, data)
    assert armor.decode(text.upper()) == (prefix, data)
    assert armor.decode_as(prefix, text) == data


def test_comments_white_space_and_case_do_not_count():
    text = armor.encode(armor.KEY, DATA)
    pasted = f"# Änne's key\r\n\t # dialtone-share-aaaa\n\n  {text[:9]}\r{text[9:30].upper()} \t"
    assert armor.decode(pasted + "\n" + text[30:] + "\n# end") == (armor.KEY, DATA)


def test_a_hash_within_a_line_is_no_comment():
    with pytest.raises(KeyTextError):
        armor.decode(armor.encode(armor.KEY, DATA) + " # mine")


@pytest.mark.parametrize("size", range(1, 12))
def test_every_change_of_a_character_is_refused(size):
    """Sizes of every remainder, so that bits are left over at the end of the base32."""
    text = armor.encode(armor.KEY, DATA[:size])
    for at, letter in enumerate(text):
        for other in ALPHABET + "-10#= é\u212a":
            if other != letter:
                with pytest.raises(KeyTextError):
                    armor.decode(text[:at] + other + text[at + 1 :])


def test_every_lost_doubled_or_swapped_character_is_refused():
    text = armor.encode(armor.KEY, DATA)
    for at in range(len(text)):
        texts = {
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :],
        }
        for changed in texts - {text}:
            with pytest.raises(KeyTextError):
                armor.decode(changed)


def test_one_text_for_one_data():
    """Bits left over and padding are not free to be chosen."""
    text = armor.encode(armor.KEY, DATA[:1])  # 5 bytes with the check: no bits are left over
    assert len(text) == len(armor.KEY) + 8
    text = armor.encode(armor.KEY, DATA[:2])  # 6 bytes: two bits are left over
    last = ALPHABET.index(text[-1])
    assert last % 4 == 0
    for other in range(last + 1, last + 4):
        padded = text[len(armor.KEY) : -1] + ALPHABET[other]
        same = base64.b32decode(padded.upper() + "======")
        assert same == base64.b32decode(text[len(armor.KEY) :].upper() + "======")
        with pytest.raises(KeyTextError, match="changed"):
            armor.decode(armor.KEY + padded)
    with pytest.raises(KeyTextError):
        armor.decode(text + "======")


def test_the_check_belongs_to_the_prefix():
    text = armor.encode(armor.KEY, DATA).replace(armor.KEY, armor.SHARE)
    with pytest.raises(KeyTextError, match="a share of a key that is not complete, or was changed"):
        armor.decode(text)


def test_another_thing_is_named():
    share, key = armor.encode(armor.SHARE, DATA), armor.encode(armor.KEY, DATA)
    with pytest.raises(KeyTextError, match=r"^This is a share of a key, not a public key\.$"):
        armor.decode_as(armor.KEY, share)
    with pytest.raises(KeyTextError, match=r"^This is a public key, not a share of a key\.$"):
        armor.decode_as(armor.SHARE, key)


@pytest.mark.parametrize("text", ["", "# only a comment", "hello", "dialtone-", "dialtone-keys-aa"])
def test_no_key_at_all(text):
    with pytest.raises(KeyTextError, match="not a key of Dialtone"):
        armor.decode(text)


def test_an_empty_key():
    for text in (armor.KEY, written(armor.KEY, b"")):
        with pytest.raises(KeyTextError, match="not complete"):
            armor.decode(text)


def test_two_keys_are_not_one():
    text = armor.encode(armor.KEY, DATA)
    with pytest.raises(KeyTextError):
        armor.decode(text + "\n" + text)


def test_length_is_bounded():
    text = armor.encode(armor.KEY, DATA)
    assert armor.decode(text + " " * (65536 - len(text))) == (armor.KEY, DATA)
    with pytest.raises(KeyTextError, match="too long"):
        armor.decode(text + " " * (65537 - len(text)))


@settings(max_examples=300)
@given(st.one_of(st.text(), st.builds(str.__add__, st.sampled_from(PREFIXES), st.text())))
def test_any_text(text):
    try:
        prefix, data = armor.decode(text)
    except KeyTextError:
        return
    lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
    assert "".join("".join(lines).split()).lower() == written(prefix, data)
