"""Stanzas: the file key, once for everybody who may open the transfer.

Every stanza but the clear one and RSA holds the file key masked with a pad that only its owner
can compute. The mask itself proves nothing: a file key counts where the header's MAC fits it,
so a stanza cannot be changed, nor be made to open under two different keys.
"""

from __future__ import annotations

from Crypto.Cipher import PKCS1_OAEP
from Crypto.Hash import SHA256
from Crypto.Protocol import DH, HPKE
from Crypto.PublicKey import ECC, RSA

from framing.cipher import COST_MAX, FILE_KEY_BYTES, LABEL, PASSES_MAX
from framing.errors import KeyTextError, WrongPassphraseError

CLEAR, PASSPHRASE, RECIPIENT, RSA_OAEP, SHARES = 1, 2, 3, 4, 5

RECIPIENTS_MAX = 32  # recipient and shares stanzas of a header: half a millisecond each and key
RSA_MAX = 8  # RSA stanzas of a header: up to 0.1 s each and key
PASSPHRASES_MAX = 4  # passphrase stanzas of a header: each costs a scrypt
WORK_MAX = PASSES_MAX << COST_MAX  # of all of them together, as `work` counts it

SALT_BYTES = 16
X25519_BYTES = 32
SET_BYTES = 16
_PEM_BYTES_MAX = 1 << 13  # a private key of 8192 bits has 6400; larger numbers take seconds
_RSA_BITS = range(2048, 8193)
_EXPORT = b"file key"
_LENGTHS = {
    CLEAR: FILE_KEY_BYTES,
    PASSPHRASE: SALT_BYTES + 2 + FILE_KEY_BYTES,
    RECIPIENT: X25519_BYTES + FILE_KEY_BYTES,
    SHARES: SET_BYTES + 2 + X25519_BYTES + FILE_KEY_BYTES,
}


def is_known(kind: int, body: bytes) -> bool:
    """Whether a stanza is one that can be read; all others are passed over."""
    if kind == PASSPHRASE and 0 in body[SALT_BYTES : SALT_BYTES + 2]:
        return False  # scrypt is not defined for N = 1 or p = 0
    return len(body) == _LENGTHS[kind] if kind in _LENGTHS else kind == RSA_OAEP


def recipient_info(transfer: bytes, ed25519: bytes) -> bytes:
    """ed25519: the signing key (32 bytes) of whose key it is. A public key that somebody put
    together from the X25519 key of one person and the signing key of another opens for neither."""
    return LABEL + b"recipient" + transfer + ed25519


def work(cost: int, passes: int) -> int:
    """What scrypt with N = 2**cost and p = passes takes: 1 << 15 is some 0.1 s."""
    return passes << cost


def shares_info(transfer: bytes, shares: bytes) -> bytes:
    """shares: set id, k, n, as the stanza begins."""
    return LABEL + b"shares" + transfer + shares


def sender_pad(x25519: bytes, info: bytes) -> tuple[bytes, bytes]:
    """(enc, pad): HPKE in base mode, export only (RFC 9180, 5.1.1 and 5.3)."""
    receiver = DH.import_x25519_public_key(x25519)
    context = HPKE.new(receiver_key=receiver, aead_id=HPKE.AEAD.EXPORT_ONLY, info=info)
    return context.enc, context.export(_EXPORT, FILE_KEY_BYTES)


def receiver_pad(receiver: ECC.EccKey, enc: bytes, info: bytes) -> bytes | None:
    """The pad; None where `enc` is no usable point, which only a forger writes."""
    try:
        context = HPKE.new(receiver_key=receiver, aead_id=HPKE.AEAD.EXPORT_ONLY, enc=enc, info=info)
    except ValueError:
        return None
    return context.export(_EXPORT, FILE_KEY_BYTES)


def rsa_key(pem: bytes, passphrase: bytes | None) -> RSA.RsaKey:
    """Raises KeyTextError, WrongPassphraseError."""
    if len(pem) > _PEM_BYTES_MAX or not pem.lstrip().startswith(b"-----BEGIN "):
        raise KeyTextError("This is no RSA key in PEM.")
    try:
        key = RSA.import_key(pem, passphrase)
    except (ValueError, IndexError, TypeError) as error:
        if b"ENCRYPTED" in pem[:200] and b"-----END " in pem:
            raise WrongPassphraseError("The passphrase does not open this RSA key.") from error
        raise KeyTextError("This is no RSA key in PEM.") from error
    if key.size_in_bits() not in _RSA_BITS:
        low, high = _RSA_BITS[0], _RSA_BITS[-1]
        raise KeyTextError(f"An RSA key has to have {low} to {high} bits here.")
    return key


def oaep(key: RSA.RsaKey) -> PKCS1_OAEP.PKCS1OAEP_Cipher:
    """RSAES-OAEP (RFC 8017, 7.1) with SHA-256."""
    return PKCS1_OAEP.new(key, hashAlgo=SHA256, label=LABEL + b"rsa")


def oaep_open(key: RSA.RsaKey, body: bytes) -> bytes | None:
    """The file key, or None where it is for another key."""
    if len(body) != key.size_in_bytes():
        return None
    try:
        found = oaep(key).decrypt(body)
    except ValueError:
        return None
    return found if len(found) == FILE_KEY_BYTES else None
