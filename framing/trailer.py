"""The key trailer: where a transfer ends, what it has to amount to, and who vouches for it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from framing import records
from framing.cipher import LABEL, TAG_BYTES, Suite
from framing.errors import ForgedSignatureError, MalformedError, VersionError
from framing.header import is_critical
from framing.identity import Identity, verify

_CLEAR = 2  # the block count, readable without a key
_FIXED = 4 + 8 + 32
_BYTES = _CLEAR + _FIXED + TAG_BYTES

_SIGNATURE, _CODE_TABLE = 1, 2
_KEY_BYTES, _TIME_BYTES = 32, 8
_SIGNATURE_BYTES = _KEY_BYTES + _TIME_BYTES + 64
_FIELD_BYTES = 3


def room(tables: list[bytes], signed: bool) -> int:
    """Size of the trailer's record in a block [bytes]."""
    fields = sum(_FIELD_BYTES + len(table) for table in tables)
    signature = _FIELD_BYTES + _SIGNATURE_BYTES if signed else 0
    return records.PREFIX_BYTES + _BYTES + fields + signature


@dataclass(frozen=True, slots=True)
class Part:
    """What a trailer belongs to, and is bound to by its signature: the transfer's id and its
    key header."""

    transfer: bytes
    header: bytes

    def signed(self, clear: bytes, body: bytes, signer: bytes) -> bytes:
        """The message that is signed; signer is the key and the time."""
        digest = hashlib.sha256(self.header).digest()
        return LABEL + b"signature" + self.transfer + digest + clear + body + signer


@dataclass(frozen=True, slots=True)
class Trailer:
    """The end of a transfer.

    length     of the file [bytes], sha256 its digest (32 bytes)
    tables     heads of the packed chunks, where they are encrypted first; else empty
    signer     Ed25519 key (32 bytes) whose signature was verified; None where nobody signed
    signed_at  seconds since 1970 UTC, by the signer's clock
    """

    blocks: int
    chunks: int
    length: int
    sha256: bytes
    tables: tuple[bytes, ...] = ()
    signer: bytes | None = None
    signed_at: int | None = None

    def seal(
        self, suite: Suite, part: Part, identity: Identity | None = None, now: int = 0
    ) -> bytes:
        """The body of a trailer record, signed by `identity` at `now` (seconds since 1970)."""
        clear = self.blocks.to_bytes(_CLEAR, "big")
        body = self.chunks.to_bytes(4, "big") + self.length.to_bytes(8, "big") + self.sha256
        body += b"".join(records.field(_CODE_TABLE, table) for table in self.tables)
        if identity is not None:
            signer = identity.public.ed25519 + now.to_bytes(_TIME_BYTES, "big")
            signature = identity.sign(part.signed(clear, body, signer))
            body += records.field(_SIGNATURE, signer + signature)
        return clear + suite.seal(b"trailer", 0, clear, body)

    @staticmethod
    def blocks_of(raw: bytes) -> int:
        """The block count of a sealed trailer. Raises MalformedError."""
        blocks = int.from_bytes(raw[:_CLEAR], "big")
        if len(raw) < _BYTES or not blocks:
            raise MalformedError
        return blocks

    @classmethod
    def open(cls, raw: bytes, suite: Suite, part: Part) -> Trailer:
        """Raises AuthenticationError, MalformedError, VersionError."""
        clear = raw[:_CLEAR]
        body = suite.open(b"trailer", 0, clear, raw[_CLEAR:])
        if len(body) < _FIXED:
            raise MalformedError
        fields = list(records.fields(body[_FIXED:]))
        if any(is_critical(tag) for tag, _ in fields):
            raise VersionError
        signer = signed_at = None
        if any(tag == _SIGNATURE for tag, _ in fields):
            signer, signed_at = _verified(fields, body, clear, part)
        return cls(
            cls.blocks_of(raw),
            int.from_bytes(body[:4], "big"),
            int.from_bytes(body[4:12], "big"),
            body[12:_FIXED],
            tuple(value for tag, value in fields if tag == _CODE_TABLE),
            signer,
            signed_at,
        )


def _verified(
    fields: list[tuple[int, bytes]], body: bytes, clear: bytes, part: Part
) -> tuple[bytes, int]:
    """The signer's key and the time. Raises MalformedError, ForgedSignatureError."""
    tag, value = fields[-1]
    if tag != _SIGNATURE or len(value) != _SIGNATURE_BYTES:
        raise MalformedError
    if sum(tag == _SIGNATURE for tag, _ in fields) > 1:
        raise MalformedError
    signer, signature = value[: _KEY_BYTES + _TIME_BYTES], value[_KEY_BYTES + _TIME_BYTES :]
    before = body[: -_FIELD_BYTES - _SIGNATURE_BYTES]
    if not verify(signer[:_KEY_BYTES], part.signed(clear, before, signer), signature):
        raise ForgedSignatureError
    return signer[:_KEY_BYTES], int.from_bytes(signer[_KEY_BYTES:], "big")
