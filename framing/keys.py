"""The key header and the key trailer: who can open a transfer, what it is, and where it ends.

Header   version, suite, stanzas (each holds the file key for somebody), sealed metadata, MAC
Trailer  block count; sealed: chunk count, length, SHA-256 of the file, further fields
"""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from framing import records
from framing.cipher import KEY_BYTES, MAC_BYTES, TAG_BYTES, Encrypted, Suite, Unencrypted, scrypt
from framing.cipher import aes_gcm_open as _unwrap
from framing.cipher import aes_gcm_seal as _wrap
from framing.errors import (
    AuthenticationError,
    CostlyKeyError,
    ForgedHeaderError,
    MalformedError,
    MissingKeyError,
    UnknownLockError,
    VersionError,
    WrongKeyError,
)

VERSION = 1

STANZA_CLEAR = 1
STANZA_PASSPHRASE = 2

SALT_BYTES = 16
# scrypt with r = 8, p = 3: three passes over little memory suit a daemon better than one over much,
# and N = 2**15 is then what OWASP's Password Storage Cheat Sheet asks for.
PASSES = 3
COST_DEFAULT = 15  # log2 N: 32 MiB and about 0.3 s
COST_MAX = 17  # 128 MiB: a header that asks for more is refused unread
PASSPHRASES_MAX = 4  # passphrase stanzas tried in one header: each costs a scrypt
_PASSPHRASE_BYTES = SALT_BYTES + 1 + KEY_BYTES + TAG_BYTES
_WRAP_NONCE = bytes(12)  # the wrapping key is new with every salt

_TRAILER_CLEAR = 2  # the block count, readable without a key
_TRAILER_FIXED = 4 + 8 + 32
TRAILER_BYTES = _TRAILER_CLEAR + _TRAILER_FIXED + TAG_BYTES

MEDIA_MAX = 100  # characters
_NAME, _MEDIA, _SIZE = 1, 2, 3
_CRITICAL = 0x80  # a reader that does not know a field with this bit must refuse the transfer


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Encrypt under a passphrase. `cost` is log2 of scrypt's N, 10..17, r = 8, p = 3."""

    secret: str | bytes = field(repr=False)
    cost: int = COST_DEFAULT

    def __post_init__(self) -> None:
        if not self.secret:
            raise ValueError("the passphrase is empty")
        if not 10 <= self.cost <= COST_MAX:
            raise ValueError(f"cost must be 10..{COST_MAX}, got {self.cost}")

    def stanza(self, file_key: bytes) -> bytes:
        """Body: salt (16), log2 N (1), file key under AES-256-GCM (48)."""
        salt = secrets.token_bytes(SALT_BYTES)
        key = scrypt(passphrase_bytes(self.secret), salt, self.cost, p=PASSES)
        wrapped = _wrap(key, _WRAP_NONCE, b"", file_key)
        return records.field(STANZA_PASSPHRASE, salt + bytes([self.cost]) + wrapped)


@dataclass(frozen=True, slots=True)
class ClearKey:
    """Encrypt, and put the key into the key header: it protects nothing."""

    def stanza(self, file_key: bytes) -> bytes:
        return records.field(STANZA_CLEAR, file_key)


@dataclass(frozen=True, slots=True)
class Plain:
    """Do not encrypt: the content is readable on the air."""


KeyChoice = Passphrase | ClearKey | Plain


def passphrase_bytes(secret: str | bytes) -> bytes:
    """Text as UTF-8 in NFC, so that it does not matter which keyboard typed it."""
    return unicodedata.normalize("NFC", secret).encode() if isinstance(secret, str) else secret


def _is_media_type(text: str) -> bool:
    return len(text) <= MEDIA_MAX and text.isascii() and text.isprintable()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the header says of the file. size [bytes] is None where the sender did not know it."""

    name: str = ""
    media: str = ""
    size: int | None = None

    def __post_init__(self) -> None:
        if not _is_media_type(self.media):
            raise ValueError(f"a media type is at most {MEDIA_MAX} ASCII characters")

    def to_bytes(self) -> bytes:
        out = records.field(_NAME, self.name.encode())
        if self.media:
            out += records.field(_MEDIA, self.media.encode())
        if self.size is not None:
            out += records.field(_SIZE, records.uint(self.size))
        return out

    @classmethod
    def from_bytes(cls, data: bytes) -> Metadata:
        known = dict(records.fields(data))
        if any(tag & _CRITICAL for tag in known):
            raise VersionError
        size = known.get(_SIZE)
        if size is not None and len(size) > 8:
            raise MalformedError
        media = known.get(_MEDIA, b"").decode(errors="replace")
        return cls(
            known.get(_NAME, b"").decode(errors="replace"),
            media if _is_media_type(media) else "",
            None if size is None else int.from_bytes(size, "big"),
        )


def new_suite(key: KeyChoice, transfer: bytes) -> tuple[Suite, bytes]:
    """A suite with a fresh file key, and the stanzas that hold this key."""
    if isinstance(key, Plain):
        return Unencrypted(transfer), b""
    file_key = secrets.token_bytes(KEY_BYTES)
    return Encrypted(file_key, transfer), key.stanza(file_key)


def build_header(suite: Suite, stanzas: bytes, metadata: Metadata) -> bytes:
    """The body of a header record."""
    head = bytes([VERSION, suite.number]) + len(stanzas).to_bytes(2, "big") + stanzas
    head += suite.seal(b"metadata", 0, head, metadata.to_bytes())
    return head + suite.mac(head)


@dataclass(frozen=True, slots=True)
class Header:
    """A key header as read, not yet opened."""

    raw: bytes = field(repr=False)
    suite: int
    stanzas: tuple[tuple[int, bytes], ...] = field(repr=False)
    sealed_at: int

    @classmethod
    def parse(cls, raw: bytes) -> Header:
        """Raises MalformedError or VersionError."""
        if not raw:
            raise MalformedError
        if raw[0] != VERSION:
            raise VersionError
        if len(raw) < 4 + MAC_BYTES:
            raise MalformedError
        at = 4 + int.from_bytes(raw[2:4], "big")
        if at + MAC_BYTES > len(raw):
            raise MalformedError
        if raw[1] not in (Unencrypted.number, Encrypted.number):
            raise VersionError
        return cls(raw, raw[1], tuple(records.fields(raw[4:at])), at)

    @property
    def protection(self) -> str:
        """ "encrypted", "clear key" or "plain": the weakest way into the transfer."""
        if self.suite == Unencrypted.number:
            return "plain"
        clear = any(kind == STANZA_CLEAR for kind, _ in self.stanzas)
        return "clear key" if clear else "encrypted"

    def unlock(self, transfer: bytes, passphrases: Sequence[bytes]) -> tuple[Suite, Metadata]:
        """The suite that opens the rest, and the metadata.

        Raises LockError subclasses, ForgedHeaderError, MalformedError, VersionError.
        """
        suite: Suite
        if self.suite == Unencrypted.number:
            suite = Unencrypted(transfer)
        else:
            suite = Encrypted(self._file_key(passphrases), transfer)
        head, mac = self.raw[:-MAC_BYTES], self.raw[-MAC_BYTES:]
        if not hmac.compare_digest(suite.mac(head), mac):
            raise ForgedHeaderError
        sealed = head[self.sealed_at :]
        try:
            metadata = suite.open(b"metadata", 0, head[: self.sealed_at], sealed)
        except AuthenticationError:
            raise ForgedHeaderError from None
        return suite, Metadata.from_bytes(metadata)

    def _file_key(self, passphrases: Sequence[bytes]) -> bytes:
        costly, known = False, 0
        for kind, body in self.stanzas:
            if kind == STANZA_CLEAR and len(body) == KEY_BYTES:
                return body
            if kind != STANZA_PASSPHRASE or len(body) != _PASSPHRASE_BYTES:
                continue
            salt, cost, wrapped = body[:SALT_BYTES], body[SALT_BYTES], body[SALT_BYTES + 1 :]
            if cost == 0:  # scrypt is not defined for N = 1
                continue
            known += 1
            if cost > COST_MAX or known > PASSPHRASES_MAX:
                costly = True
                continue
            for passphrase in passphrases:
                key = scrypt(passphrase, salt, cost, p=PASSES)
                try:
                    return _unwrap(key, _WRAP_NONCE, b"", wrapped)
                except AuthenticationError:
                    continue
        if costly:
            raise CostlyKeyError
        if not known:
            raise UnknownLockError
        raise WrongKeyError if passphrases else MissingKeyError


@dataclass(frozen=True, slots=True)
class Trailer:
    """Where a transfer ends: blocks, chunks, length [bytes], SHA-256 of the file (32 bytes)."""

    blocks: int
    chunks: int
    length: int
    sha256: bytes

    def seal(self, suite: Suite) -> bytes:
        """The body of a trailer record."""
        clear = self.blocks.to_bytes(_TRAILER_CLEAR, "big")
        body = self.chunks.to_bytes(4, "big") + self.length.to_bytes(8, "big") + self.sha256
        return clear + suite.seal(b"trailer", 0, clear, body)

    @staticmethod
    def blocks_of(raw: bytes) -> int:
        """The block count of a sealed trailer. Raises MalformedError."""
        blocks = int.from_bytes(raw[:_TRAILER_CLEAR], "big")
        if len(raw) < TRAILER_BYTES or not blocks:
            raise MalformedError
        return blocks

    @classmethod
    def open(cls, raw: bytes, suite: Suite) -> Trailer:
        """Raises AuthenticationError, MalformedError, VersionError."""
        body = suite.open(b"trailer", 0, raw[:_TRAILER_CLEAR], raw[_TRAILER_CLEAR:])
        if len(body) < _TRAILER_FIXED:
            raise MalformedError
        if any(tag & _CRITICAL for tag, _ in records.fields(body[_TRAILER_FIXED:])):
            raise VersionError
        chunks, length = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:12], "big")
        return cls(cls.blocks_of(raw), chunks, length, body[12:_TRAILER_FIXED])
