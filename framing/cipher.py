"""Authenticated encryption of chunks, key header and key trailer, and its keyless stand-in.

Every key is drawn from the transfer's random file key by HKDF-SHA256 with the transfer id as
salt and the purpose as info, so that nothing made for one place opens in another.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Protocol

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF

from framing.errors import (
    AuthenticationError,
    ForeignChunkError,
    ReorderedChunkError,
    ReplayedChunkError,
    TrailingChunkError,
    TransferError,
    TruncatedError,
)

FILE_KEY_BYTES = 24
_KEY_BYTES = 32
TAG_BYTES = 16
MAC_BYTES = 32
LABEL = b"dialtone 2 "
_NONCE_BYTES = 12

# scrypt with r = 8, p = 4: four passes over little memory suit a daemon better than one over much,
# and N = 2**15 is then more than OWASP's Password Storage Cheat Sheet asks for.
COST_DEFAULT = 15  # log2 N: 32 MiB and about 0.3 s
COST_MAX = 15
PASSES = 4
PASSES_MAX = 12  # of a header with N = 2**15, or as much work: more is refused untried, 1.2 s

# Chunks tried to tell a replayed or reordered chunk from a foreign one: 0.1 ms each.
_SEARCH = 128


def aes_gcm_seal(key: bytes, nonce: bytes, aad: bytes, data: bytes) -> bytes:
    """AES-256-GCM: ciphertext, then the tag of 16 bytes (NIST SP 800-38D)."""
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
    cipher.update(aad)
    ciphertext, tag = cipher.encrypt_and_digest(data)
    return ciphertext + tag


def aes_gcm_open(key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
    """The plaintext. Raises AuthenticationError where the tag does not fit."""
    if len(sealed) < TAG_BYTES:
        raise AuthenticationError
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
    cipher.update(aad)
    try:
        return cipher.decrypt_and_verify(sealed[:-TAG_BYTES], sealed[-TAG_BYTES:])
    except ValueError:
        raise AuthenticationError from None


def aes_gcm_start(key: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
    """The plaintext of the first bytes that AES-GCM made, not verified.

    GCM encrypts in counter mode; counter 1 serves the tag, the data begins with 2 (NIST
    SP 800-38D, section 7.1, for a nonce of 96 bits).
    """
    return AES.new(key, AES.MODE_CTR, nonce=nonce, initial_value=2).decrypt(ciphertext)


def hkdf_sha256(secret: bytes, salt: bytes, info: bytes, length: int = _KEY_BYTES) -> bytes:
    """HKDF with SHA-256 (RFC 5869)."""
    return HKDF(secret, length, salt, SHA256, 1, info)


def scrypt(
    secret: bytes, salt: bytes, log2_n: int, r: int = 8, p: int = PASSES, length: int = 32
) -> bytes:
    """scrypt (RFC 7914); needs 128 * 2**log2_n * r bytes of memory."""
    n = 1 << log2_n
    memory = 128 * r * (n + p + 2) + (1 << 20)
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=length)


def passphrase_bytes(secret: str | bytes) -> bytes:
    """Text as UTF-8 in NFC, so that it does not matter which keyboard typed it."""
    if isinstance(secret, bytes):
        return secret
    try:
        return unicodedata.normalize("NFC", secret).encode()
    except UnicodeEncodeError:
        return raw_bytes(secret)


def raw_bytes(text: str) -> bytes:
    """UTF-8. Lone surrogates are what Python makes of bytes that are no text (PEP 383): these
    bytes; others, which no such bytes become, do not raise either."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


class Suite(Protocol):
    """Seals and opens the parts of one transfer; all of it bound to the transfer's id."""

    number: int  # as the key header names it

    def mac(self, data: bytes) -> bytes:
        """32 bytes that authenticate the key header."""

    def seal(self, purpose: bytes, nonce: int, aad: bytes, data: bytes) -> bytes:
        """`data` sealed; 16 bytes longer. nonce < 2**96, used once for a purpose."""

    def open(self, purpose: bytes, nonce: int, aad: bytes, sealed: bytes) -> bytes:
        """The opposite. Raises AuthenticationError."""

    def unverified(self, purpose: bytes, nonce: int, start: bytes) -> bytes:
        """What the beginning of sealed data holds, as long as the tag is not there.

        start  none of it of the tag. Whoever could change it could change what comes out.
        """


class Encrypted:
    """AES-256-GCM under keys drawn from a file key of 24 bytes."""

    number = 1

    def __init__(self, file_key: bytes, transfer: bytes) -> None:
        self._file_key = file_key
        self._transfer = transfer
        self._keys: dict[bytes, bytes] = {}

    def _key(self, purpose: bytes) -> bytes:
        if purpose not in self._keys:
            self._keys[purpose] = hkdf_sha256(self._file_key, self._transfer, LABEL + purpose)
        return self._keys[purpose]

    def mac(self, data: bytes) -> bytes:
        return hmac.digest(self._key(b"header"), data, "sha256")

    def seal(self, purpose: bytes, nonce: int, aad: bytes, data: bytes) -> bytes:
        return aes_gcm_seal(self._key(purpose), nonce.to_bytes(_NONCE_BYTES, "big"), aad, data)

    def open(self, purpose: bytes, nonce: int, aad: bytes, sealed: bytes) -> bytes:
        return aes_gcm_open(self._key(purpose), nonce.to_bytes(_NONCE_BYTES, "big"), aad, sealed)

    def unverified(self, purpose: bytes, nonce: int, start: bytes) -> bytes:
        short = nonce.to_bytes(_NONCE_BYTES, "big")
        return aes_gcm_start(self._key(purpose), short, start)


class Unencrypted:
    """No secrecy: readable content, each part followed by a digest instead of a tag.

    The digests find every accident, and nothing that is done on purpose.
    """

    number = 0

    def __init__(self, transfer: bytes) -> None:
        self._transfer = transfer

    def mac(self, data: bytes) -> bytes:
        return hashlib.sha256(LABEL + b"header" + self._transfer + data).digest()

    def _tag(self, purpose: bytes, nonce: int, aad: bytes, data: bytes) -> bytes:
        digest = hashlib.sha256(LABEL + purpose + self._transfer)
        digest.update(nonce.to_bytes(_NONCE_BYTES, "big") + len(aad).to_bytes(4, "big") + aad)
        digest.update(data)
        return digest.digest()[:TAG_BYTES]

    def seal(self, purpose: bytes, nonce: int, aad: bytes, data: bytes) -> bytes:
        return data + self._tag(purpose, nonce, aad, data)

    def open(self, purpose: bytes, nonce: int, aad: bytes, sealed: bytes) -> bytes:
        data = sealed[:-TAG_BYTES]
        if len(sealed) < TAG_BYTES or sealed[-TAG_BYTES:] != self._tag(purpose, nonce, aad, data):
            raise AuthenticationError
        return data

    def unverified(self, purpose: bytes, nonce: int, start: bytes) -> bytes:
        return start


def chunk_nonce(number: int, last: bool) -> int:
    """The nonce of chunk `number`, counted from 0."""
    return number << 8 | last


class ChunkSealer:
    """Seals chunks in order; their number and the last flag are the nonce."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self.count = 0

    def seal(self, body: bytes, last: bool) -> bytes:
        sealed = self._suite.seal(b"chunk", chunk_nonce(self.count, last), b"", body)
        self.count += 1
        return sealed


class ChunkOpener:
    """Opens `count` chunks in order and names what is wrong with one that does not belong."""

    def __init__(self, suite: Suite, count: int) -> None:
        self._suite = suite
        self._count = count
        self._next = 0

    def open(self, sealed: bytes) -> bytes:
        """The chunk's body. Raises a TransferError subclass that says what is wrong."""
        if self._next < self._count:
            body = self._try(sealed, self._next, self._next == self._count - 1)
            if body is not None:
                self._next += 1
                return body
        raise self._verdict(sealed)

    def finish(self) -> None:
        """Raises TruncatedError unless the last chunk was opened."""
        if self._next < self._count:
            raise TruncatedError

    def _try(self, sealed: bytes, number: int, last: bool) -> bytes | None:
        try:
            return self._suite.open(b"chunk", chunk_nonce(number, last), b"", sealed)
        except AuthenticationError:
            return None

    def _verdict(self, sealed: bytes) -> TransferError:
        here, last = self._next, self._count - 1
        if self._try(sealed, here, False) is not None:
            return TrailingChunkError()
        if self._try(sealed, here, True) is not None:
            return TruncatedError()
        for away in range(1, min(_SEARCH, self._count + 1)):
            for number in (here - away, here + away):
                if 0 <= number <= last and self._try(sealed, number, number == last) is not None:
                    return ReplayedChunkError() if number < here else ReorderedChunkError()
        return ForeignChunkError()
