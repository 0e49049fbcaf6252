"""The store of keys: who can read it, what it never loses, what it never gives twice."""

import os
import stat
import threading
from pathlib import Path

import pytest
from dialtone import keystore, keytexts
from dialtone.errors import Failure
from dialtone.keystore import Keystore
from dialtone.whole import erase

from framing import armor
from framing.identity import Identity, PublicKey
from framing.one_time import OneTimeKey

KEYS = Path(__file__).parent / "keys"


def identity(number: int = 1) -> Identity:
    return Identity(bytes([number]) * 32)


@pytest.fixture
def store(tmp_path, monkeypatch) -> Keystore:
    """A store under the loosest umask, whose identities are quick to lock."""
    before = os.umask(0)
    lock = Identity.lock
    monkeypatch.setattr(Identity, "lock", lambda self, secret: lock(self, secret, cost=10))
    yield Keystore(tmp_path / "home")
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in sorted([folder, *folder.rglob("*")])
    }


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"DIALTONE_HOME": "/a/b", "XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/a/b"),
        ({"XDG_CONFIG_HOME": "/c", "HOME": "/h"}, "/c/dialtone"),
        ({"XDG_CONFIG_HOME": "c", "HOME": "/h"}, "/h/.config/dialtone"),
        ({"HOME": "/h"}, "/h/.config/dialtone"),
    ],
)
def test_where_the_store_is(monkeypatch, environment, place):
    for name in ("DIALTONE_HOME", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert keystore.home() == Path(place)


def test_nobody_else_can_read_it_whatever_the_umask(store, tmp_path):
    own = store.add_identity("me", identity(), b"secret")
    own.add_one_time(identity(), 2)
    contact = store.add_contact("ann", identity(2).public)
    contact.add_one_time([OneTimeKey.new().public])
    store.revoke(contact, 1)
    for name, mode in modes(tmp_path / "home").items():
        folder = (tmp_path / "home" / name).is_dir()
        assert mode == (0o700 if folder else 0o600), name


def test_what_is_stored_comes_back(store):
    me = store.add_identity("me", identity(1), b"secret")
    ann = store.add_contact("ann@x.org", identity(2).public)
    rsa = keytexts.RsaKey.parse((KEYS / "public.pem").read_text())
    server = store.add_contact("ser-ver_1.0", rsa)
    assert store.identities() == [me]
    assert store.contacts() == [ann, server]
    assert Identity.unlock(me.text, b"secret").seed == identity(1).seed
    assert (store.find("me"), store.find("ann@x.org"), store.find("bob")) == (me, ann, None)
    assert store.signer(identity(1).public.ed25519) == me
    assert store.signer(identity(2).public.ed25519) == ann
    assert store.signer(identity(3).public.ed25519) is None


def test_stored_files_are_texts_for_others_too(store):
    contact = store.add_contact("ann", identity(2).public)
    prefix, data = armor.decode(contact.path.read_text())
    assert (prefix, data) == (armor.KEY, identity(2).public.data)


def test_no_key_takes_the_place_of_another(store):
    store.add_identity("me", identity(1), b"secret")
    store.add_contact("ann", identity(2).public)
    for name in ("me", "ann"):
        with pytest.raises(Failure, match="already"):
            store.add_contact(name, identity(3).public)
        with pytest.raises(Failure, match="already"):
            store.add_identity(name, identity(3), b"secret")
    assert store.contact("ann").key == identity(2).public


def test_a_signing_key_has_one_name(store):
    """Else a stranger could put Ann's signing key into a key of their own."""
    store.add_contact("ann", identity(2).public)
    mixed = PublicKey(identity(3).public.x25519, identity(2).public.ed25519)
    with pytest.raises(Failure, match="signs as ann"):
        store.add_contact("mallory", mixed)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../x", ".hidden", "-k", "a b", "a\n", "ä", "a" * 65, "nul\0"],
)
def test_names_cannot_lead_anywhere(store, name, tmp_path):
    with pytest.raises(Failure, match="cannot be the name"):
        store.add_contact(name, identity().public)
    assert store.find(name) is None
    assert not (tmp_path / "home").exists()


def test_a_secret_in_place_of_a_name_is_not_repeated(store):
    secret = identity().lock("x")
    with pytest.raises(Failure) as raised:
        store.add_contact(secret, identity().public)
    assert secret[-20:] not in str(raised.value) + raised.value.hint


def test_a_one_time_key_is_given_once(store):
    publics = [OneTimeKey.new().public for _ in range(20)]
    contact = store.add_contact("ann", identity(2).public)
    assert contact.add_one_time(publics) == 20
    assert contact.add_one_time(publics[:5]) == 0
    taken: list[bytes] = []

    def take() -> None:
        while (
            key := Keystore(contact.path.parent.parent).contact("ann").take_one_time()
        ) is not None:
            taken.append(key)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(publics)
    assert contact.add_one_time(publics) == 0  # the same file once more brings none of them back
    assert contact.take_one_time() is None


def test_private_halves_of_one_time_keys(store):
    own = store.add_identity("me", identity(), b"secret")
    publics = own.add_one_time(identity(), 3)
    files = own.one_time_files()
    opened = [OneTimeKey.open(path.read_bytes(), identity()).public for path in files]
    assert sorted(opened) == sorted(publics)
    assert [path.name for path in files] == sorted(f"{p[:4].hex()}.onetime" for p in publics)
    with pytest.raises(Failure, match="29 more"):
        own.add_one_time(identity(), 30)
    own.add_one_time(identity(), 29)
    assert own.forget_one_time() == 32
    assert own.one_time_files() == []


def test_erasing_overwrites(tmp_path):
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"secret" * 10)
    other.hardlink_to(path)  # keeps the file's place on the disk in sight
    erase(path)
    assert not path.exists()
    assert other.read_bytes() == bytes(60)


def test_a_damaged_file_is_named(store):
    contact = store.add_contact("ann", identity(2).public)
    text = contact.path.read_text()
    contact.path.write_text(text[:-3] + ("a" if text[-3] != "a" else "b") + text[-2:])
    with pytest.raises(Failure, match=r"ann\.key"):
        store.contact("ann")
    own = store.add_identity("me", identity(), b"secret")
    own.path.write_text("nothing")
    with pytest.raises(Failure, match=r"me\.identity"):
        store.identities()


def test_a_mark_that_cannot_be_read_still_revokes(store):
    contact = store.add_contact("ann", identity(2).public)
    assert store.contact("ann").revoked is None
    contact.path.with_suffix(".revoked").write_text("soon")
    assert store.contact("ann").revoked == 0
