"""Key options of `receive`, made into the keys that transfers are opened with.

Identities are unlocked when the first transfer needs one: only then is a passphrase asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from Crypto.PublicKey import RSA

import framing
from dialtone import passphrases
from dialtone.errors import ExitCode, Failure, sentence
from dialtone.keystore import Keystore, Own
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions
from dialtone.unlocking import chosen
from dialtone.whole import erase
from framing.errors import (
    CostlyKeyError,
    FramingError,
    KeyMaterialError,
    KeyTextError,
    UnknownLockError,
    WrongPassphraseError,
)
from framing.identity import Identity, SplitKey
from framing.keys import rsa_private_key
from framing.one_time import OneTimeKey

_ATTEMPTS = 3
_PEM = b"-----BEGIN "
_BYTES_MAX = 1 << 16
_PASSPHRASE = "--passphrase-file FILE or --passphrase-prompt and the sender's passphrase"
_FILE = "--identity FILE"
_SHARES = "--shares FILES"


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """The key options of a receiver as they were given."""

    passphrase: PassphraseOptions = field(default_factory=PassphraseOptions)
    identities: tuple[str, ...] = ()
    identity_passphrase_file: Path | None = None
    shares: tuple[Path, ...] = ()


class Opening:
    """What a receiver opens transfers with. Raises Failure, OSError where an option is wrong."""

    def __init__(self, options: OpenOptions, out: Output) -> None:
        self._out = out
        self._options = options
        self._locked: list[str] = []  # identities that were needed and could not be unlocked
        passphrase = options.passphrase.read()
        file = options.identity_passphrase_file
        self._secrets = [] if file is None else [passphrases.from_file(file)]
        self._secrets += [] if passphrase is None else [passphrase]
        self._shared = _shared(options.shares)
        self._own: list[Own] | None = None if self._uses_store else []
        rsa = []
        for word in options.identities:
            if (pem := _pem(word)) is not None:
                rsa.append(self._rsa(word, pem))
            elif self._own is not None:
                self._own.append(chosen(word))
        self.keys = framing.Keys(
            passphrases=() if passphrase is None else (passphrase,),
            private_keys=self._private_keys,
            rsa=rsa,
        )

    @property
    def _uses_store(self) -> bool:
        """Whether all identities of the store are tried: none was named, nor shares."""
        return not self._options.identities and not self._options.shares

    def hint(self, refused: framing.Refused) -> str:
        """What helps where a transfer was refused for want of its key."""
        match refused.error:
            case CostlyKeyError.__name__:
                return "ask for it to be sent again, with a lock that costs less to open"
            case UnknownLockError.__name__:
                return "a newer version of dialtone may know it; what was received is kept"
        own, rsa = "identit" in refused.reason, "RSA" in refused.reason
        ways = [_PASSPHRASE] * ("passphrase" in refused.reason)
        if own and self._locked:
            names = " and ".join(self._locked)
            ways.append(
                f"--identity-passphrase-file FILE and the passphrase of the identity {names}"
                + ", which the one that was given does not open" * bool(self._secrets)
            )
        if own and rsa:
            ways.append(f"{_FILE}, an identity or the private RSA key in PEM")
        elif rsa:
            ways.append(f"{_FILE}, the private RSA key in PEM")
        elif own and not self._locked:
            ways.append(_FILE)
        ways += [_SHARES] * ("share" in refused.reason)
        return f"run again with {', or '.join(ways)}; what was received is kept"

    def _private_keys(self) -> Sequence[framing.PrivateKey]:
        keys = list(self._shared)
        store = Keystore(damaged=self._note)
        for own in store.identities() if self._own is None else self._own:
            if own.exposed:
                self._out.say(f"note: others can read {own.path}: `chmod 600` closes it")
            identity = self._unlocked(own)
            if identity is None:
                self._locked.append(own.name)
                continue
            keys.append(framing.PrivateKey(identity.x25519, identity.public.ed25519))
            keys.extend(_split(identity, store))
            keys.extend(self._one_time(own, identity))
        return keys

    def _note(self, failure: Failure) -> None:
        self._out.say(f"note: {failure.sentence}")

    def _unlocked(self, own: Own) -> Identity | None:
        """With the passphrases that were given, else with one that is asked for."""
        found: list[Identity] = []

        def fits(secret: str | bytes) -> bool:
            try:
                found.append(Identity.unlock(own.text, secret))
            except WrongPassphraseError:
                return False
            return True

        try:
            if not any(map(fits, self._secrets)) and not self._secrets:
                self._ask(f"Passphrase of {own.name}: ", fits)
        except FramingError as error:
            self._out.say(f"note: {own.path}: {sentence(str(error))}")
        return found[0] if found else None

    def _ask(self, prompt: str, fits: Callable[[str | bytes], bool]) -> None:
        """Ask on the terminal until it fits; an empty answer ends it."""
        if not passphrases.terminal():
            return
        with self._out.paused():
            for _ in range(_ATTEMPTS):
                try:
                    secret = passphrases.ask(prompt)
                except Failure:
                    return
                if fits(secret):
                    return
                self._out.say("this passphrase does not open it")

    def _one_time(self, own: Own, identity: Identity) -> Iterator[framing.PrivateKey]:
        for path in own.one_time_files():
            try:
                key = OneTimeKey.open(path.read_bytes(), identity)
            except KeyMaterialError as error:
                self._out.say(f"note: {path}: {sentence(str(error))}")
            except FileNotFoundError:  # another program has just used it
                continue
            else:
                spent = partial(self._spend, path)
                yield framing.PrivateKey(key.private, identity.public.ed25519, spent=spent)

    def _spend(self, path: Path) -> None:
        """What was sent with a one-time key can be opened once: its private half goes."""
        try:
            erase(path)
        except FileNotFoundError:
            return
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._out.say(f"note: {path}: the one-time key was used, but stays there: {reason}")

    def _rsa(self, word: str, pem: bytes) -> RSA.RsaKey:
        found: list[RSA.RsaKey] = []

        def fits(secret: str | bytes | None) -> bool:
            try:
                typed = None if secret is None else passphrases.as_typed(secret)
                found.append(rsa_private_key(pem, typed))
            except WrongPassphraseError:
                return False
            return True

        try:
            if not any(map(fits, [None, *self._secrets])):
                self._ask(f"Passphrase of {word}: ", fits)
        except KeyTextError as error:
            raise Failure(f"{word}: {sentence(str(error))}") from None
        if not found:
            raise Failure(
                f"{word}: the private RSA key is encrypted, and no passphrase that was given "
                "opens it",
                "give its passphrase with --identity-passphrase-file FILE",
                ExitCode.KEY,
            )
        return found[0]


def _split(identity: Identity, store: Keystore) -> Iterator[framing.PrivateKey]:
    """The identity as the key of those shares of it that the store knows."""
    for contact in store.contacts():
        if isinstance(contact.key, SplitKey) and contact.key.x25519 == identity.public.x25519:
            yield framing.PrivateKey(identity.x25519, set_id=contact.key.set_id)


def _shared(paths: Sequence[Path]) -> list[framing.PrivateKey]:
    """The private key that the shares join."""
    if not paths:
        return []
    from dialtone.sharing import join_files, set_id

    return [framing.PrivateKey(join_files(paths).x25519, set_id=set_id(paths))]


def _pem(word: str) -> bytes | None:
    """The content of a file in PEM; None for every other word."""
    try:
        with Path(word).open("rb") as file:
            data = file.read(_BYTES_MAX + 1)
    except OSError:
        return None
    return data if data.lstrip().startswith(_PEM) else None
