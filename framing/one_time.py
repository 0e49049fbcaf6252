"""Private halves of one-time keys at rest. Erased after one use, they leave nothing to open with.

Not part of the format on the air.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cached_property

from framing.cipher import TAG_BYTES, aes_gcm_open, aes_gcm_seal, hkdf_sha256
from framing.errors import AuthenticationError, KeyTextError, WrongIdentityError
from framing.identity import X25519_BYTES, Identity, x25519_public

_NONCE_BYTES = 12
_SEALED_AT = X25519_BYTES + _NONCE_BYTES
_BYTES = _SEALED_AT + X25519_BYTES + TAG_BYTES


@dataclass(frozen=True)
class OneTimeKey:
    """A random X25519 key for one transfer; the private half has 32 bytes and is secret."""

    private: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.private) != X25519_BYTES:
            raise ValueError(f"a private key has {X25519_BYTES} bytes")

    @cached_property
    def public(self) -> bytes:
        return x25519_public(self.private)

    @classmethod
    def new(cls) -> OneTimeKey:
        return cls(secrets.token_bytes(X25519_BYTES))

    def seal(self, identity: Identity) -> bytes:
        """Public half (32), nonce (12), private half under AES-256-GCM (48)."""
        # One key for all of them: so the nonce is random, not zero as where every salt is new.
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = aes_gcm_seal(_store_key(identity), nonce, self.public, self.private)
        return self.public + nonce + sealed

    @classmethod
    def open(cls, data: bytes, identity: Identity) -> OneTimeKey:
        """Raises KeyTextError, WrongIdentityError."""
        if len(data) != _BYTES:
            raise KeyTextError("This is not a stored one-time key, or not all of it.")
        public, nonce = data[:X25519_BYTES], data[X25519_BYTES:_SEALED_AT]
        try:
            private = aes_gcm_open(_store_key(identity), nonce, public, data[_SEALED_AT:])
        except AuthenticationError:
            raise WrongIdentityError from None
        key = cls(private)
        if key.public != public:
            raise KeyTextError("The public half of this one-time key is not its own.")
        return key


def _store_key(identity: Identity) -> bytes:
    return hkdf_sha256(identity.seed, b"", b"dialtone 2 one-time store")
