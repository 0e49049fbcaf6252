"""Suites and stanzas (README: Suites, Key header)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from . import hpke
from .hpke import hkdf
from .packets import RefusedError, field
from .texts import (
    MAX_C,
    MAX_P,
    Identity,
    Share,
    digest,
    join,
    scrypt,
)

CLEAR, PASSPHRASE, RECIPIENT, RSA, SHARES = 1, 2, 3, 4, 5
RSA_LABEL = b"dialtone 2 rsa"
FILE_KEY_BYTES = 24
MOST_PASSPHRASES, MOST_AGREEMENTS, MOST_RSA = 4, 32, 8
MAX_WORK = 12  # of all passphrase stanzas: p 2^(c - 15)


class Plain:
    """Suite 0: digests where the tags stand."""

    number = 0

    def __init__(self, transfer: bytes) -> None:
        self.transfer = transfer

    def seal(self, purpose: bytes, nonce: int, aad: bytes, data: bytes) -> bytes:
        """Data and 16 bytes of a digest."""
        head = b"dialtone 2 " + purpose + self.transfer + nonce.to_bytes(12, "big")
        return data + digest(head + len(aad).to_bytes(4, "big") + aad + data)[:16]

    def open(self, purpose: bytes, nonce: int, aad: bytes, sealed: bytes) -> bytes | None:
        """What was sealed; None if something else was."""
        data = sealed[:-16]
        return data if self.seal(purpose, nonce, aad, data) == sealed else None

    def mac(self, data: bytes) -> bytes:
        """Digest of the header."""
        return digest(b"dialtone 2 header" + self.transfer + data)


class Sealed:
    """Suite 1: AES-256-GCM under a file key."""

    number = 1

    def __init__(self, transfer: bytes, file_key: bytes) -> None:
        self.transfer, self.file_key = transfer, file_key

    def _key(self, purpose: bytes) -> bytes:
        return hkdf(self.file_key, self.transfer, b"dialtone 2 " + purpose, 32)

    def seal(self, purpose: bytes, nonce: int, aad: bytes, data: bytes) -> bytes:
        """Ciphertext and tag."""
        return AESGCM(self._key(purpose)).encrypt(nonce.to_bytes(12, "big"), data, aad)

    def open(self, purpose: bytes, nonce: int, aad: bytes, sealed: bytes) -> bytes | None:
        """What was sealed; None if something else was."""
        try:
            return AESGCM(self._key(purpose)).decrypt(nonce.to_bytes(12, "big"), sealed, aad)
        except InvalidTag:
            return None

    def mac(self, data: bytes) -> bytes:
        """HMAC of the header."""
        return hmac.digest(self._key(b"header"), data, "sha256")


Suite = Plain | Sealed
Random = Callable[[int], bytes]
Stanza = Callable[[bytes, bytes, Random], bytes]
"""(transfer id, F, random bytes) to the stanza as a field."""


def xor(a: bytes, b: bytes) -> bytes:
    """Exclusive or of two strings of one length."""
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def clear() -> Stanza:
    """F for everybody."""
    return lambda transfer, file_key, random: field(CLEAR, file_key)


def passphrase(text: str | bytes, c: int, p: int) -> Stanza:
    """F for who knows a passphrase."""

    def write(transfer: bytes, file_key: bytes, random: Random) -> bytes:
        salt = random(16)
        pad = scrypt(text, salt, c, p, FILE_KEY_BYTES)
        return field(PASSPHRASE, salt + bytes([c, p]) + xor(file_key, pad))

    return write


def _agreement(public: bytes, info: bytes, file_key: bytes, random: Random) -> bytes:
    ephemeral = random(32)
    pad = hpke.send(ephemeral, public, info, b"file key", FILE_KEY_BYTES)
    return hpke.public_key(ephemeral) + xor(file_key, pad)


def recipient(public: bytes, one_time: bytes | None = None) -> Stanza:
    """F for a person; `public` is the data of a public key of kind 1, `one_time` a key of hers."""

    def write(transfer: bytes, file_key: bytes, random: Random) -> bytes:
        info = b"dialtone 2 recipient" + transfer + public[33:]
        return field(RECIPIENT, _agreement(one_time or public[1:33], info, file_key, random))

    return write


def shares(public: bytes) -> Stanza:
    """F for k of n; `public` is the data of a public key of kind 2."""

    def write(transfer: bytes, file_key: bytes, random: Random) -> bytes:
        info = b"dialtone 2 shares" + transfer + public[33:]
        return field(SHARES, public[33:] + _agreement(public[1:33], info, file_key, random))

    return write


def _mgf1(seed: bytes, size: int) -> bytes:
    """MGF1 with SHA-256 (RFC 8017, B.2.1)."""
    blocks = (digest(seed + i.to_bytes(4, "big")) for i in range(-(-size // 32)))
    return b"".join(blocks)[:size]


def rsa_oaep(public: rsa.RSAPublicKey) -> Stanza:
    """F for the owner of an RSA key: OAEP by hand (RFC 8017, 7.1.1), for chosen random bytes."""
    numbers, size = public.public_numbers(), (public.key_size + 7) // 8

    def write(transfer: bytes, file_key: bytes, random: Random) -> bytes:
        filler = bytes(size - len(file_key) - 2 * 32 - 2)
        block, seed = digest(RSA_LABEL) + filler + b"\1" + file_key, random(32)
        masked = xor(block, _mgf1(seed, len(block)))
        message = b"\0" + xor(seed, _mgf1(masked, 32)) + masked
        cipher = pow(int.from_bytes(message, "big"), numbers.e, numbers.n)
        return field(RSA, cipher.to_bytes(size, "big"))

    return write


def load_rsa(pem: bytes) -> rsa.RSAPrivateKey:
    """An RSA private key in PEM."""
    key = load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise RefusedError("not an RSA key")
    return key


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What a reader has: passphrases, identities, one-time keys, RSA keys, shares.

    A one-time key is a private X25519 key and its owner's Ed25519 key.
    """

    passphrases: Sequence[str | bytes] = ()
    identities: Sequence[Identity] = ()
    one_time: Sequence[tuple[bytes, bytes]] = ()
    rsa: Sequence[rsa.RSAPrivateKey] = ()
    shares: Sequence[Share] = ()


NOBODY = Keys()


def _pads(transfer: bytes, value: bytes, private: bytes, info: bytes) -> Iterator[bytes]:
    """The file key of `enc ‖ F ⊕ pad` for one private key."""
    pad = hpke.receive(private, value[:32], info, b"file key", FILE_KEY_BYTES)
    if pad is not None:
        yield xor(value[32:], pad)


def _open_recipient(transfer: bytes, value: bytes, keys: Keys) -> Iterator[bytes]:
    persons = [(identity.x25519, identity.signer) for identity in keys.identities]
    for private, owner in [*persons, *keys.one_time]:
        yield from _pads(transfer, value, private, b"dialtone 2 recipient" + transfer + owner)


def _open_shares(transfer: bytes, value: bytes, keys: Keys) -> Iterator[bytes]:
    set_id, k, n = value[:16], value[16], value[17]
    fitting = [s for s in keys.shares if (s.set_id, s.k, s.n) == (set_id, k, n)]
    seed = join(fitting) if fitting else None
    if seed is not None:
        info = b"dialtone 2 shares" + transfer + value[:18]
        yield from _pads(transfer, value[18:], Identity(seed).x25519, info)


def _open_rsa(value: bytes, keys: Keys) -> Iterator[bytes]:
    sha256 = hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(sha256), sha256, RSA_LABEL)
    for key in keys.rsa:
        if (key.key_size + 7) // 8 == len(value):
            try:
                yield key.decrypt(value, oaep)
            except ValueError:
                continue


def _open_passphrase(value: bytes, keys: Keys) -> Iterator[bytes]:
    salt, c, p = value[:16], value[16], value[17]
    for text in keys.passphrases:
        yield xor(value[18:], scrypt(text, salt, c, p, FILE_KEY_BYTES))


def _affordable(costs: Iterable[tuple[int, int]]) -> list[bool]:
    """Which passphrase stanzas, by c and p, are tried."""
    tried, sum_of_work = [], 0.0
    for c, p in costs:
        work = p * 2.0 ** (c - 15)
        tried.append(c <= MAX_C and p <= MAX_P and sum_of_work + work <= MAX_WORK)
        sum_of_work += work if tried[-1] else 0
    return tried


def _known(tag: int, value: bytes) -> bool:
    lengths = {CLEAR: 24, PASSPHRASE: 42, RECIPIENT: 56, SHARES: 74}
    if tag == RSA:
        return 256 <= len(value) <= 1024
    return lengths.get(tag) == len(value) and (tag != PASSPHRASE or 0 not in value[16:18])


def candidates(
    transfer: bytes, stanzas: Sequence[tuple[int, bytes]], keys: Keys
) -> Iterator[tuple[int, bytes]]:
    """(tag, possible F) of all stanzas that some key opens, in the order of the page."""
    known = [(tag, value) for tag, value in stanzas if _known(tag, value)]
    agreements = [i for i, (tag, _) in enumerate(known) if tag in (RECIPIENT, SHARES)]
    tried = set(agreements[:MOST_AGREEMENTS])
    for kind, most in ((CLEAR, None), (RSA, MOST_RSA)):
        tried |= set([i for i, (tag, _) in enumerate(known) if tag == kind][:most])
    words = [i for i, (tag, _) in enumerate(known) if tag == PASSPHRASE][:MOST_PASSPHRASES]
    affordable = _affordable((known[i][1][16], known[i][1][17]) for i in words)
    tried |= {i for i, cheap in zip(words, affordable, strict=True) if cheap}
    for kind in (CLEAR, RECIPIENT, SHARES, RSA, PASSPHRASE):
        for i, (tag, value) in enumerate(known):
            if tag != kind or i not in tried:
                continue
            found: Iterator[bytes]
            if kind == CLEAR:
                found = iter([value])
            elif kind == RECIPIENT:
                found = _open_recipient(transfer, value, keys)
            elif kind == SHARES:
                found = _open_shares(transfer, value, keys)
            elif kind == RSA:
                found = _open_rsa(value, keys)
            else:
                found = _open_passphrase(value, keys)
            yield from ((kind, file_key) for file_key in found if len(file_key) == FILE_KEY_BYTES)
