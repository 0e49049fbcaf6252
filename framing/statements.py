"""What the owner of a key says of it in public, signed with it: one-time keys, and its end."""

from __future__ import annotations

from collections.abc import Sequence

from framing import armor
from framing.errors import ForgedStatementError, KeyTextError
from framing.identity import (
    ED25519_BYTES,
    SIGNATURE_BYTES,
    X25519_BYTES,
    Identity,
    is_x25519,
    verify,
)

ONE_TIME_MAX = 255  # keys in a text

_VERSION = 1
_HEAD = 1 + ED25519_BYTES
_TIME_BYTES = 8
_ONE_TIME_LABEL = b"dialtone 2 one-time keys"
_REVOKED_LABEL = b"dialtone 2 revoked"


def one_time_bundle(identity: Identity, publics: Sequence[bytes]) -> str:
    """1..255 different one-time X25519 keys of 32 bytes, signed by their owner, as text."""
    if not 1 <= len(publics) <= ONE_TIME_MAX or len(set(publics)) != len(publics):
        raise ValueError(f"1..{ONE_TIME_MAX} different keys are needed")
    if not all(is_x25519(public) for public in publics):
        raise ValueError("this is no X25519 key")
    body = bytes([len(publics)]) + b"".join(publics)
    return _write(armor.ONE_TIME, _ONE_TIME_LABEL, identity, body)


def read_one_time_bundle(text: str) -> tuple[bytes, list[bytes]]:
    """(Ed25519 key of the owner, X25519 keys). Raises KeyTextError, ForgedStatementError."""
    ed25519, body = _read(armor.ONE_TIME, _ONE_TIME_LABEL, text)
    keys = body[1:]
    publics = [keys[at : at + X25519_BYTES] for at in range(0, len(keys), X25519_BYTES)]
    fits = bool(publics) and body[0] == len(publics) and len(keys) == body[0] * X25519_BYTES
    if not fits or len(set(publics)) != len(publics) or not all(map(is_x25519, publics)):
        raise KeyTextError("This set of one-time keys makes no sense.")
    return ed25519, publics


def revocation(identity: Identity, time: int) -> str:
    """That the identity must not be used any more, as text.

    time: seconds since 1970-01-01 UTC, 0 <= time < 2**64.
    """
    return _write(armor.REVOKED, _REVOKED_LABEL, identity, time.to_bytes(_TIME_BYTES, "big"))


def read_revocation(text: str) -> tuple[bytes, int]:
    """(Ed25519 key, time). Raises KeyTextError, ForgedStatementError.

    The time is what the owner wrote, up to 2**64 - 1: it need not be a date of any calendar.
    """
    ed25519, body = _read(armor.REVOKED, _REVOKED_LABEL, text)
    if len(body) != _TIME_BYTES:
        raise KeyTextError("This revocation makes no sense.")
    return ed25519, int.from_bytes(body, "big")


def _write(prefix: str, label: bytes, identity: Identity, body: bytes) -> str:
    said = bytes([_VERSION]) + identity.public.ed25519 + body
    return armor.encode(prefix, said + identity.sign(label + said))


def _read(prefix: str, label: bytes, text: str) -> tuple[bytes, bytes]:
    """(Ed25519 key, body) of a statement whose signature is right."""
    data = armor.decode_as(prefix, text)
    if data[0] != _VERSION:
        raise KeyTextError("This was made by a newer version of Dialtone.")
    said, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    if len(said) <= _HEAD:
        raise KeyTextError
    ed25519 = said[1:_HEAD]
    if not verify(ed25519, label + said, signature):
        raise ForgedStatementError
    return ed25519, said[_HEAD:]
