"""Locks: the ways in which a sender can lock a transfer. Each writes one stanza."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from Crypto.Util.strxor import strxor

from framing import records
from framing.cipher import COST_DEFAULT, COST_MAX, FILE_KEY_BYTES, PASSES, passphrase_bytes, scrypt
from framing.identity import ED25519_BYTES, X25519_BYTES, SplitKey
from framing.stanzas import (
    CLEAR,
    PASSPHRASE,
    PASSPHRASES_MAX,
    RECIPIENT,
    RECIPIENTS_MAX,
    RSA_MAX,
    RSA_OAEP,
    SALT_BYTES,
    SHARES,
    WORK_MAX,
    oaep,
    recipient_info,
    rsa_key,
    sender_pad,
    shares_info,
    work,
)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Encrypt under a passphrase. `cost` is log2 of scrypt's N, 10..15; r = 8, p = 4."""

    secret: str | bytes = field(repr=False)
    cost: int = COST_DEFAULT
    _begun: list[Future[tuple[bytes, bytes]]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not self.secret:
            raise ValueError("the passphrase is empty")
        if not 10 <= self.cost <= COST_MAX:
            raise ValueError(f"cost must be 10..{COST_MAX}, got {self.cost}")

    def begin(self) -> None:
        """Start the costly part of the next stanza in a thread of its own."""
        executor = ThreadPoolExecutor(max_workers=1)
        self._begun.append(executor.submit(self._pad))
        executor.shutdown(wait=False)

    def _pad(self) -> tuple[bytes, bytes]:
        """A new salt, and the pad that it makes of the passphrase."""
        salt = secrets.token_bytes(SALT_BYTES)
        secret = passphrase_bytes(self.secret)
        return salt, scrypt(secret, salt, self.cost, length=FILE_KEY_BYTES)

    def stanza(self, file_key: bytes, transfer: bytes) -> bytes:
        # A pad that served two file keys would tell their difference: it is taken out.
        salt, pad = self._begun.pop().result() if self._begun else self._pad()
        costs = bytes([self.cost, PASSES])
        return records.field(PASSPHRASE, salt + costs + strxor(file_key, pad))


@dataclass(frozen=True, slots=True)
class ClearKey:
    """Encrypt, and put the key into the key header: it protects nothing."""

    def stanza(self, file_key: bytes, transfer: bytes) -> bytes:
        return records.field(CLEAR, file_key)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Encrypt to an identity: to its X25519 key, or to one of its one-time keys.

    ed25519  the identity's signing key: whoever has the X25519 key under another name cannot open
             what is sent. Both have 32 bytes.
    """

    x25519: bytes
    ed25519: bytes

    def __post_init__(self) -> None:
        if len(self.x25519) != X25519_BYTES or len(self.ed25519) != ED25519_BYTES:
            raise ValueError("a recipient has two keys of 32 bytes")

    def stanza(self, file_key: bytes, transfer: bytes) -> bytes:
        enc, pad = sender_pad(self.x25519, recipient_info(transfer, self.ed25519))
        return records.field(RECIPIENT, enc + strxor(file_key, pad))


@dataclass(frozen=True, slots=True)
class SharesRecipient:
    """Encrypt to a key that is split: some of its shares together open the transfer."""

    key: SplitKey

    def stanza(self, file_key: bytes, transfer: bytes) -> bytes:
        shares = self.key.set_id + bytes([self.key.k, self.key.n])
        enc, pad = sender_pad(self.key.x25519, shares_info(transfer, shares))
        return records.field(SHARES, shares + enc + strxor(file_key, pad))


@dataclass(frozen=True, slots=True)
class RsaRecipient:
    """Encrypt to an RSA key of 2048..8192 bits. pem is what `openssl pkey -pubout` writes.

    Raises KeyTextError where it holds no such key.
    """

    pem: bytes

    def __post_init__(self) -> None:
        rsa_key(self.pem, None)

    def stanza(self, file_key: bytes, transfer: bytes) -> bytes:
        return records.field(RSA_OAEP, oaep(rsa_key(self.pem, None)).encrypt(file_key))


@dataclass(frozen=True, slots=True)
class Plain:
    """Do not encrypt: the content is readable on the air."""


Lock = Passphrase | ClearKey | Recipient | SharesRecipient | RsaRecipient
KeyChoice = Plain | Lock | Sequence[Lock]


def build(locks: Sequence[Lock], file_key: bytes, transfer: bytes) -> bytes:
    """The stanzas of a header. Raises ValueError where there are none, or more than are tried."""
    limits = (
        ((Recipient, SharesRecipient), RECIPIENTS_MAX),
        ((RsaRecipient,), RSA_MAX),
        ((Passphrase,), PASSPHRASES_MAX),
    )
    for kinds, most in limits:
        if sum(isinstance(lock, kinds) for lock in locks) > most:
            raise ValueError(f"at most {most} of {', '.join(kind.__name__ for kind in kinds)}")
    costs = [work(lock.cost, PASSES) for lock in locks if isinstance(lock, Passphrase)]
    if sum(costs) > WORK_MAX:
        raise ValueError("these passphrases together are too costly to try")
    if not locks:
        raise ValueError("nobody could open this transfer")
    return b"".join(lock.stanza(file_key, transfer) for lock in locks)
