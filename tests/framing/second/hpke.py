"""HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export-only, by hand.

Only the agreement itself and HMAC come from libraries; names and labels are the RFC's.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

_KEM = b"KEM\x00\x20"
_SUITE = b"HPKE\x00\x20\x00\x01\xff\xff"


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """LabeledExtract (section 4)."""
    return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")


def hkdf_expand(prk: bytes, info: bytes, size: int) -> bytes:
    """HKDF-Expand with SHA-256 (RFC 5869, 2.3), `size` up to 255 blocks of 32 bytes."""
    out, block = b"", b""
    for i in range(1, -(-size // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([i]), "sha256")
        out += block
    return out[:size]


def hkdf(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA256 (RFC 5869); no salt is the empty salt."""
    return hkdf_expand(hmac.digest(salt or bytes(32), secret, "sha256"), info, size)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """LabeledExpand (section 4)."""
    return hkdf_expand(prk, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)


def public_key(private: bytes) -> bytes:
    """X25519 public key, 32 bytes, of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def shared_secret(private: bytes, public: bytes, enc: bytes, recipient: bytes) -> bytes:
    """Encap and Decap from the agreement on (section 4.1): ours and theirs, enc and pkRm."""
    own = X25519PrivateKey.from_private_bytes(private)
    try:
        agreed = own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # a point of low order: the RFC's check for an agreement of zeros (7.1.4)
        return b""
    context = enc + recipient
    return _expand(_KEM, _extract(_KEM, b"", b"eae_prk", agreed), b"shared_secret", context, 32)


def exporter(shared: bytes, info: bytes) -> bytes:
    """exporter_secret of the key schedule, mode_base (section 5.1)."""
    context = (
        b"\0"
        + _extract(_SUITE, b"", b"psk_id_hash", b"")
        + _extract(_SUITE, b"", b"info_hash", info)
    )
    secret = _extract(_SUITE, shared, b"secret", b"")
    return _expand(_SUITE, secret, b"exp", context, 32)


def export(exporter_secret: bytes, context: bytes, size: int) -> bytes:
    """Context.Export (section 5.3)."""
    return _expand(_SUITE, exporter_secret, b"sec", context, size)


def send(ephemeral: bytes, recipient: bytes, info: bytes, context: bytes, size: int) -> bytes:
    """What a sender exports to `recipient` with the private key `ephemeral`."""
    shared = shared_secret(ephemeral, recipient, public_key(ephemeral), recipient)
    return export(exporter(shared, info), context, size)


def receive(private: bytes, enc: bytes, info: bytes, context: bytes, size: int) -> bytes | None:
    """What the owner of `private` exports from `enc`; None for a point of low order."""
    shared = shared_secret(private, enc, enc, public_key(private))
    return export(exporter(shared, info), context, size) if shared else None
