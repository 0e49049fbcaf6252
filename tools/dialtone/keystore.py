"""The keys that this person has: own identities, and public keys of others.

    identities/NAME.identity    the private half, sealed with a passphrase
    identities/NAME.once/       private halves of one-time keys, sealed with the identity
    contacts/NAME.key           a public key
    contacts/NAME.once/         one-time public keys: ID.key until it is used, then ID.used
    .../NAME.revoked            when the key was revoked [s since 1970 UTC]

Every file appears whole, under a name that was free, and none is ever rewritten: so two programs
may use the store at once, and taking a one-time key is one rename, which only one of them can do.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from dialtone.errors import Failure, sentence
from dialtone.keytexts import RsaKey, TheirKey, is_text, kind_of, read_sheet
from dialtone.whole import erase, write_private
from framing.errors import KeyTextError
from framing.identity import Identity, PublicKey, SplitKey, locked_public
from framing.one_time import OneTimeKey
from framing.spool import sync_folder

ME = "me"
ONE_TIME_MAX = 32  # unused one-time keys of an identity: each is tried on each recipient

_T = TypeVar("_T")

_PRIVATE_FOLDER = 0o700
_OTHERS = 0o077
_DIGITS_MAX = 20  # of a time: 2**64 has as many
_PUBLIC = re.compile(r"[0-9a-f]{64}\.key")
_NAME = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9._@-]{0,63}")
_IDENTITY, _KEY, _REVOKED = ".identity", ".key", ".revoked"
_ONCE, _ONE_TIME, _USED = ".once", ".onetime", ".used"


def home() -> Path:
    """$DIALTONE_HOME, or the usual place of a program's settings."""
    if chosen := os.environ.get("DIALTONE_HOME"):
        return Path(chosen)
    settings = os.environ.get("XDG_CONFIG_HOME", "")
    # An XDG variable that holds a relative path is to be ignored (XDG Base Directory, 0.8).
    root = Path(settings) if settings.startswith("/") else Path.home() / ".config"
    return root / "dialtone"


def check_name(name: str) -> None:
    """Raises Failure unless it can be the name of a key."""
    if is_text(name) or not _NAME.fullmatch(name):
        shown = "this" if is_text(name) else f"'{name}'"
        raise Failure(
            f"{shown} cannot be the name of a key",
            "a name has at most 64 letters (A to Z), digits and . _ - @ in it",
        )


@dataclass(frozen=True, slots=True)
class Own:
    """An identity of one's own. text: the sealed private half; revoked [s since 1970 UTC]."""

    name: str
    path: Path
    text: str = field(repr=False)
    key: PublicKey
    revoked: int | None

    @property
    def exposed(self) -> bool:
        """Whether others can read the file."""
        return bool(self.path.stat().st_mode & _OTHERS)

    def one_time_files(self) -> list[Path]:
        """Private halves of one-time keys that are not used yet."""
        return sorted(_beside(self.path, _ONCE).glob(f"*{_ONE_TIME}"))

    def check_room(self, number: int) -> None:
        """Raises Failure unless so many one-time keys more can be kept."""
        room = ONE_TIME_MAX - len(self.one_time_files())
        if number > room:
            raise Failure(
                f"{self.name} has room for {room} more one-time keys, not for {number}",
                f"at most {ONE_TIME_MAX} unused ones are kept",
            )

    def add_one_time(self, identity: Identity, number: int) -> list[bytes]:
        """Make so many one-time keys; returns their public halves. Raises Failure, OSError."""
        self.check_room(number)
        folder = _made(_beside(self.path, _ONCE))
        publics = []
        for _ in range(number):
            key = OneTimeKey.new()
            write_private(folder / _one_time_name(key.public), key.seal(identity))
            publics.append(key.public)
        return publics

    def drop_one_time(self, publics: list[bytes]) -> None:
        """Erase one-time keys that nobody was given. Raises OSError."""
        for public in publics:
            erase(_beside(self.path, _ONCE) / _one_time_name(public))

    def forget_one_time(self) -> int:
        """Erase all private halves; returns how many there were. Raises OSError."""
        files = self.one_time_files()
        for path in files:
            erase(path)
        return len(files)


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody else's public key. revoked [s since 1970 UTC]."""

    name: str
    path: Path
    key: TheirKey
    revoked: int | None

    def one_time_files(self) -> list[Path]:
        """Their one-time keys that were not used yet."""
        files = _beside(self.path, _ONCE).glob(f"*{_KEY}")
        return sorted(path for path in files if _PUBLIC.fullmatch(path.name))

    def add_one_time(self, publics: list[bytes]) -> int:
        """Keep one-time keys (32 bytes each), those left out that were here before, used or not.
        Returns how many were new. Raises OSError."""
        folder = _made(_beside(self.path, _ONCE))
        added = 0
        for public in publics:
            if not (folder / f"{public.hex()}{_USED}").exists():
                try:
                    write_private(folder / f"{public.hex()}{_KEY}", b"")
                except FileExistsError:
                    continue
                added += 1
        return added

    def take_one_time(self) -> bytes | None:
        """One of their one-time keys (32 bytes), which nobody gets a second time; None where none
        is left. Raises OSError."""
        for path in self.one_time_files():
            try:
                path.rename(path.with_suffix(_USED))
            except FileNotFoundError:  # another program was faster
                continue
            sync_folder(path.parent)
            return bytes.fromhex(path.stem)
        return None


class Keystore:
    """All keys below one folder, which is made when the first is stored.

    damaged  takes the failure for each stored file that is damaged or cannot be read, where all are
             gone through; with None they raise it
    Methods raise OSError, and Failure where the file that is asked for is damaged.
    """

    def __init__(
        self, root: Path | None = None, damaged: Callable[[Failure], None] | None = None
    ) -> None:
        root = home() if root is None else root
        self._damaged = damaged
        self._identities = root / "identities"
        self._contacts = root / "contacts"

    def identities(self) -> list[Own]:
        return list(self._each(self.identity, _names(self._identities, _IDENTITY)))

    def identity(self, name: str) -> Own | None:
        """None where there is no identity of that name."""
        path = self._identities / f"{name}{_IDENTITY}"
        if not _NAME.fullmatch(name) or not path.is_file():
            return None
        return own_from_file(path, name)

    def contacts(self) -> list[Contact]:
        return list(self._each(self.contact, _names(self._contacts, _KEY)))

    def contact(self, name: str) -> Contact | None:
        """None where there is no contact of that name."""
        path = self._contacts / f"{name}{_KEY}"
        if not _NAME.fullmatch(name) or not path.is_file():
            return None
        key = read_sheet(str(path)).key
        if key is None:
            raise Failure(f"{path}: there is no public key in it")
        return Contact(name, path, key, _revoked(path))

    def split_key(self, set_id: bytes) -> SplitKey | None:
        """The public key of a set of shares (16 bytes); None where nobody here knows it."""
        keys = (contact.key for contact in self.contacts())
        return next((k for k in keys if isinstance(k, SplitKey) and k.set_id == set_id), None)

    def find(self, name: str) -> Own | Contact | None:
        """What has that name."""
        return self.identity(name) or self.contact(name)

    def signer(self, ed25519: bytes) -> Own | Contact | None:
        """Whose signing key (32 bytes) this is; None where nobody here knows it."""
        everybody: Iterator[Own | Contact] = iter([*self.identities(), *self.contacts()])
        return next((known for known in everybody if signing_key(known.key) == ed25519), None)

    def check_free(self, name: str) -> None:
        """Raises Failure where a key of that name is there already, or none can be."""
        check_name(name)
        if there := self.find(name):
            raise Failure(
                f"there is a key {name} already: {there.key.fingerprint}", "take another name"
            )

    def add_identity(self, name: str, identity: Identity, passphrase: str | bytes) -> Own:
        """Store an identity under a name that is free. Raises Failure where it is not."""
        self.check_free(name)
        path = _made(self._identities) / f"{name}{_IDENTITY}"
        write_identity(path, name, identity, passphrase)
        return own_from_file(path, name)

    def add_contact(self, name: str, key: TheirKey) -> Contact:
        """Store a public key under a name that is free. Raises Failure where it is not, or where
        the key's signatures are known as those of somebody else."""
        self.check_free(name)
        signing = signing_key(key)
        if signing and (known := self.signer(signing)):
            raise Failure(
                f"this key signs as {known.name} does ({known.key.fingerprint})",
                "one signing key has one name here",
            )
        path = _made(self._contacts) / f"{name}{_KEY}"
        said = f"# {name}: {kind_of(key)}, fingerprint {key.fingerprint}\n"
        text = key.text() if isinstance(key, RsaKey) else f"{said}{key.text()}"
        write_private(path, f"{text}\n".encode())
        return Contact(name, path, key, None)

    def revoke(self, known: Own | Contact, time: int) -> None:
        """Remember that a key must not be used any more, since `time` [s since 1970 UTC]."""
        if known.revoked is None:
            write_private(_beside(known.path, _REVOKED), f"{time}\n".encode())

    def _each(self, read: Callable[[str], _T | None], names: list[str]) -> Iterator[_T]:
        for name in names:
            try:
                found = read(name)
            except Failure as failure:
                if self._damaged is None:
                    raise
                self._damaged(failure)
                continue
            except OSError as error:
                if self._damaged is None:
                    raise
                reason = (error.strerror or type(error).__name__).lower()
                self._damaged(Failure(f"the key {name}: {reason}"))
                continue
            if found is not None:
                yield found


def own_from_file(path: Path, name: str = "") -> Own:
    """An identity in a file, stored here or elsewhere. Raises Failure, OSError."""
    text = path.read_bytes().decode(errors="replace")
    try:
        key = locked_public(text)
    except KeyTextError as error:
        raise Failure(f"{path}: {sentence(str(error))}", "take it from a copy") from None
    return Own(name or path.name.removesuffix(_IDENTITY), path, text, key, _revoked(path))


def write_identity(path: Path, name: str, identity: Identity, passphrase: str | bytes) -> None:
    """Raises OSError, FileExistsError where something has that name."""
    text = (
        f"# {name}, fingerprint {identity.public.fingerprint}\n"
        "# Keep this file secret: whoever has it and its passphrase is you.\n"
        f"{identity.lock(passphrase)}\n"
    )
    write_private(path, text.encode())


def signing_key(key: TheirKey) -> bytes | None:
    """The Ed25519 key (32 bytes) that checks its owner's signatures; None for keys without."""
    return key.ed25519 if isinstance(key, PublicKey) else None


def _one_time_name(public: bytes) -> str:
    return public[:4].hex() + _ONE_TIME


def _names(folder: Path, suffix: str) -> list[str]:
    return sorted(path.name.removesuffix(suffix) for path in folder.glob(f"*{suffix}"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_suffix(suffix)


def _made(folder: Path) -> Path:
    """The folder, and those above it that are of this store, for nobody else to look into."""
    if not folder.is_dir():
        parent = folder.parent
        if not parent.is_dir():
            parent.parent.mkdir(parents=True, exist_ok=True)
            parent.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        folder.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
    return folder


def _revoked(path: Path) -> int | None:
    """When the key beside which the mark stands was revoked."""
    mark = _beside(path, _REVOKED)
    try:
        text = mark.read_bytes().strip()
    except FileNotFoundError:
        return None
    # A mark that cannot be read still means what its name says.
    return int(text) if text.isdigit() and len(text) <= _DIGITS_MAX else 0
