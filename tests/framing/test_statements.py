"""One-time keys and revocations, signed: what is written, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing import armor, identity, statements
from framing.errors import ForgedStatementError, KeyTextError
from framing.identity import Identity
from framing.one_time import OneTimeKey

ANN, EVE = Identity(bytes(range(32))), Identity(bytes(32))
KEY = ANN.public.ed25519
PUBLICS = [OneTimeKey(bytes([number]) * 32).public for number in range(1, 256)]
BUNDLE = statements.one_time_bundle(ANN, PUBLICS[:3])
REVOKED = statements.revocation(ANN, 1_800_000_000)
ONE_TIME_LABEL = b"dialtone 2 one-time keys"
REVOKED_LABEL = b"dialtone 2 revoked"


def signed(prefix, label, said, who=ANN):
    return armor.encode(prefix, said + who.sign(label + said))


@pytest.mark.parametrize("count", [1, 2, 255])
def test_one_time_keys(count):
    text = statements.one_time_bundle(ANN, PUBLICS[:count])
    assert statements.read_one_time_bundle(text) == (KEY, PUBLICS[:count])
    said = b"\x01" + KEY + bytes([count]) + b"".join(PUBLICS[:count])
    data = armor.decode_as(armor.ONE_TIME, text)
    assert data[:-64] == said
    assert identity.verify(KEY, ONE_TIME_LABEL + said, data[-64:])


@pytest.mark.parametrize("time", [0, 1_800_000_000, 2**64 - 1])
def test_revocation(time):
    text = statements.revocation(ANN, time)
    assert statements.read_revocation(text) == (KEY, time)
    said = b"\x01" + KEY + time.to_bytes(8, "big")
    data = armor.decode_as(armor.REVOKED, text)
    assert data[:-64] == said
    assert identity.verify(KEY, REVOKED_LABEL + said, data[-64:])


@pytest.mark.parametrize(
    ("prefix", "text", "read"),
    [
        (armor.ONE_TIME, BUNDLE, statements.read_one_time_bundle),
        (armor.REVOKED, REVOKED, statements.read_revocation),
    ],
)
def test_forged_statements(prefix, text, read):
    """Every byte is signed, and nobody can speak in the name of another."""
    data = armor.decode_as(prefix, text)
    for at in range(1, len(data), 3):
        broken = bytearray(data)
        broken[at] ^= 1
        with pytest.raises(ForgedStatementError):
            read(armor.encode(prefix, bytes(broken)))
    label = ONE_TIME_LABEL if prefix == armor.ONE_TIME else REVOKED_LABEL
    other = REVOKED_LABEL if prefix == armor.ONE_TIME else ONE_TIME_LABEL
    for forged in (
        signed(prefix, label, data[:-64], EVE),
        signed(prefix, other, data[:-64]),
        signed(prefix, b"", data[:-64]),
    ):
        with pytest.raises(ForgedStatementError):
            read(forged)


def test_a_signed_statement_is_of_one_kind():
    with pytest.raises(KeyTextError, match="a revocation, not a set of one-time keys"):
        statements.read_one_time_bundle(REVOKED)
    with pytest.raises(KeyTextError, match="a public key, not a revocation"):
        statements.read_revocation(ANN.public.text())


@pytest.mark.parametrize("key", [(1).to_bytes(32, "little"), bytes(32), bytes(31) + b"\x80"])
def test_statements_of_keys_of_small_order(key):
    """Of order 1 and 4: R = (0, 1), S = 0 would sign every message, or every fourth."""
    signature = (1).to_bytes(32, "little") + bytes(32)
    for time in range(16):
        said = b"\x01" + key + time.to_bytes(8, "big")
        with pytest.raises(ForgedStatementError):
            statements.read_revocation(armor.encode(armor.REVOKED, said + signature))
        said = b"\x01" + key + b"\x01" + PUBLICS[time]
        with pytest.raises(ForgedStatementError):
            statements.read_one_time_bundle(armor.encode(armor.ONE_TIME, said + signature))


@pytest.mark.parametrize(
    "body",
    [
        b"\x00",
        b"\x01",
        b"\x02" + PUBLICS[0],
        b"\x01" + PUBLICS[0] + PUBLICS[1],
        b"\x01" + PUBLICS[0] + b"\0",
        b"\x02" + PUBLICS[0] + PUBLICS[1][:-1],
        b"\x02" + PUBLICS[0] + PUBLICS[0],
        b"\x01" + bytes(32),
        b"\x01" + PUBLICS[0][:31] + bytes([PUBLICS[0][31] | 0x80]),
    ],
)
def test_one_time_keys_that_make_no_sense(body):
    """Even with a right signature."""
    with pytest.raises(KeyTextError):
        statements.read_one_time_bundle(
            signed(armor.ONE_TIME, ONE_TIME_LABEL, b"\x01" + KEY + body)
        )


@pytest.mark.parametrize(
    "said", [b"\x01" + KEY, b"\x01" + KEY + bytes(7), b"\x01" + KEY + bytes(9)]
)
def test_revocations_that_make_no_sense(said):
    with pytest.raises(KeyTextError):
        statements.read_revocation(signed(armor.REVOKED, REVOKED_LABEL, said))


def test_newer_versions_are_named():
    said = b"\x02" + KEY + bytes(8)
    with pytest.raises(KeyTextError, match="newer version"):
        statements.read_revocation(signed(armor.REVOKED, REVOKED_LABEL, said))


@pytest.mark.parametrize("publics", [[], [*PUBLICS, PUBLICS[0]], PUBLICS[:1] * 2, [bytes(32)]])
def test_wrong_calls(publics):
    with pytest.raises(ValueError, match="key"):
        statements.one_time_bundle(ANN, publics)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.sampled_from([b"", b"\x01", b"\x01" + KEY]))
def test_any_data(data, head):
    data = head + data
    for prefix, read in [
        (armor.ONE_TIME, statements.read_one_time_bundle),
        (armor.REVOKED, statements.read_revocation),
    ]:
        with pytest.raises((KeyTextError, ForgedStatementError)):
            read(armor.encode(prefix, data))
