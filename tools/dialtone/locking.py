"""Key options of `send`, made into locks, a signature and an end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone import moments, passphrases
from dialtone.errors import ExitCode, Failure
from dialtone.passphrases import PassphraseOptions

if TYPE_CHECKING:
    import framing
    from dialtone.keystore import Contact, Keystore
    from dialtone.keytexts import TheirKey

_RECIPIENTS_MAX = 32
_RSA_MAX = 8


class Order(StrEnum):
    """Which comes first: packing the file or encrypting it."""

    COMPRESS_FIRST = "compress-first"
    ENCRYPT_FIRST = "encrypt-first"


@dataclass(frozen=True, slots=True)
class LockOptions:
    """The key options of a sender as they were given."""

    passphrase: PassphraseOptions = field(default_factory=PassphraseOptions)
    key_in_header: bool = False
    plain: bool = False
    to: tuple[str, ...] = ()
    once: bool = False
    sign: bool = False
    identity: str | None = None
    identity_passphrase_file: Path | None = None
    expires: str | None = None
    order: Order = Order.COMPRESS_FIRST

    def given(self) -> list[str]:
        """Names of the options that say how the transfer is locked."""
        options = {
            "--to": bool(self.to),
            "--key-in-header": self.key_in_header,
            "--plain": self.plain,
        }
        return [*self.passphrase.given(), *(name for name, given in options.items() if given)]


@dataclass(frozen=True, slots=True)
class Sealing:
    """How one transfer is protected.

    key            what it is locked with
    said           the same in words
    to             fingerprints of the recipients
    signer         who signs it, called `signed_by`; None for nobody
    once           contacts of whom a one-time key is to be taken, in the order of the locks
    expires        from when on receivers refuse it [s since 1970 UTC]
    encrypt_first  whether it is encrypted before it is packed
    """

    key: "framing.KeyChoice"
    said: str
    to: tuple[str, ...] = ()
    once: "tuple[Contact, ...]" = ()
    signer: "framing.Identity | None" = None
    signed_by: str | None = None
    expires: int | None = None
    encrypt_first: bool = False

    def with_one_time_keys(self) -> "Sealing":
        """The same with one-time keys, where they are wanted: they leave the store for good, so
        this is the last thing to do before sending. Raises Failure where none is left."""
        if not self.once or not isinstance(self.key, Sequence):
            return self
        locks = [_one_time_lock(contact) for contact in self.once]
        return replace(self, key=[*locks, *self.key[len(locks) :]])

    def for_planning(self) -> "Sealing":
        """The same with passphrases that are quick to lock with: no lock is longer for being
        costly to open."""
        import framing

        if not isinstance(self.key, Sequence):
            return self
        quick = framing.Passphrase("planning", cost=10)
        locks = [quick if isinstance(lock, framing.Passphrase) else lock for lock in self.key]
        return replace(self, key=locks)

    def facts(self) -> dict[str, object]:
        """What JSON events say of it."""
        return {
            "to": self.to,
            "signed_by": self.signed_by,
            "signer": self.signer.public.fingerprint if self.signer else None,
            "expires": self.expires,
        }

    def summary(self) -> str:
        """How the transfer is protected, in words."""
        words = self.said
        if self.signer is not None:
            words += f", signed as {self.signed_by} ({self.signer.public.fingerprint})"
        if self.expires is not None:
            words += f", expires {moments.utc(self.expires)}"
        return words


@dataclass(frozen=True, slots=True)
class _Recipient:
    """Somebody to send to, and under which name the store knows them."""

    title: str
    key: "TheirKey"
    contact: "Contact | None" = None


def with_passphrase(secret: bytes | str) -> Sealing:
    """Encrypted with a passphrase and nothing else."""
    import framing

    return Sealing([framing.Passphrase(secret)], "encrypted with a passphrase")


def sealing(options: LockOptions) -> Sealing:
    """How to protect a transfer. Raises Failure (usage) where the options do not go together."""
    _check(options)
    expires = None if options.expires is None else moments.expiry(options.expires, time.time())
    recipients = _recipients(options)
    signer, signed_by = _signer(options)
    key, said = _key(options, recipients)
    return Sealing(
        key,
        said,
        tuple(recipient.key.fingerprint for recipient in recipients),
        tuple(map(_once, recipients)) if options.once else (),
        signer,
        signed_by,
        expires,
        options.order is Order.ENCRYPT_FIRST,
    )


def _key(
    options: LockOptions, recipients: "Sequence[_Recipient]"
) -> "tuple[framing.KeyChoice, str]":
    """The locks, and what they are in words."""
    import framing

    if options.plain:
        return framing.Plain(), "not encrypted"
    if options.key_in_header:
        return framing.ClearKey(), "encrypted, but the key goes along: no protection"
    locks: list[framing.Lock] = []
    said = "encrypted"
    if recipients:
        from dialtone.keytexts import lock_of  # whose ciphers take 0.1 s to load

        locks += [lock_of(recipient.key) for recipient in recipients]
        said += f" to {', '.join(recipient.title for recipient in recipients)}"
        said += " with one-time keys" * options.once
    secret = options.passphrase.read(confirm=True)
    if secret is not None:
        lock = framing.Passphrase(secret)
        lock.begin()
        locks.append(lock)
        said += " and with a passphrase" if recipients else " with a passphrase"
    return locks, said


def _once(recipient: _Recipient) -> "Contact":
    """The contact of whom a one-time key will be taken."""
    if recipient.contact is None or not recipient.contact.one_time_files():
        raise _none_left(recipient.title)
    return recipient.contact


def _one_time_lock(contact: "Contact") -> "framing.Recipient":
    """A lock with one of their one-time keys, which is theirs by their signing key."""
    import framing
    from dialtone.keystore import signing_key

    owner, key = signing_key(contact.key), contact.take_one_time()
    if owner is None or key is None:  # another program has taken the last one in between
        raise _none_left(contact.name)
    return framing.Recipient(key, owner)


def _none_left(title: str) -> Failure:
    return Failure(
        f"there is no unused one-time key of {title}",
        "ask for new ones (`dialtone key show --one-time 10 -o FILE` there, `dialtone key add "
        "NAME FILE` here), or send without --once",
    )


def _check(options: LockOptions) -> None:
    given = options.given()
    if not given:
        raise Failure(
            "no key option given, and nothing is sent unprotected by accident",
            "--to NAME, --passphrase-prompt or --passphrase-file FILE encrypts; --plain sends in "
            "the clear",
        )
    if len(given) > 1 and (options.plain or options.key_in_header):
        raise Failure(f"{' and '.join(given)} exclude each other", "give one of them")
    if options.once and not options.to:
        raise Failure("--once takes one-time keys of recipients", "name them with --to")
    for name, needs in (
        ("--identity", options.identity),
        ("--identity-passphrase-file", options.identity_passphrase_file),
    ):
        if needs is not None and not options.sign:
            raise Failure(f"{name} is for signing", "add --sign, or leave it out")


def _recipients(options: LockOptions) -> list[_Recipient]:
    """Whom --to names, each once."""
    if not options.to:
        return []
    from dialtone.keystore import Keystore
    from dialtone.keytexts import RsaKey

    store = Keystore()
    found = {
        recipient.key.fingerprint: recipient
        for recipient in (_recipient(word, store) for word in options.to)
    }
    recipients = list(found.values())
    if len(recipients) > _RECIPIENTS_MAX:
        raise Failure(
            f"{len(recipients)} recipients are too many for one transfer",
            f"at most {_RECIPIENTS_MAX}: send it twice",
        )
    if sum(isinstance(recipient.key, RsaKey) for recipient in recipients) > _RSA_MAX:
        raise Failure(f"more than {_RSA_MAX} RSA keys are too many for one transfer", "send twice")
    return recipients


def _recipient(word: str, store: "Keystore") -> _Recipient:
    """A key as text, the name of a contact or of an own identity, or a file with a key."""
    from dialtone.keystore import Contact
    from dialtone.keytexts import is_text, read_sheet

    if not is_text(word) and (known := store.find(word)):
        if known.revoked is not None:
            raise Failure(
                f"the key of {known.name} was revoked on {moments.told(known.revoked)}",
                "nothing is sent to it: ask for a new one",
            )
        return _Recipient(known.name, known.key, known if isinstance(known, Contact) else None)
    try:
        key = read_sheet(word).key
    except FileNotFoundError:
        raise Failure(
            f"--to {word}: there is no contact and no file of this name",
            "`dialtone key list` shows the contacts, `dialtone key add NAME KEY` adds one",
        ) from None
    if key is None:
        raise Failure("there is no public key in what --to names", "give a dialtone-key- text")
    return _known(key, store) or _Recipient(key.fingerprint, key)


def _known(key: "TheirKey", store: "Keystore") -> _Recipient | None:
    """The contact whose key this is: it may be revoked, or have one-time keys."""
    for contact in store.contacts():
        if contact.key == key:
            return _recipient(contact.name, store)
    return None


def _signer(options: LockOptions) -> "tuple[framing.Identity | None, str | None]":
    """Who signs, unlocked, and what they are called."""
    if not options.sign:
        return None, None
    from dialtone.unlocking import chosen, unlock

    own = chosen(options.identity)
    if own.revoked is not None:
        raise Failure(
            f"the identity {own.name} was revoked on {moments.told(own.revoked)}",
            "sign as another one with --identity",
            ExitCode.KEY,
        )
    if options.identity_passphrase_file is not None:
        secret = passphrases.from_file(options.identity_passphrase_file)
    elif passphrases.terminal():
        secret = passphrases.ask(f"Passphrase of {own.name}: ")
    else:  # standard input may be the file that is sent
        raise Failure(
            f"there is no terminal to ask for the passphrase of {own.name} on",
            "give it with --identity-passphrase-file FILE",
        )
    return unlock(own, secret), own.name
