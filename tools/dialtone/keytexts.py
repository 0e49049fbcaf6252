"""Keys of other people as text: on the command line, in files, on standard input."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from Crypto.PublicKey import RSA

import framing
from dialtone.errors import ExitCode, Failure, sentence
from framing import armor
from framing.errors import ForgedStatementError, FramingError, KeyTextError
from framing.identity import AnyPublicKey, PublicKey, SplitKey, fingerprint_of, parse_public
from framing.statements import read_one_time_bundle, read_revocation

_PREFIXES = (armor.KEY, armor.IDENTITY, armor.SHARE, armor.ONE_TIME, armor.REVOKED)
_ITEM = re.compile("|".join(_PREFIXES), re.IGNORECASE)
_BYTES_MAX = 1 << 20
_PEM = "-----BEGIN "


@dataclass(frozen=True, slots=True)
class RsaKey:
    """A public RSA key, in PEM as `openssl pkey -pubout` writes it."""

    pem: str
    bits: int
    fingerprint: str

    def text(self) -> str:
        return self.pem

    @classmethod
    def parse(cls, pem: str) -> "RsaKey":
        """Raises KeyTextError."""
        try:
            key = RSA.import_key(pem)
        except (ValueError, IndexError, TypeError):
            raise KeyTextError("This is no public RSA key in PEM.") from None
        if key.has_private():
            raise KeyTextError(
                "This is a private RSA key; only its public half may leave its owner."
            )
        public = key.export_key().decode()
        framing.RsaRecipient(public.encode())  # knows which sizes will do
        return cls(public, key.size_in_bits(), fingerprint_of(key.export_key("DER")))


TheirKey = AnyPublicKey | RsaKey


def kind_of(key: TheirKey) -> str:
    """What sort of key it is, for people and scripts."""
    match key:
        case PublicKey():
            return "person"
        case SplitKey():
            return f"{key.k} of {key.n} shares"
    return f"RSA {key.bits}"


def lock_of(key: TheirKey) -> framing.Lock:
    """What a sender locks a transfer with, for the owner of this key."""
    match key:
        case PublicKey():
            return framing.Recipient(key.x25519, key.ed25519)
        case SplitKey():
            return framing.SharesRecipient(key)
    return framing.RsaRecipient(key.pem.encode())


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a text of keys holds: a public key, the one-time keys of its owner, revocations.

    one_time     (Ed25519 key of their owner, X25519 keys), 32 bytes each
    revocations  (Ed25519 key, seconds since 1970 UTC)
    """

    key: TheirKey | None = None
    one_time: tuple[tuple[bytes, list[bytes]], ...] = ()
    revocations: tuple[tuple[bytes, int], ...] = ()


def read_sheet(word: str) -> Sheet:
    """A word of the command line: a key as text, the name of a file, or - for standard input.

    Raises Failure, OSError.
    """
    if not word:
        raise Failure("an empty word names no key", "give a name, a key as text, or a file")
    if is_text(word):
        return _parsed(word, "this text")
    if word == "-":
        return _parsed(_decoded(sys.stdin.buffer.read(_BYTES_MAX + 1), "stdin"), "stdin")
    with Path(word).open("rb") as file:
        return _parsed(_decoded(file.read(_BYTES_MAX + 1), word), word)


def is_text(word: str) -> bool:
    """Whether a word is itself a key, and not the name of one."""
    return _ITEM.match(word.lstrip()) is not None or word.lstrip().startswith(_PEM)


def items(text: str) -> Iterator[str]:
    """The texts of single keys that stand one behind the other."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    whole = "\n".join(lines)
    starts = [match.start() for match in _ITEM.finditer(whole)]
    if not starts or whole[: starts[0]].strip():
        raise KeyTextError
    for start, end in zip(starts, [*starts[1:], len(whole)], strict=True):
        yield whole[start:end]


def _parsed(text: str, where: str) -> Sheet:
    try:
        if text.lstrip().startswith(_PEM):
            return Sheet(RsaKey.parse(text))
        return _of_items(items(text))
    except ForgedStatementError as error:
        raise Failure(
            f"{where}: {sentence(str(error))}", "ask its owner for another one", ExitCode.KEY
        ) from None
    except FramingError as error:
        raise Failure(
            f"{where}: {sentence(str(error))}", "give a dialtone-key- text or a public RSA key"
        ) from None


def _of_items(texts: Iterator[str]) -> Sheet:
    key: TheirKey | None = None
    one_time, revocations = [], []
    for text in texts:
        prefix, _ = armor.decode(text)
        if prefix == armor.ONE_TIME:
            one_time.append(read_one_time_bundle(text))
        elif prefix == armor.REVOKED:
            revocations.append(read_revocation(text))
        elif key is None:
            key = parse_public(text)
        else:
            raise KeyTextError("There are several keys in it; give one at a time.")
    return Sheet(key, tuple(one_time), tuple(revocations))


def _decoded(data: bytes, where: str) -> str:
    if len(data) > _BYTES_MAX:
        raise Failure(f"{where}: this is too long to be a key", "give the file of a key")
    return data.decode("utf-8-sig", errors="replace")
