"""Passphrases: from a file, or asked for on the terminal; never from the command line.

They are text, so that it does not matter which keyboard typed them; what is not UTF-8 stays bytes.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dialtone.errors import ExitCode, Failure


@dataclass(frozen=True, slots=True)
class PassphraseOptions:
    """--passphrase-file and --passphrase-prompt as they were given."""

    file: Path | None = None
    prompt: bool = False

    def given(self) -> list[str]:
        """Names of the options that were given."""
        options = {"--passphrase-file": self.file is not None, "--passphrase-prompt": self.prompt}
        return [name for name, present in options.items() if present]

    def read(self, confirm: bool = False) -> str | bytes | None:
        """The passphrase; None where none was given. Raises Failure."""
        if self.file is not None and self.prompt:
            raise Failure(f"{' and '.join(self.given())} exclude each other", "give one of them")
        if self.file is not None:
            return from_file(self.file)
        return ask("Passphrase: ", confirm) if self.prompt else None

    def read_or_ask(self, what: str, confirm: bool = False) -> str | bytes:
        """The passphrase, asked for where no option says where it is. Raises Failure."""
        given = self.read(confirm)
        return ask(f"{what}: ", confirm) if given is None else given


def from_file(path: Path) -> str | bytes:
    """The passphrase in a file. Raises OSError, and Failure where it is empty."""
    # An editor ends the last line; that end is not part of the secret.
    secret = path.read_bytes().removesuffix(b"\n").removesuffix(b"\r")
    return _checked(_as_text(secret), str(path))


def ask(prompt: str, confirm: bool = False) -> str | bytes:
    """Ask on the terminal, twice where a slip of the finger would lock something for ever; where
    there is no terminal, standard input has it, a line each. Raises Failure."""
    secret = _line(prompt)
    if confirm and secret != _line("Once more: "):
        raise Failure("the two passphrases differ", "try again")
    return _checked(_as_text(as_typed(secret)), "the passphrase")


def as_typed(secret: str | bytes) -> bytes:
    """The bytes that a keyboard sends, or that a file holds, as other programs take them."""
    from framing.cipher import raw_bytes

    return raw_bytes(secret) if isinstance(secret, str) else secret


def _as_text(secret: bytes) -> str | bytes:
    try:
        return secret.decode()
    except UnicodeDecodeError:
        return secret


def terminal() -> bool:
    """Whether there is somebody to ask."""
    with suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return True
    return sys.stdin.isatty()


def _line(prompt: str) -> str:
    import getpass

    try:
        if terminal():
            with suppress(EOFError):
                return getpass.getpass(prompt)
        elif line := sys.stdin.readline():
            return line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise Failure(
            "what was typed is no text here", "give it with --passphrase-file FILE"
        ) from None
    raise Failure(
        "there is no terminal to ask for a passphrase on", "give it with --passphrase-file FILE"
    )


def _checked(secret: str | bytes, where: str) -> str | bytes:
    if not secret:
        raise Failure(f"{where} is empty", "an empty passphrase protects nothing", ExitCode.USAGE)
    return secret
