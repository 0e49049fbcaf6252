"""The hunt for secrets: what is searched for, in which spellings, and where."""

import base64
import itertools
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from framing.cipher import FILE_KEY_BYTES, hkdf_sha256
from framing.identity import SEED_BYTES

_PIECE = 12  # bytes: a part of a secret that is as good as the whole, and no accident anywhere
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def _in_letters(piece: bytes, bits: int, alphabet: str) -> Iterator[str]:
    """The letters that a piece surely becomes (RFC 4648), wherever in a text it begins."""
    whole = {5: base64.b32encode, 6: base64.b64encode}[bits]
    for before in range({5: 5, 6: 3}[bits]):
        text = whole(bytes(before) + piece + bytes(15)).decode()
        first, last = -(-before * 8 // bits), (before + len(piece)) * 8 // bits
        letters = text[first:last]
        yield letters.replace("+", "-").replace("/", "_") if alphabet == "url" else letters


def spellings(piece: bytes) -> set[bytes]:
    """Every way in which bytes could stand in a file or on a screen."""
    texts = [piece.hex(), piece.hex().upper(), piece.hex(":"), repr(piece)[2:-1]]
    texts += [str(list(piece))[1:-1], piece.decode("latin-1")]
    texts += [*_in_letters(piece, 6, ""), *_in_letters(piece, 6, "url")]
    for text in _in_letters(piece, 5, ""):
        texts += [text, text.lower()]
    return {piece, *(text.encode() for text in texts)}


def needles(secret: bytes) -> set[bytes]:
    """What is searched for one secret: both ends of it, and, of a key, the number that it is."""
    found = spellings(secret[:_PIECE]) | spellings(secret[-_PIECE:])
    if len(secret) > _PIECE:
        found.add(str(int.from_bytes(secret, "big")).encode())
        found.add(str(int.from_bytes(secret, "little")).encode())
        found.add(secret[::-1][:_PIECE])
    return found


@dataclass
class Hunt:
    """Secrets, and the places in which they must not be.

    root     everything below it is searched
    secrets  by what they are called
    allowed  names of secrets that may be in a file (a pattern of its path below root); the file
             must be its owner's alone unless it is one of `shown`
    shown    the received file: it follows the umask
    said     what was printed, and what other places held, by where it was
    quiet    secrets that may be said: the name of a file is no secret to who receives it
    """

    root: Path
    secrets: dict[str, bytes] = field(default_factory=dict)
    allowed: dict[str, str] = field(default_factory=dict)
    shown: str = "$^"
    said: list[tuple[str, bytes]] = field(default_factory=list)
    quiet: tuple[str, ...] = ("name",)
    tokens: list[bytes] = field(default_factory=list)

    def drawn(self, token: bytes) -> None:
        """A random number was drawn; of these lengths they are keys, never anything public."""
        if len(token) in (FILE_KEY_BYTES, SEED_BYTES) and token not in self.tokens:
            self.tokens.append(token)
            self.key(f"key {len(self.tokens)} of {len(token)} bytes", token)

    def key(self, name: str, secret: bytes) -> None:
        """A private key, and, if it may be a seed, the private keys that come from it."""
        self.secrets[name] = secret
        if len(secret) == SEED_BYTES:
            for purpose in ("x25519", "ed25519"):
                info = f"dialtone 2 {purpose}".encode()
                self.secrets[f"{name}: {purpose}"] = hkdf_sha256(secret, b"", info, SEED_BYTES)

    def findings(self) -> list[str]:
        """Where there is what should not be: one line each, none where all is well."""
        pattern = {
            name: re.compile(b"|".join(map(re.escape, sorted(needles(secret)))))
            for name, secret in self.secrets.items()
        }
        found = []
        for (where, text), name in itertools.product(self.said, pattern):
            if name not in self.quiet and pattern[name].search(text):
                found.append(f"{where}: {name}")
        for path in sorted(self.root.rglob("*")):
            place = str(path.relative_to(self.root))
            private = not stat.S_IMODE(path.lstat().st_mode) & _OTHERS
            if _of_the_program(place) and not private:
                found.append(f"{place}: others can look into it")
            data = os.fsencode(place) + b"\n" + (path.read_bytes() if path.is_file() else b"")
            for name, spelled in pattern.items():
                if spelled.search(data):
                    if not self._may(name, place):
                        found.append(f"{place}: {name}")
                    elif not private and not re.fullmatch(self.shown, place):
                        found.append(f"{place}: {name}, and others can read it")
        return found

    def _may(self, name: str, place: str) -> bool:
        return any(
            re.fullmatch(files, place) and re.fullmatch(names, name)
            for files, names in self.allowed.items()
        )


def _of_the_program(place: str) -> bool:
    """The store and the spool are nobody else's, whatever is in them."""
    return bool(re.search(r"(^|/)(\.dialtone(/|$)|home/)|\.part(\.|$)", place))
