"""Options about keys, as typer reads them from a signature."""

from pathlib import Path
from typing import Annotated

import typer

from dialtone.locking import Order

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", metavar="FILE", help="Read the passphrase from FILE."),
]
PassphrasePrompt = Annotated[
    bool, typer.Option("--passphrase-prompt", help="Ask for the passphrase on the terminal.")
]
KeyInHeader = Annotated[
    bool,
    typer.Option(
        "--key-in-header", help="Send the key along in the key header. It protects nothing."
    ),
]
Plain = Annotated[bool, typer.Option("--plain", help="Send without encryption.")]
To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="NAME...",
        help="Encrypt to these: contacts, public keys as text, or files with a key (RSA in PEM "
        "too). At most 32.",
    ),
]
OneTime = Annotated[
    bool,
    typer.Option(
        "--once",
        help="With --to: use up a one-time key of each contact. Once read, nobody can open the "
        "recording again, not even with their identity.",
    ),
]
Sign = Annotated[
    bool, typer.Option("--sign", help="Sign it, as the identity `me` or that of --identity.")
]
SignAs = Annotated[
    str | None,
    typer.Option(
        "--identity", metavar="F", help="With --sign: an identity, by its name or its file."
    ),
]
Expires = Annotated[
    str | None,
    typer.Option(
        "--expires",
        metavar="WHEN",
        help="Receivers refuse it from then on: 90s, 15m, 12h, 2d, 1w, or a date and time (UTC).",
    ),
]
PackingOrder = Annotated[
    Order, typer.Option("--order", help="What is done first: packing the file, or encrypting it.")
]
IdentityPassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--identity-passphrase-file",
        metavar="FILE",
        help="Read the identity's passphrase from FILE. Default: it is asked for on the terminal.",
    ),
]
Identities = Annotated[
    list[str] | None,
    typer.Option(
        "--identity",
        metavar="F...",
        help="Open with these identities (names or files) or private RSA keys (PEM). Default: all "
        "stored identities.",
    ),
]
Shares = Annotated[
    list[Path] | None,
    typer.Option("--shares", metavar="F...", help="Open with the key that these shares join."),
]
