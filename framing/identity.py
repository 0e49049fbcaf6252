"""Who a transfer is for and who it is from: public keys, and the identities they belong to.

An identity is a seed of 32 bytes. Its X25519 key opens what is sent to it, its Ed25519 key signs.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property

from Crypto.Protocol import DH
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa

from framing import armor
from framing.cipher import (
    COST_DEFAULT,
    COST_MAX,
    PASSES,
    PASSES_MAX,
    TAG_BYTES,
    aes_gcm_open,
    aes_gcm_seal,
    hkdf_sha256,
    passphrase_bytes,
    scrypt,
)
from framing.errors import (
    AuthenticationError,
    CostlyKeyError,
    KeyTextError,
    WrongPassphraseError,
)

SEED_BYTES = 32
X25519_BYTES = 32
ED25519_BYTES = 32
SIGNATURE_BYTES = 64
SET_BYTES = 16
SHARES_MAX = 255

_PRIME = 2**255 - 19
_COFACTOR = 8  # of Ed25519 (RFC 8032, section 5.1)

_PERSON, _SPLIT = 1, 2
_PERSON_BYTES = 1 + X25519_BYTES + ED25519_BYTES
_SPLIT_BYTES = 1 + X25519_BYTES + SET_BYTES + 2

_LOCKED_VERSION = 1
_SALT_BYTES = 16
_LOCKED_HEAD = 3 + _SALT_BYTES
_LOCKED_CLEAR = _LOCKED_HEAD + _PERSON_BYTES
_LOCKED_BYTES = _LOCKED_CLEAR + SEED_BYTES + TAG_BYTES
_COST_MIN = 10  # of what is written; less is read as well
_NONCE = bytes(12)  # the wrapping key is new with every salt


def x25519_public(private: bytes) -> bytes:
    """The public key, 32 bytes, of a private key of 32 bytes (RFC 7748, section 6.1)."""
    return DH.import_x25519_private_key(private).public_key().export_key(format="raw")


def is_x25519(public: bytes) -> bool:
    """Whether a secret can be agreed on with this key, and it is written in the one way.

    Points of small order and numbers that are not below 2**255 - 19 (the top bit counts) are none:
    RFC 7748, section 5, reads these, so a key would have further fingerprints.
    """
    if int.from_bytes(public, "little") >= _PRIME:
        return False
    try:
        DH.import_x25519_public_key(public)
    except ValueError:
        return False
    return True


def _ed25519_key(public: bytes) -> ECC.EccKey:
    """Raises ValueError where it is no key, or a point of small order: such a point has signatures
    that fit every message (RFC 8032, section 5.1.7, asks for no check)."""
    key = eddsa.import_public_key(public)
    if len(public) != ED25519_BYTES or (key.pointQ * _COFACTOR).is_point_at_infinity():
        raise ValueError("this is no Ed25519 key that can sign")
    return key


def verify(ed25519: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's Ed25519 signature of the message (RFC 8032, section 5.1.7).

    False as well for bytes that are no key or no signature, and for keys of small order.
    """
    try:
        key = _ed25519_key(ed25519)
        eddsa.new(key, "rfc8032").verify(message, signature)
    except ValueError:
        return False
    return True


def fingerprint_of(data: bytes) -> str:
    """Fingerprint of a public key's data: 100 bits, k3fa-2xzt-..., to be compared by voice."""
    return spoken(hashlib.sha256(b"dialtone 2 fingerprint" + data).digest())


def spoken(digest: bytes) -> str:
    """The first 100 bits of a digest in five groups of four letters."""
    letters = armor.base32(digest)
    return "-".join(letters[at : at + 4] for at in range(0, 20, 4))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A person's public key: X25519 to send to and Ed25519 to check signatures, 32 bytes each."""

    x25519: bytes
    ed25519: bytes

    def __post_init__(self) -> None:
        if len(self.x25519) != X25519_BYTES or len(self.ed25519) != ED25519_BYTES:
            raise ValueError("a public key has two parts of 32 bytes")

    @property
    def data(self) -> bytes:
        return bytes([_PERSON]) + self.x25519 + self.ed25519

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.data)

    def text(self) -> str:
        return armor.encode(armor.KEY, self.data)


@dataclass(frozen=True, slots=True)
class SplitKey:
    """Public key of a private key that exists only in shares, of which k of n together open.

    x25519 has 32 bytes, set_id 16; 2 <= k <= n <= 255.
    """

    x25519: bytes
    set_id: bytes
    k: int
    n: int

    def __post_init__(self) -> None:
        if len(self.x25519) != X25519_BYTES or len(self.set_id) != SET_BYTES:
            raise ValueError("a split key has a key of 32 bytes and a set id of 16")
        if not 2 <= self.k <= self.n <= SHARES_MAX:
            raise ValueError(f"2 <= k <= n <= {SHARES_MAX} does not hold for {self.k} of {self.n}")

    @property
    def data(self) -> bytes:
        return bytes([_SPLIT]) + self.x25519 + self.set_id + bytes([self.k, self.n])

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.data)

    def text(self) -> str:
        return armor.encode(armor.KEY, self.data)


AnyPublicKey = PublicKey | SplitKey


def parse_public(text: str) -> AnyPublicKey:
    """Raises KeyTextError."""
    data = armor.decode_as(armor.KEY, text)
    if (data[0], len(data)) == (_PERSON, _PERSON_BYTES):
        return _person(data)
    if (data[0], len(data)) == (_SPLIT, _SPLIT_BYTES):
        return _split(data)
    raise KeyTextError("This public key is of a kind that this version does not know.")


def _person(data: bytes) -> PublicKey:
    x25519, ed25519 = data[1 : 1 + X25519_BYTES], data[1 + X25519_BYTES :]
    try:
        _ed25519_key(ed25519)
    except ValueError:
        raise KeyTextError("No signature can be checked with this public key.") from None
    _check_x25519(x25519)
    return PublicKey(x25519, ed25519)


def _split(data: bytes) -> SplitKey:
    x25519, set_id = data[1 : 1 + X25519_BYTES], data[1 + X25519_BYTES : -2]
    _check_x25519(x25519)
    try:
        return SplitKey(x25519, set_id, data[-2], data[-1])
    except ValueError:
        raise KeyTextError("This public key makes no sense: its shares are miscounted.") from None


def _check_x25519(public: bytes) -> None:
    if not is_x25519(public):
        raise KeyTextError("Nothing can be encrypted to this public key.")


class Identity:
    """A seed of 32 bytes and the keys that come from it. Its repr shows the fingerprint alone."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
        self.seed = seed
        self.x25519 = hkdf_sha256(seed, b"", b"dialtone 2 x25519", X25519_BYTES)
        ed25519_seed = hkdf_sha256(seed, b"", b"dialtone 2 ed25519", ED25519_BYTES)
        self._ed25519 = eddsa.import_private_key(ed25519_seed)

    def __repr__(self) -> str:
        return f"Identity({self.public.fingerprint})"

    @classmethod
    def new(cls) -> Identity:
        return cls(secrets.token_bytes(SEED_BYTES))

    @cached_property
    def public(self) -> PublicKey:
        ed25519 = self._ed25519.public_key().export_key(format="raw")
        return PublicKey(x25519_public(self.x25519), ed25519)

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes (RFC 8032, section 5.1.6)."""
        return eddsa.new(self._ed25519, "rfc8032").sign(message)

    def lock(self, passphrase: str | bytes, cost: int = COST_DEFAULT) -> str:
        """The identity as a line of text, sealed. cost: log2 of scrypt's N, 10..15, p = 4."""
        if not passphrase:
            raise ValueError("the passphrase is empty")
        if not _COST_MIN <= cost <= COST_MAX:
            raise ValueError(f"cost must be {_COST_MIN}..{COST_MAX}, got {cost}")
        salt = secrets.token_bytes(_SALT_BYTES)
        clear = bytes([_LOCKED_VERSION, cost, PASSES]) + salt + self.public.data
        key = scrypt(passphrase_bytes(passphrase), salt, cost, p=PASSES)
        return armor.encode(armor.IDENTITY, clear + aes_gcm_seal(key, _NONCE, clear, self.seed))

    @classmethod
    def unlock(cls, text: str, passphrase: str | bytes) -> Identity:
        """Raises KeyTextError, WrongPassphraseError, CostlyKeyError."""
        clear, sealed, public = _read_locked(text)
        cost, passes, salt = clear[1], clear[2], clear[3:_LOCKED_HEAD]
        if cost > COST_MAX or passes > PASSES_MAX:
            raise CostlyKeyError
        key = scrypt(passphrase_bytes(passphrase), salt, cost, p=passes)
        try:
            seed = aes_gcm_open(key, _NONCE, clear, sealed)
        except AuthenticationError:
            raise WrongPassphraseError from None
        identity = cls(seed)
        if identity.public != public:
            raise KeyTextError("The public key in this identity is not its own: it was changed.")
        return identity


def locked_public(text: str) -> PublicKey:
    """The public key in the text of a locked identity. Raises KeyTextError.

    Nothing proves without the passphrase that it is the identity's own.
    """
    return _read_locked(text)[2]


def _read_locked(text: str) -> tuple[bytes, bytes, PublicKey]:
    """What stands before the sealed seed, the sealed seed, the public key."""
    data = armor.decode_as(armor.IDENTITY, text)
    if data[0] != _LOCKED_VERSION:
        raise KeyTextError("This identity was made by a newer version of Dialtone.")
    if len(data) != _LOCKED_BYTES or not data[1] or not data[2] or data[_LOCKED_HEAD] != _PERSON:
        raise KeyTextError("This identity makes no sense: its parts do not fit together.")
    clear = data[:_LOCKED_CLEAR]
    return clear, data[_LOCKED_CLEAR:], _person(clear[_LOCKED_HEAD:])
