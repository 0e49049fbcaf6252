"""The key header: who can open a transfer, and what it is.

Version, suite, stanzas (each holds the file key for somebody), sealed metadata, MAC.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

from framing import keys, locks, records, stanzas
from framing.cipher import FILE_KEY_BYTES, MAC_BYTES, TAG_BYTES, Encrypted, Suite, Unencrypted
from framing.errors import (
    AuthenticationError,
    ForgedHeaderError,
    MalformedError,
    VersionError,
)
from framing.keys import Keyring, Keys, PrivateKey

VERSION = 2

MEDIA_MAX = 100  # characters
PREVIEW_MAX = 255  # bytes: a longer one counts as left out
_NAME, _MEDIA, _SIZE, _PREVIEW = 1, 2, 3, 4
_EXPIRES, _ENCRYPT_FIRST = 129, 130
_INTEGER_BYTES_MAX = 8
_METADATA_MAX = (1 << 16) - 1  # bytes; ours have some 300
_CRITICAL = 0x80  # a reader that does not know a field with this bit must refuse the transfer


def is_critical(tag: int) -> bool:
    """Whether a reader that does not know this field has to refuse the transfer."""
    return bool(tag & _CRITICAL)


def _is_media_type(text: str) -> bool:
    return len(text) <= MEDIA_MAX and text.isascii() and text.isprintable()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the header says of the file.

    size           bytes; None where the sender did not know it
    expires        seconds since 1970 UTC from which on it is refused; None for never
    encrypt_first  chunks are sealed first and packed then
    preview        what may be shown of the file until it is there, for its media type to say
    """

    name: str = ""
    media: str = ""
    size: int | None = None
    expires: int | None = None
    encrypt_first: bool = False
    preview: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if len(self.preview) > PREVIEW_MAX:
            raise ValueError(f"a preview is at most {PREVIEW_MAX} bytes")
        if not _is_media_type(self.media):
            raise ValueError(f"a media type is at most {MEDIA_MAX} ASCII characters")

    def to_bytes(self) -> bytes:
        out = records.field(_NAME, self.name.encode())
        if self.media:
            out += records.field(_MEDIA, self.media.encode())
        if self.size is not None:
            out += records.field(_SIZE, records.uint(self.size))
        if self.preview:
            out += records.field(_PREVIEW, self.preview)
        if self.expires is not None:
            out += records.field(_EXPIRES, records.uint(self.expires))
        if self.encrypt_first:
            out += records.field(_ENCRYPT_FIRST, b"")
        return out

    @classmethod
    def from_bytes(cls, data: bytes) -> Metadata:
        """Raises MalformedError or VersionError."""
        if len(data) > _METADATA_MAX:
            raise MalformedError
        known = dict(records.fields(data))
        if any(is_critical(tag) for tag in known.keys() - {_EXPIRES, _ENCRYPT_FIRST}):
            raise VersionError
        if known.get(_ENCRYPT_FIRST):
            raise MalformedError
        media = known.get(_MEDIA, b"").decode(errors="replace")
        preview = known.get(_PREVIEW, b"")
        return cls(
            known.get(_NAME, b"").decode(errors="replace"),
            media if _is_media_type(media) else "",
            _integer(known.get(_SIZE)),
            _integer(known.get(_EXPIRES)),
            _ENCRYPT_FIRST in known,
            preview if len(preview) <= PREVIEW_MAX else b"",
        )


def _integer(value: bytes | None) -> int | None:
    if value is None:
        return None
    if len(value) > _INTEGER_BYTES_MAX or value[:1] == b"\0":
        raise MalformedError
    return int.from_bytes(value, "big")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A fresh file key and everything drawn from it: the suite, its stanzas, and keys that open
    what was sealed with it."""

    suite: Suite
    stanzas: bytes
    keys: Keys = field(repr=False)

    @classmethod
    def make(cls, key: locks.KeyChoice, transfer: bytes) -> NewKey:
        """Raises ValueError for locks that no header can hold."""
        if isinstance(key, locks.Plain):
            return cls(Unencrypted(transfer), b"", Keys())
        chosen = [key] if isinstance(key, locks.Lock) else list(key)
        file_key = secrets.token_bytes(FILE_KEY_BYTES)
        built = locks.build(chosen, file_key, transfer)
        return cls(Encrypted(file_key, transfer), built, Keys(file_key=file_key))


def build_header(suite: Suite, stanzas: bytes, metadata: Metadata) -> bytes:
    """The body of a header record."""
    head = bytes([VERSION, suite.number]) + len(stanzas).to_bytes(2, "big") + stanzas
    head += suite.seal(b"metadata", 0, head, metadata.to_bytes())
    return head + suite.mac(head)


def header_bytes(stanzas: bytes, metadata: Metadata) -> int:
    """Length of what `build_header` makes of these."""
    return 4 + len(stanzas) + len(metadata.to_bytes()) + TAG_BYTES + MAC_BYTES


@dataclass(frozen=True, slots=True)
class Opened:
    """What a header yields: the suite that opens the rest, the metadata, and the private key
    that was needed, if one was."""

    suite: Suite
    metadata: Metadata
    private_key: PrivateKey | None


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
        clear = any(kind == stanzas.CLEAR for kind, _ in self.stanzas)
        return "clear key" if clear else "encrypted"

    def unlock(self, transfer: bytes, ring: Keyring) -> Opened:
        """Raises LockError subclasses, ForgedHeaderError, MalformedError, VersionError."""
        suite, private_key = self._suite(transfer, ring)
        sealed = self.raw[self.sealed_at : -MAC_BYTES]
        try:
            metadata = suite.open(b"metadata", 0, self.raw[: self.sealed_at], sealed)
        except AuthenticationError:
            raise ForgedHeaderError from None
        return Opened(suite, Metadata.from_bytes(metadata), private_key)

    def _suite(self, transfer: bytes, ring: Keyring) -> tuple[Suite, PrivateKey | None]:
        """The suite under which the MAC fits."""
        if self.suite == Unencrypted.number:
            plain = Unencrypted(transfer)
            if self._fits(plain):
                return plain, None
            raise ForgedHeaderError
        for file_key, private_key in keys.file_keys(self.stanzas, transfer, ring):
            suite = Encrypted(file_key, transfer)
            if self._fits(suite):
                return suite, private_key
        raise ForgedHeaderError

    def _fits(self, suite: Suite) -> bool:
        return hmac.compare_digest(suite.mac(self.raw[:-MAC_BYTES]), self.raw[-MAC_BYTES:])
