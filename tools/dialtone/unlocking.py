"""One's own identities: which one is meant, and unlocking it."""

from pathlib import Path
from typing import TYPE_CHECKING

from dialtone.errors import ExitCode, Failure
from dialtone.keystore import ME, Keystore, Own, own_from_file
from dialtone.keytexts import is_text
from framing.errors import CostlyKeyError, KeyTextError, WrongPassphraseError
from framing.identity import Identity

if TYPE_CHECKING:
    from dialtone.passphrases import PassphraseOptions


def chosen(word: str | None) -> Own:
    """The identity that a word names: a stored one or a file; without a word the usual one.

    Raises Failure, OSError.
    """
    if word is not None and is_text(word):
        raise Failure("a private key does not belong on the command line", "give the file it is in")
    if word == "":
        raise Failure("an empty word names no identity", "give its name or its file")
    stored = Keystore().identity(ME if word is None else word)
    if stored is not None:
        return stored
    if word is None:
        raise Failure(
            "there is no identity yet", "`dialtone key new` makes one, --identity FILE names one"
        )
    return own_from_file(Path(word))


def unlock(own: Own, passphrase: str | bytes) -> Identity:
    """Raises Failure with the exit code of a key that does not fit."""
    try:
        return Identity.unlock(own.text, passphrase)
    except WrongPassphraseError:
        raise Failure(
            f"the passphrase does not open the identity {own.name}",
            "give the passphrase that it was made with",
            ExitCode.KEY,
        ) from None
    except CostlyKeyError:
        raise Failure(
            f"the identity {own.name} asks for more memory or time than is allowed",
            "",
            ExitCode.KEY,
        ) from None
    except KeyTextError as error:
        raise Failure(f"{own.path}: {error}", "take it from a copy", ExitCode.KEY) from None


def unlock_with(own: Own, options: "PassphraseOptions") -> Identity:
    """With the passphrase that was given, or that is asked for now."""
    return unlock(own, options.read_or_ask(f"Passphrase of {own.name}"))
