"""Key options of the command line, made into what the frame layer takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dialtone.errors import ExitCode, Failure

if TYPE_CHECKING:
    from framing import KeyChoice


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """The key options as they were given; at most one of them may be."""

    passphrase_file: Path | None = None
    passphrase_prompt: bool = False
    key_in_header: bool = False
    plain: bool = False

    def given(self) -> list[str]:
        """Names of the options that were given."""
        options = {
            "--passphrase-file": self.passphrase_file is not None,
            "--passphrase-prompt": self.passphrase_prompt,
            "--key-in-header": self.key_in_header,
            "--plain": self.plain,
        }
        return [name for name, present in options.items() if present]


def for_sending(options: KeyOptions) -> "KeyChoice":
    """The key choice for a transfer. Raises Failure (usage) unless exactly one was made."""
    import framing

    if not options.given():
        raise Failure(
            "no key option given, and nothing is sent unprotected by accident",
            "--passphrase-prompt or --passphrase-file FILE encrypts; --plain sends in the clear",
        )
    _at_most_one(options)
    if options.plain:
        return framing.Plain()
    if options.key_in_header:
        return framing.ClearKey()
    return framing.Passphrase(_passphrase(options, confirm=True))


def for_receiving(options: KeyOptions) -> bytes | None:
    """The passphrase to open transfers with; None where none was given."""
    if not options.given():
        return None
    _at_most_one(options)
    return _passphrase(options, confirm=False)


def opening(key: "KeyChoice") -> bytes | None:
    """The passphrase that opens what was sent under a key choice; None where none is needed."""
    import framing

    if not isinstance(key, framing.Passphrase):
        return None
    return key.secret.encode() if isinstance(key.secret, str) else key.secret


def protection(key: "KeyChoice") -> str:
    """How a transfer is protected, in words."""
    import framing

    match key:
        case framing.Passphrase():
            return "encrypted with a passphrase"
        case framing.ClearKey():
            return "encrypted, but the key goes along: no protection"
    return "not encrypted"


def _at_most_one(options: KeyOptions) -> None:
    given = options.given()
    if len(given) > 1:
        raise Failure(f"{' and '.join(given)} exclude each other", "give one of them")


def _passphrase(options: KeyOptions, confirm: bool) -> bytes:
    if options.passphrase_file is not None:
        # An editor ends the last line; that end is not part of the secret.
        secret = options.passphrase_file.read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        where = str(options.passphrase_file)
    else:
        secret = _prompt(confirm).encode()
        where = "the passphrase"
    if not secret:
        raise Failure(f"{where} is empty", "an empty passphrase protects nothing", ExitCode.USAGE)
    return secret


def _prompt(confirm: bool) -> str:
    import getpass

    try:
        secret = getpass.getpass("Passphrase: ")
        if confirm and secret != getpass.getpass("Once more:  "):
            raise Failure("the two passphrases differ", "try again")
    except EOFError:
        raise Failure("there is no terminal to ask on", "use --passphrase-file FILE") from None
    return secret
