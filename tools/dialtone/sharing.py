"""Shares of a key on disk: reading them, and the commands `key split` and `key join`."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dialtone.errors import ExitCode, Failure, sentence
from dialtone.keystore import Keystore, write_identity
from dialtone.keytexts import is_text
from dialtone.output import Output
from dialtone.passphrases import PassphraseOptions
from dialtone.unlocking import chosen, unlock_with
from dialtone.whole import write_private
from framing import shares
from framing.errors import DamagedShareError, KeyTextError, MissingShareError, WrongSharesError
from framing.identity import Identity
from framing.shares import Share

_BYTES_MAX = 1 << 16


def split_key(
    name: str,
    k: int,
    n: int,
    folder: Path,
    identity: str | None,
    passphrase: PassphraseOptions,
    out: Output,
) -> None:
    """`key split`: a new key, or an identity, in n files of which any k join it."""
    if not 2 <= k <= n <= 255:
        raise Failure(
            f"{k} of {n} shares cannot be", "at least 2 are needed, and there are at most 255"
        )
    store = Keystore()
    store.check_free(name)
    paths = [folder / f"{name}-{index}.share" for index in range(1, n + 1)]
    for path in paths:
        if path.exists():
            raise Failure(f"{path} is there already", "take another name, or another folder")
    whole = unlock_with(chosen(identity), passphrase) if identity else Identity.new()
    parts = shares.split(whole.seed, k, n)
    key = shares.split_key(whole, parts)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for path, share in zip(paths, parts, strict=True):
            write_private(path, _text(name, share, key.fingerprint).encode())
            written.append(path)
        contact = store.add_contact(name, key)
    except BaseException:
        for path in written:
            path.unlink()
        raise
    out.event(
        "split",
        name=name,
        k=k,
        n=n,
        fingerprint=key.fingerprint,
        public=key.text(),
        shares=paths,
        path=contact.path,
    )
    out.text(key.text())
    out.say(f"{name}: any {k} of {n} shares open what is sent to it, fingerprint {key.fingerprint}")
    out.say(f"shares: {paths[0]} to {paths[-1].name}; give each to another person, and keep none")
    if identity is None:
        out.say("the private key is nowhere else: without that many shares it is lost")


def join_key(
    paths: Sequence[Path], output: Path, passphrase: PassphraseOptions, out: Output
) -> None:
    """`key join`: shares made an identity again, under a new passphrase."""
    if output.exists():
        raise Failure(f"{output} is there already", "take another name")
    identity = join_files(paths)
    name = output.name.removesuffix(".identity")
    secret = passphrase.read_or_ask(f"New passphrase of {name}", confirm=True)
    write_identity(output, name, identity, secret)
    fingerprint = identity.public.fingerprint
    out.event("joined", path=output, fingerprint=fingerprint, public=identity.public.text())
    out.say(f"the identity {fingerprint} is whole again, in {output}: keep it secret")


def join_files(paths: Sequence[Path]) -> Identity:
    """The identity that the shares in these files join: the one whose public key is known here, if
    that is. Raises Failure (key), OSError."""
    found = [(path, _read(path)) for path in paths]
    sets = [share.set_id for _, share in found]
    common = Counter(sets).most_common(1)[0][0]
    for path, share in found:
        if share.set_id != common:
            raise Failure(
                f"{path}, share {share.index}, belongs to another key than the other shares",
                "leave it out",
                ExitCode.KEY,
            )
    try:
        return shares.join([share for _, share in found], Keystore().split_key(common))
    except MissingShareError as error:
        there = ", ".join(dict.fromkeys(f"{path} is share {share.index}" for path, share in found))
        raise Failure(
            f"{sentence(str(error))} ({there})", "get more of the shares", ExitCode.KEY
        ) from None
    except WrongSharesError as error:
        raise Failure(
            sentence(str(error)), "whoever split the key has to do it again", ExitCode.KEY
        ) from None


def set_id(paths: Sequence[Path]) -> bytes:
    """The set (16 bytes) that the shares of these files are of."""
    return _read(paths[0]).set_id


def _read(path: Path) -> Share:
    """One share. Raises Failure (key) where it is damaged, and where it is none."""
    if is_text(str(path)):
        raise Failure("a share does not belong on the command line", "give the file it is in")
    with path.open("rb") as file:
        text = file.read(_BYTES_MAX + 1).decode(errors="replace")
    try:
        return Share.parse(text)
    except (KeyTextError, DamagedShareError) as error:
        raise Failure(
            f"{path}: {sentence(str(error))}", "take it from a copy, or another share", ExitCode.KEY
        ) from None


def _text(name: str, share: Share, fingerprint: str) -> str:
    return (
        f"# {name}, share {share.index} of {share.n}: any {share.k} join the key {fingerprint}\n"
        "# Keep this file secret, and away from the other shares.\n"
        f"{share.text()}\n"
    )
