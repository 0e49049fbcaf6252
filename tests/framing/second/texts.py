"""Keys as text: public keys, identities, shares, one-time keys, revocations, fingerprints."""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .hpke import hkdf, public_key, receive
from .packets import RefusedError

PREFIXES = tuple(f"dialtone-{word}-" for word in ("key", "identity", "share", "onetime", "revoked"))
MAX_C, MAX_P = 15, 12
PRIME = 2**255 - 19
_REDUCTION = 1 << 128 | 0x87  # x^128 + x^7 + x^2 + x + 1


def digest(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def to_text(prefix: str, data: bytes) -> str:
    """A key, share or the like as text."""
    checked = data + digest(prefix.encode() + data)[:4]
    return prefix + base64.b32encode(checked).decode().rstrip("=").lower()


def from_text(text: str) -> tuple[str, bytes]:
    """Prefix and data of a text."""
    if len(text) > 65536:
        raise RefusedError("a text that is too long")
    lines = [line.strip(" \t") for line in text.replace("\r", "\n").split("\n")]
    joined = "".join(line for line in lines if not line.startswith("#"))
    joined = joined.replace(" ", "").replace("\t", "").lower()
    for prefix in PREFIXES:
        if joined.startswith(prefix):
            coded = joined.removeprefix(prefix).upper()
            try:
                checked = base64.b32decode(coded + "=" * (-len(coded) % 8))
            except binascii.Error as error:
                raise RefusedError("not base32") from error
            if digest(prefix.encode() + checked[:-4])[:4] != checked[-4:]:
                raise RefusedError("a text with a wrong checksum")
            if to_text(prefix, checked[:-4]) != joined:
                raise RefusedError("a text with bits or letters behind")
            return prefix, checked[:-4]
    raise RefusedError("not a key of this program")


def scrypt(passphrase: str | bytes, salt: bytes, c: int, p: int, size: int) -> bytes:
    """scrypt of a passphrase, r = 8; a text in NFC as UTF-8."""
    if isinstance(passphrase, str):
        passphrase = unicodedata.normalize("NFC", passphrase).encode()
    return hashlib.scrypt(passphrase, salt=salt, n=1 << c, r=8, p=p, maxmem=1 << 27, dklen=size)


@dataclass(frozen=True)
class Identity:
    """A person: everything comes from a seed of 32 bytes."""

    seed: bytes

    @property
    def x25519(self) -> bytes:
        """Private X25519 key."""
        return hkdf(self.seed, b"", b"dialtone 2 x25519", 32)

    @property
    def ed25519(self) -> Ed25519PrivateKey:
        """Private signing key."""
        seed = hkdf(self.seed, b"", b"dialtone 2 ed25519", 32)
        return Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def signer(self) -> bytes:
        """Public signing key, 32 bytes."""
        return self.ed25519.public_key().public_bytes_raw()

    @property
    def public(self) -> bytes:
        """Data of the public key of kind 1."""
        return b"\1" + public_key(self.x25519) + self.signer

    def locked(self, passphrase: str, salt: bytes, c: int, p: int) -> str:
        """The identity as text."""
        head = bytes([1, c, p]) + salt + self.public
        wrap = AESGCM(scrypt(passphrase, salt, c, p, 32))
        return to_text("dialtone-identity-", head + wrap.encrypt(bytes(12), self.seed, head))


def data_of(text: str, word: str) -> bytes:
    """Data of a text that has to have the prefix `dialtone-<word>-`."""
    prefix, data = from_text(text)
    if prefix != f"dialtone-{word}-":
        raise RefusedError("another kind of text")
    return data


def check_agreement_key(key: bytes) -> None:
    """Refuse an X25519 key that is not reduced, or of small order: what is agreed is zero."""
    if int.from_bytes(key, "little") >= PRIME:
        raise RefusedError("a key that is not reduced")
    if receive(bytes(32), key, b"", b"", 32) is None:
        raise RefusedError("a key of small order")


def check_point(key: bytes) -> None:
    """Refuse an Ed25519 key that is no point (RFC 8032, 5.1.3), or one of order 1, 2, 4 or 8."""
    d = -121665 * pow(121666, -1, PRIME)
    sign, y = key[31] >> 7, int.from_bytes(key, "little") % 2**255
    square = (y * y - 1) * pow(d * y * y + 1, -1, PRIME) % PRIME
    if y >= PRIME or pow(square, (PRIME - 1) // 2, PRIME) > 1 or (square == 0 and sign):
        raise RefusedError("a key that is no point")
    for _ in range(3):  # the curve is -x^2 + y^2 = 1 + d x^2 y^2: doubling needs x^2 and y^2 alone
        product = d * square * y * y
        square, y = (
            4 * square * y * y * pow(1 + product, -2, PRIME) % PRIME,
            (y * y + square) * pow(1 - product, -1, PRIME) % PRIME,
        )
    if (square, y) == (0, 1):
        raise RefusedError("a point of small order")


def read_public(text: str) -> bytes:
    """Data of a public key of either kind."""
    data = data_of(text, "key")
    if not (data[:1] == b"\1" and len(data) == 65):
        split = data[:1] == b"\2" and len(data) == 51
        if not (split and 2 <= data[49] <= data[50]):
            raise RefusedError("a public key that this page does not know")
    check_agreement_key(data[1:33])
    if data[0] == 1:
        check_point(data[33:])
    return data


def unlock(text: str, passphrase: str) -> Identity:
    """The identity of a text."""
    data = data_of(text, "identity")
    head, sealed, (version, c, p) = data[:84], data[84:], data[:3]
    if version != 1 or len(data) != 132 or not (1 <= c <= MAX_C and 1 <= p <= MAX_P):
        raise RefusedError("an identity that this page does not know")
    wrap = AESGCM(scrypt(passphrase, head[3:19], c, p, 32))
    try:
        identity = Identity(wrap.decrypt(bytes(12), sealed, head))
    except InvalidTag as error:
        raise RefusedError("a wrong passphrase") from error
    if identity.public != head[19:]:
        raise RefusedError("an identity with a foreign public key")
    return identity


def fingerprint(public: bytes) -> str:
    """Fingerprint of a public key's data."""
    text = base64.b32encode(digest(b"dialtone 2 fingerprint" + public)).decode().lower()
    return "-".join(text[i : i + 4] for i in range(0, 20, 4))


def multiply(a: int, b: int) -> int:
    """Product in GF(2^128)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = a << 1, b >> 1
        if a >> 128:
            a ^= _REDUCTION
    return product


def invert(a: int) -> int:
    """Inverse in GF(2^128): a to the power of 2^128 - 2."""
    inverse, power = 1, a
    for _ in range(127):
        power = multiply(power, power)
        inverse = multiply(inverse, power)
    return inverse


@dataclass(frozen=True)
class Share:
    """One share: enough to be checked by itself."""

    k: int
    n: int
    index: int
    value: bytes
    digests: tuple[bytes, ...]

    @property
    def set_id(self) -> bytes:
        """The set it belongs to, by its own digests."""
        head = b"dialtone 2 shares" + bytes([self.k, self.n])
        return digest(head + b"".join(self.digests))[:16]

    @property
    def text(self) -> str:
        """The share as text."""
        head = bytes([1, self.k, self.n, self.index])
        return to_text("dialtone-share-", head + self.value + b"".join(self.digests))


def _share_digest(k: int, n: int, index: int, value: bytes) -> bytes:
    return digest(b"dialtone 2 share" + bytes([k, n, index]) + value)[:16]


def read_share(text: str) -> Share:
    """A share that fits its own digest."""
    data = data_of(text, "share")
    if len(data) < 36 or data[0] != 1 or len(data) != 36 + 16 * data[2]:
        raise RefusedError("a share that this page does not know")
    k, n, index, value = data[1], data[2], data[3], data[4:36]
    digests = tuple(data[i : i + 16] for i in range(36, len(data), 16))
    if not (2 <= k <= n and 1 <= index <= n):
        raise RefusedError("a share with impossible numbers")
    if digests[index - 1] != _share_digest(k, n, index, value):
        raise RefusedError("a share that was changed")
    return Share(k, n, index, value, digests)


def split(seed: bytes, k: int, n: int, random: Callable[[int], bytes]) -> list[Share]:
    """Shares 1..n of a seed."""
    halves = [
        [int.from_bytes(half, "big")] + [int.from_bytes(random(16), "big") for _ in range(k - 1)]
        for half in (seed[:16], seed[16:])
    ]
    values = []
    for x in range(1, n + 1):
        value = b""
        for coefficients in halves:
            y = 0
            for coefficient in reversed(coefficients):
                y = multiply(y, x) ^ coefficient
            value += y.to_bytes(16, "big")
        values.append(value)
    digests = tuple(_share_digest(k, n, i, value) for i, value in enumerate(values, 1))
    return [Share(k, n, i, value, digests) for i, value in enumerate(values, 1)]


def join(shares: Sequence[Share]) -> bytes | None:
    """The seed behind shares of one set; None for too few."""
    chosen = list({share.index: share for share in shares}.values())[: shares[0].k]
    if len(chosen) < shares[0].k:
        return None
    sums = [0, 0]
    for share in chosen:
        weight = 1
        for other in chosen:
            if other is not share:
                factor = multiply(other.index, invert(other.index ^ share.index))
                weight = multiply(weight, factor)
        for half in range(2):
            y = int.from_bytes(share.value[16 * half : 16 * half + 16], "big")
            sums[half] ^= multiply(y, weight)
    return b"".join(value.to_bytes(16, "big") for value in sums)


def split_public(seed: bytes, share: Share) -> bytes:
    """Data of the public key of kind 2: a key that is split."""
    key = public_key(Identity(seed).x25519)
    return b"\2" + key + share.set_id + bytes([share.k, share.n])


def check_signature(signer: bytes, signature: bytes, message: bytes) -> None:
    """Refuse an Ed25519 signature (RFC 8032) that is wrong, or by a key of small order."""
    check_point(signer)
    try:
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, message)
    except InvalidSignature as error:
        raise RefusedError("a wrong signature") from error


def onetime(identity: Identity, public_keys: Sequence[bytes]) -> str:
    """One-time keys of an identity as text."""
    data = b"\1" + identity.signer + bytes([len(public_keys)]) + b"".join(public_keys)
    signature = identity.ed25519.sign(b"dialtone 2 one-time keys" + data)
    return to_text("dialtone-onetime-", data + signature)


def read_onetime(text: str) -> tuple[bytes, list[bytes]]:
    """Signer and public X25519 keys of a bundle."""
    data = data_of(text, "onetime")
    if len(data) < 34 or data[0] != 1 or len(data) != 34 + 32 * data[33] + 64:
        raise RefusedError("one-time keys that this page does not know")
    check_signature(data[1:33], data[-64:], b"dialtone 2 one-time keys" + data[:-64])
    keys = [data[i : i + 32] for i in range(34, len(data) - 64, 32)]
    if not keys or len(set(keys)) < len(keys):
        raise RefusedError("one-time keys that are none, or not all different")
    for key in keys:
        check_agreement_key(key)
    return data[1:33], keys


def revocation(identity: Identity, time: int) -> str:
    """A revocation as text."""
    data = b"\1" + identity.signer + time.to_bytes(8, "big")
    signature = identity.ed25519.sign(b"dialtone 2 revoked" + data)
    return to_text("dialtone-revoked-", data + signature)


def read_revocation(text: str) -> tuple[bytes, int]:
    """Signer and time of a revocation."""
    data = data_of(text, "revoked")
    if len(data) != 105 or data[0] != 1:
        raise RefusedError("a revocation that this page does not know")
    check_signature(data[1:33], data[-64:], b"dialtone 2 revoked" + data[:-64])
    return data[1:33], int.from_bytes(data[33:41], "big")
