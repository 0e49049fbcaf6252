"""Keys: what a receiver has, and finding the file key of a transfer with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from Crypto.Protocol import DH
from Crypto.PublicKey import ECC, RSA
from Crypto.Util.strxor import strxor

from framing.cipher import COST_MAX, FILE_KEY_BYTES, PASSES_MAX, passphrase_bytes, scrypt
from framing.errors import (
    CostlyKeyError,
    ForgedHeaderError,
    KeyTextError,
    LockError,
    MissingKeyError,
    UnknownLockError,
    WrongKeyError,
)
from framing.stanzas import (
    CLEAR,
    PASSPHRASE,
    PASSPHRASES_MAX,
    RECIPIENT,
    RECIPIENTS_MAX,
    RSA_MAX,
    RSA_OAEP,
    SALT_BYTES,
    SET_BYTES,
    SHARES,
    WORK_MAX,
    X25519_BYTES,
    is_known,
    oaep_open,
    receiver_pad,
    recipient_info,
    rsa_key,
    shares_info,
    work,
)

_WAYS = {
    PASSPHRASE: "with a passphrase",
    RECIPIENT: "for the identities of its recipients",
    RSA_OAEP: "for RSA keys",
}


@dataclass(frozen=True)
class PrivateKey:
    """An X25519 private key (32 bytes).

    ed25519  the signing key (32 bytes) of the identity whose key, or whose one-time key, it is;
             None for a key without one, which opens nothing that is sent to an identity
    set_id   of the shares (16 bytes) that the key was split into: it opens what was sent to them,
             and nothing else is tried with it. None for an identity or a one-time key, with which
             no shares stanza is tried: anybody can make up shares of somebody else's key
    spent    called after a whole, verified reception that this key opened
    """

    x25519: bytes = field(repr=False)
    ed25519: bytes | None = None
    set_id: bytes | None = None
    spent: Callable[[], None] | None = None

    @cached_property
    def imported(self) -> ECC.EccKey:
        """The key as the library takes it: to import it costs as much as to use it."""
        return DH.import_x25519_private_key(self.x25519)


def _no_keys() -> Sequence[PrivateKey]:
    return ()


@dataclass(frozen=True, slots=True)
class Keys:
    """What a receiver can open transfers with.

    passphrases   tried on transfers that are locked with one
    private_keys  asked for at the first transfer that needs one, and once for an inbox: here is
                  the place to ask for the passphrase of an identity
    rsa           of `rsa_private_key`
    file_key      of one transfer, as its sender knows it
    """

    passphrases: Sequence[str | bytes] = field(default=(), repr=False)
    private_keys: Callable[[], Sequence[PrivateKey]] = _no_keys
    rsa: Sequence[RSA.RsaKey] = field(default=(), repr=False)
    file_key: bytes | None = field(default=None, repr=False)


class Keyring:
    """The keys of one inbox: those that are used up leave it."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._private: list[PrivateKey] | None = None

    def private_keys(self) -> Sequence[PrivateKey]:
        if self._private is None:
            self._private = []  # asked for once, even if that fails
            self._private = list(self.keys.private_keys())
        return self._private

    def spend(self, key: PrivateKey | None) -> None:
        """A transfer that this key opened is delivered."""
        if key is not None and key.spent is not None and self._private is not None:
            key.spent()
            self._private = [other for other in self._private if other is not key]


def rsa_private_key(pem: bytes, passphrase: bytes | None = None) -> RSA.RsaKey:
    """An RSA private key in PEM (PKCS #1 or PKCS #8, encrypted or not).

    Raises KeyTextError, or WrongPassphraseError where it is encrypted and the passphrase is not
    the right one.
    """
    key = rsa_key(pem, passphrase)
    if not key.has_private():
        raise KeyTextError("This is the public half of an RSA key; the private one is needed.")
    return key


def file_keys(
    stanzas: Iterable[tuple[int, bytes]], transfer: bytes, ring: Keyring
) -> Iterator[tuple[bytes, PrivateKey | None]]:
    """Every file key that these keys find in the stanzas, the cheapest first.

    The caller stops where one fits the header. Where none does, the generator ends with the
    LockError that fits, or ForgedHeaderError where a key that needs no guess does not fit.
    """
    known = [(kind, body) for kind, body in stanzas if is_known(kind, body)]
    if ring.keys.file_key is not None:
        yield ring.keys.file_key, None
    certain = False  # a file key was found that needed no guess
    for body in _of(known, CLEAR):
        yield body, None
        certain = True
    yield from _by_private_keys(known, transfer, ring)
    for body in _of(known, RSA_OAEP)[:RSA_MAX]:
        for key in ring.keys.rsa:
            found = oaep_open(key, body)
            if found is not None:
                yield found, None
                certain = True
    passphrases = _of(known, PASSPHRASE)
    costly = len(passphrases) > PASSPHRASES_MAX
    spent = 0
    for body in passphrases[:PASSPHRASES_MAX]:
        salt, masked = body[:SALT_BYTES], body[SALT_BYTES + 2 :]
        cost, passes = body[SALT_BYTES : SALT_BYTES + 2]
        if cost > COST_MAX or passes > PASSES_MAX or spent + work(cost, passes) > WORK_MAX:
            costly = True
            continue
        spent += work(cost, passes)
        for passphrase in ring.keys.passphrases:
            pad = scrypt(passphrase_bytes(passphrase), salt, cost, p=passes, length=FILE_KEY_BYTES)
            yield strxor(masked, pad), None
    if certain:
        raise ForgedHeaderError
    if costly:
        raise CostlyKeyError
    raise _no_key_fits(known, ring)


def _of(stanzas: Sequence[tuple[int, bytes]], kind: int) -> list[bytes]:
    return [body for found, body in stanzas if found == kind]


def _by_private_keys(
    stanzas: Sequence[tuple[int, bytes]], transfer: bytes, ring: Keyring
) -> Iterator[tuple[bytes, PrivateKey]]:
    tried = [(kind, body) for kind, body in stanzas if kind in (RECIPIENT, SHARES)]
    for kind, body in sorted(tried[:RECIPIENTS_MAX], key=lambda stanza: stanza[0]):
        at = 0 if kind == RECIPIENT else SET_BYTES + 2
        head, enc, masked = body[:at], body[at : at + X25519_BYTES], body[at + X25519_BYTES :]
        for key in ring.private_keys():
            info = _info(kind, transfer, head, key)
            pad = None if info is None else receiver_pad(key.imported, enc, info)
            if pad is not None:
                yield strxor(masked, pad), key


def _info(kind: int, transfer: bytes, head: bytes, key: PrivateKey) -> bytes | None:
    """What the pad is bound to where the stanza can be for this key; None where it cannot.

    head: set id, k, n of a shares stanza.
    """
    if kind == RECIPIENT:
        if key.set_id is not None or key.ed25519 is None:
            return None
        return recipient_info(transfer, key.ed25519)
    return shares_info(transfer, head) if key.set_id == head[:SET_BYTES] else None


def _no_key_fits(stanzas: Sequence[tuple[int, bytes]], ring: Keyring) -> LockError:
    """Which error it is: no key of the kind was there, or none of them was the right one."""
    kinds = {kind for kind, _ in stanzas}
    if not kinds:
        return UnknownLockError()
    private = ring.private_keys() if kinds & {RECIPIENT, SHARES} else ()
    there = {
        PASSPHRASE: bool(ring.keys.passphrases),
        RECIPIENT: any(_info(RECIPIENT, b"", b"", key) for key in private),
        RSA_OAEP: bool(ring.keys.rsa),
        SHARES: any(key.set_id is not None for key in private),
    }
    tried = any(there[kind] for kind in kinds)
    if kinds == {PASSPHRASE}:
        return WrongKeyError() if tried else MissingKeyError()
    ways = [_WAYS[kind] for kind in (PASSPHRASE, RECIPIENT, RSA_OAEP) if kind in kinds]
    for body in _of(stanzas, SHARES)[:1]:
        k, n = body[SET_BYTES : SET_BYTES + 2]
        ways.append(f"for {k} of the {n} shares of a split key")
    locked = "This transfer is locked " + " or ".join(ways)
    if tried:
        return WrongKeyError(f"{locked}, and no key that was given opens it.")
    return MissingKeyError(f"{locked}, and no such key was given.")
