"""The commands of `dialtone key`: what each takes, nothing of what it does."""

from pathlib import Path
from typing import Annotated

import typer

from dialtone.keyoptions import PassphraseFile, PassphrasePrompt
from dialtone.options import Json
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions

_ME = "me"  # as the store calls it; that module is not imported before a command runs

app = typer.Typer(rich_markup_mode=None)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="An identity or a contact.")]
_Out = Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="File to write.")]


@app.callback()
def _key() -> None:
    """Keys for people: identities, contacts, shares.

    They are kept in $DIALTONE_HOME, else in $XDG_CONFIG_HOME/dialtone or ~/.config/dialtone.

    \b
    Examples:
      dialtone key new
      dialtone key add ann ann.key
      dialtone send photo.png --to ann --sign -o photo.wav
    """


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it here.")] = _ME,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    as_json: Json = False,
) -> None:
    """Make an identity: a private key under a passphrase, and its public key.

    The public key goes to stdout, for everybody who shall send to you or check your signatures.

    \b
    Examples:
      dialtone key new
      dialtone key new work --passphrase-file work.txt > work.key
    """
    from dialtone.keycommands import new_key

    passphrase = PassphraseOptions(passphrase_file, passphrase_prompt)
    new_key(name, passphrase, Output(as_json))


@app.command()
def show(
    name: _Name = _ME,
    qr: Annotated[
        Path | None, typer.Option("--qr", metavar="OUT.png", help="Draw it as a QR code.")
    ] = None,
    one_time: Annotated[
        int | None,
        typer.Option(
            "--one-time",
            metavar="N",
            min=1,
            max=32,
            help="Make N one-time keys for one correspondent; -o names their file.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="For the one-time keys.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    as_json: Json = False,
) -> None:
    """Show a public key and its fingerprint.

    What is sent to a one-time key can be opened once: then its private half is erased.

    \b
    Examples:
      dialtone key show > me.key
      dialtone key show ann --qr ann.png
      dialtone key show --one-time 10 -o for-ann.key
    """
    from dialtone.keycommands import show_key

    passphrase = PassphraseOptions(passphrase_file, passphrase_prompt)
    show_key(name, qr, one_time, output, passphrase, Output(as_json))


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call them.")],
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY|FILE|-",
            help="A public key as text, or a file with it, with one-time keys, or with a public "
            "RSA key in PEM; - is stdin.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Add a contact's public key, or one-time keys of a contact.

    \b
    Examples:
      dialtone key add ann ann.key
      dialtone key add server server.pem
    """
    from dialtone.keycommands import add_key

    add_key(name, key, Output(as_json))


@app.command(name="list")
def list_(as_json: Json = False) -> None:
    """List identities and contacts.

    \b
    Examples:
      dialtone key list
      dialtone key list --json
    """
    from dialtone.keycommands import list_keys

    list_keys(Output(as_json))


@app.command()
def split(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the key.")] = "shared",
    k: Annotated[int, typer.Option("-k", metavar="K", help="Shares that are needed together.")] = 3,
    n: Annotated[int, typer.Option("-n", metavar="N", help="Shares that there are.")] = 5,
    folder: Annotated[
        Path, typer.Option("-d", "--directory", metavar="DIR", help="Folder for the shares.")
    ] = Path(),
    identity: Annotated[
        str | None,
        typer.Option(
            "--identity",
            metavar="F",
            help="Split this identity (a name or a file). Default: a new key, which then exists "
            "in its shares only.",
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    as_json: Json = False,
) -> None:
    """Split a key into shares: any K of the N open what is sent to it, fewer open nothing.

    Writes NAME-1.share and so on, and adds the public key as contact NAME.

    \b
    Examples:
      dialtone key split -k 3 -n 5 -d shares
      dialtone send photo.png --to shared -o photo.wav
      dialtone receive photo.wav --shares shares/shared-1.share shares/shared-2.share \\
        shares/shared-5.share
    """
    from dialtone.sharing import split_key

    passphrase = PassphraseOptions(passphrase_file, passphrase_prompt)
    split_key(name, k, n, folder, identity, passphrase, Output(as_json))


@app.command()
def join(
    shares: Annotated[list[Path], typer.Argument(metavar="SHARE...", help="Files with shares.")],
    output: _Out,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    as_json: Json = False,
) -> None:
    """Join shares: an identity file again, under a new passphrase.

    \b
    Example:
      dialtone key join shares/shared-*.share -o shared.identity
    """
    from dialtone.sharing import join_key

    join_key(shares, output, PassphraseOptions(passphrase_file, passphrase_prompt), Output(as_json))


@app.command()
def revoke(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE", help="An identity, a contact, or the file of a revocation."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Of an identity: revocation for others to read."
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    as_json: Json = False,
) -> None:
    """Revoke a key: nothing is sent to it any more, and its signatures count for nothing.

    \b
    Examples:
      dialtone key revoke me -o me.revoked       your own: give the file to your contacts
      dialtone key revoke ann                    ann told you
      dialtone key revoke ann.revoked            ann sent you her revocation
    """
    from dialtone.keycommands import revoke_key

    passphrase = PassphraseOptions(passphrase_file, passphrase_prompt)
    revoke_key(name, output, passphrase, Output(as_json))


@app.command()
def hide(
    cover: Annotated[
        Path, typer.Argument(metavar="COVER.png", help="A picture, best a photo of your own.")
    ],
    key: Annotated[Path, typer.Argument(metavar="KEY", help="File to hide.")],
    output: _Out,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    as_json: Json = False,
) -> None:
    """Hide a key file in a picture; a passphrase chooses where.

    Hidden from a casual look, not from a search; scaling or saving as JPEG destroys it.

    \b
    Example:
      dialtone key hide holiday.png shared-1.share -o card.png --passphrase-prompt
    """
    from dialtone.hiding import hide_key

    where = PassphraseOptions(passphrase_file, passphrase_prompt).read(confirm=True)
    hide_key(cover, key, output, where, Output(as_json))


@app.command()
def unhide(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE.png", help="What hides a key.")],
    output: _Out,
    passphrase_file: PassphraseFile = None,
    passphrase_prompt: PassphrasePrompt = False,
    as_json: Json = False,
) -> None:
    """Take a hidden key file out of a picture.

    \b
    Example:
      dialtone key unhide card.png -o shared-1.share --passphrase-prompt
    """
    from dialtone.hiding import unhide_key

    where = PassphraseOptions(passphrase_file, passphrase_prompt).read()
    unhide_key(picture, output, where, Output(as_json))
