"""Secrets stay where they belong: not in argv, logs, events, tracebacks, nor in files that others
can read. Real commands are run, then everything they leave is searched for every secret, in every
spelling; the last tests plant secrets and see that the search finds them."""

import json
import os
import random
import resource
import secrets
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from PIL import Image

import framing.delivery
from framing import armor
from framing.identity import Identity

from .hunt import Hunt, spellings
from .stage import NAME, WORDS, Stage


@pytest.fixture
def stage(dialtone, tmp_path, tmp_path_factory, monkeypatch) -> Iterator[Stage]:
    """Nothing is private by the umask: what is private was made so."""
    root = tmp_path / "world"
    hunt = Hunt(root)
    draw = secrets.token_bytes

    def drawn(number: int) -> bytes:
        token = draw(number)
        hunt.drawn(token)
        return token

    monkeypatch.setattr(secrets, "token_bytes", drawn)
    monkeypatch.setattr(Identity, "lock", lambda *words, lock=Identity.lock: lock(*words, cost=10))
    before = os.umask(0)
    (root / "tmp").mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(root / "tmp"))
    monkeypatch.setenv("HOME", str(root / "home"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("DIALTONE_DEBUG", "1")
    path = tmp_path_factory.mktemp("drawn") / "drawn.txt"
    path.touch()
    yield Stage(hunt, dialtone, path, monkeypatch)
    os.umask(before)


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["words", "json"])
def test_commands_for_keys(stage, as_json):
    stage.people()
    ann = ("--passphrase-file", stage.passphrase("ann"))
    stage.run("key", "show", "--one-time", 3, "-o", stage.root / "once.key", *ann, *as_json)
    stage.be("bob")
    stage.run("key", "add", "ann", stage.root / "once.key", *as_json)
    stage.be("ann")
    shares = stage.root / "shares"
    stage.run("key", "split", "club", "-k", 2, "-n", 3, "-d", shares, *as_json)
    stage.run("key", "split", "spare", "-k", 2, "-n", 3, "-d", shares, "--identity", "me", *ann,
              *as_json)  # fmt: skip
    stage.learn_shares(shares)
    stage.run("key", "list", *as_json)
    whole, joined = stage.root / "club.identity", stage.passphrase("joined")
    some = sorted(shares.glob("club-*"))[:2]
    stage.run("key", "join", some[0], "-o", whole, code=3)
    stage.run("key", "join", *some, "-o", whole, "--passphrase-file", joined, *as_json)
    cover, card = stage.root / "cover.png", stage.root / "card.png"
    Image.frombytes("RGB", (128, 128), random.Random(1).randbytes(3 * 128 * 128)).save(cover)
    where = ("--passphrase-file", stage.passphrase("hidden"))
    stage.run("key", "hide", cover, some[0], "-o", card, *where, *as_json)
    stage.run("key", "unhide", card, "-o", stage.root / "out.share", *where, *as_json)
    assert (stage.root / "out.share").read_bytes() == some[0].read_bytes()
    wrong = ("--passphrase-file", stage.passphrase("wrong"))
    stage.run("key", "revoke", "me", "-o", stage.root / "r", *wrong, *as_json, code=3)
    assert len(stage.hunt.tokens) == 6  # seeds: ann, bob, club; three one-time keys
    assert stage.hunt.findings() == []
    stage.run("key", "revoke", "me", "-o", stage.root / "r", *ann, *as_json)
    assert stage.hunt.findings() == []


_LOCKS = {
    "passphrase": (["--passphrase-file", "{transfer}"], ["--passphrase-file", "{transfer}"],
                   ["--passphrase-file", "{wrong}"]),
    "recipient": (["--to", "ann", "--sign", "--identity-passphrase-file", "{bob}"],
                  ["--identity-passphrase-file", "{ann}"],
                  ["--identity-passphrase-file", "{wrong}"]),
    "once": (["--to", "ann", "--once", "--sign", "--identity-passphrase-file", "{bob}"],
             ["--identity-passphrase-file", "{ann}"], ["--passphrase-file", "{wrong}"]),
    "shares": (["--to", "club"], ["--shares", "shares/club-1.share", "shares/club-3.share"],
               ["--shares", "shares/club-1.share"]),
    "rsa": (["--to", "rsa.pub"],
            ["--identity", "rsa.pem", "--identity-passphrase-file", "{rsa}"],
            ["--identity", "rsa.pem", "--identity-passphrase-file", "{wrong}"]),
    "key in header": (["--key-in-header"], [], None),
    "plain": (["--plain", "--sign", "--identity-passphrase-file", "{bob}"], [], None),
}  # fmt: skip


@pytest.mark.parametrize("lock", _LOCKS)
def test_files_under_every_lock(stage, monkeypatch, lock):
    """Sent, half received, tried with the wrong key, received."""
    monkeypatch.chdir(stage.root)
    stage.people()
    bundle = ("--one-time", 1, "-o", "once.key", "--passphrase-file", stage.passphrase("ann"))
    stage.run("key", "show", *bundle)
    stage.be("bob")
    stage.run("key", "add", "ann", "once.key")
    stage.run("key", "split", "club", "-k", 2, "-n", 3, "-d", "shares")
    stage.learn_shares(Path("shares"))
    paths = {name: stage.passphrase(name) for name in WORDS}
    lock_with, right, wrong = (
        None if words is None else [word.format(**paths) for word in words]
        for words in _LOCKS[lock]
    )
    keys = len(stage.hunt.tokens)
    stage.run("send", stage.file, "-p", "phone", *lock_with, "-o", "x.wav", "--json")
    if wrong is None:  # everybody may know what everybody can open
        public = tuple(name for name in stage.hunt.secrets if name.startswith("content"))
        stage.hunt.quiet += public
        for name in (*public, "name", *(f"key {n + 1} of 24 bytes" for n in range(keys, 99))):
            stage.hunt.secrets.pop(name, None)
    else:
        assert len(stage.hunt.tokens[-1]) == 24
    assert stage.hunt.findings() == []
    samples, rate = soundfile.read("x.wav", dtype="int16")
    soundfile.write("cut.wav", samples[: len(samples) * 2 // 3], rate)
    stage.be("ann")
    receive = ("receive", "cut.wav", "-d", "in")
    stage.run(*receive, *right, code=1)
    assert list(Path("in/.dialtone").rglob("*.packets"))
    assert stage.hunt.findings() == []
    if wrong is not None:
        stage.run("receive", "x.wav", "-d", "in", *wrong, "--json", code=3)
        assert list(Path("in/.dialtone").rglob("*")) or lock in ("shares", "rsa")
        assert stage.hunt.findings() == []
    stage.run("receive", "x.wav", "-d", "in", *right, "--json")
    assert Path("in", NAME).read_bytes() == stage.file.read_bytes()
    assert Path("in", NAME).stat().st_mode & 0o777 == 0o666  # as the umask says
    assert stage.hunt.findings() == []


def test_on_a_terminal(stage):
    """Passphrases that are typed are not shown, and in the command line of nobody."""
    words = WORDS["transfer"]
    stage.be("carl")
    new = ((b"identity me: ", words), (b"Once more: ", words))
    assert b"fingerprint" in stage.typed(("key", "new"), *new)
    send = ("send", stage.file, "--passphrase-prompt", "--sign", "-p", "cable", "-o", "x.wav")
    asked = ((b"Passphrase of me: ", words), (b"Passphrase: ", words), (b"Once more: ", words))
    assert b"signed as me" in stage.typed(send, *asked)
    receive = ("receive", "x.wav", "--passphrase-prompt", "-d", "in")
    assert b"signed by me" in stage.typed(receive, (b"Passphrase: ", words))
    assert [len(token) for token in stage.hunt.tokens] == [32, 24]
    assert stage.hunt.findings() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_half_way(stage, number):
    key = ("--passphrase-file", stage.passphrase("transfer"))
    stage.run("send", stage.file, *key, "-p", "phone", "-o", stage.root / "x.wav")
    samples, rate = soundfile.read(stage.root / "x.wav", dtype="int16")
    receiver = stage.program("receive", "-", "-d", "in", "--rate", rate, *key, "--json")
    receiver.stdin.write(samples[: len(samples) * 2 // 3].tobytes())
    silence = bytes(2 * rate)
    for _ in range(400):
        if list(stage.root.glob("in/.dialtone/*/*.packets")):
            break
        receiver.stdin.write(silence)
        receiver.stdin.flush()
    place = Path(f"/proc/{receiver.pid}")
    stage.hunt.said += [(fact, (place / fact).read_bytes()) for fact in ("cmdline", "environ")]
    receiver.send_signal(number)
    stage.ended(receiver)
    assert receiver.returncode in (130, -signal.SIGKILL)
    assert list(stage.root.glob("in/.dialtone/*/*.packets"))
    assert stage.hunt.findings() == []


_FAULTS = {
    "new": ("framing.identity:scrypt", ["key", "new", "--passphrase-file", "{ann}"]),
    "send": ("framing.transfer:build_header", ["send", "{file}", "--to", "ann",
             "--passphrase-file", "{transfer}", "--sign", "--identity-passphrase-file", "{bob}",
             "-o", "y.wav", "--json"]),
    "receive": ("framing.places:write_file", ["receive", "x.wav", "-d", "in",
                "--passphrase-file", "{transfer}", "--json"]),
}  # fmt: skip


@pytest.mark.parametrize("command", _FAULTS)
def test_a_fault_of_the_program(stage, command):
    """The traceback, which DIALTONE_DEBUG=1 shows, has no values in it."""
    key = ("--passphrase-file", stage.passphrase("transfer"))
    stage.people()
    stage.be("bob")
    stage.run("send", stage.file, *key, "-p", "cable", "-o", stage.root / "x.wav")
    place, words = _FAULTS[command]
    paths = {name: stage.passphrase(name) for name in WORDS} | {"file": stage.file}
    if command == "new":
        stage.be("new")
    program = stage.program(*(word.format(**paths) for word in words), FAULT=place)
    said = stage.ended(program)
    assert program.returncode == 1
    assert "Traceback (most recent call last)" in said
    assert "a fault that was asked for" in said
    assert stage.hunt.findings() == []


def test_a_full_disk(stage, monkeypatch):
    """Files beyond 4 kB fail, as on a full disk."""
    key = ("--passphrase-file", stage.passphrase("transfer"))
    stage.run("send", stage.file, *key, "-p", "cable", "-o", stage.root / "x.wav")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    try:
        stage.run("send", stage.file, *key, "-p", "cable", "-o", stage.root / "y.wav", code=1)
        stage.run("receive", stage.root / "x.wav", *key, "-d", stage.root / "in", code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert stage.hunt.findings() == []


def test_a_file_that_is_being_written(stage, monkeypatch):
    """Until all of it is verified the received file is its owner's alone."""
    key = ("--passphrase-file", stage.passphrase("transfer"))
    stage.run("send", stage.file, *key, "-p", "cable", "-o", stage.root / "x.wav")
    write, seen = framing.delivery.write_all, []

    def written(handle: int, data: bytes) -> None:
        write(handle, data)
        (part,) = (path for path in (stage.root / "in").iterdir() if path.is_file())
        seen.append(part.stat().st_mode & 0o777)
        stage.hunt.allowed[f"in/{part.name}"] = "content .*"
        seen.extend(stage.hunt.findings())

    monkeypatch.setattr(framing.delivery, "write_all", written)
    stage.run("receive", stage.root / "x.wav", *key, "-d", stage.root / "in")
    assert set(seen) == {0o600}


# -- the hunt itself ---------------------------------------------------------------------------

_SECRET = random.Random(9).randbytes(32)
_LEAKS = {
    "raw": _SECRET, "hex": _SECRET.hex(), "HEX": _SECRET.hex().upper(), "repr": repr(_SECRET),
    "number": str(int.from_bytes(_SECRET, "big")), "list": str(list(_SECRET)),
    "half": _SECRET[:16].hex(), "other half": _SECRET[16:].hex(),
    "armor": armor.encode(armor.SHARE, b"\1" + _SECRET),
    "shouted": armor.encode(armor.IDENTITY, b"12" + _SECRET + b"3").upper(),
    "json": json.dumps({"key": _SECRET.decode("latin-1")}, ensure_ascii=False),
}  # fmt: skip


@pytest.mark.parametrize("how", _LEAKS)
def test_a_planted_secret_is_found_in_every_spelling(tmp_path, how):
    leak = _LEAKS[how]
    text = b"before " + (leak if isinstance(leak, bytes) else leak.encode()) + b" behind"
    hunt = Hunt(tmp_path, {"seed": _SECRET, "other": bytes(range(32))})
    assert hunt.findings() == []
    hunt.said.append(("stdout", text))
    assert hunt.findings() == ["stdout: seed"]
    hunt.said.clear()
    path = tmp_path / "folder" / ".hidden"
    path.parent.mkdir()
    path.write_bytes(text)
    assert hunt.findings() == ["folder/.hidden: seed"]
    hunt.allowed = {"folder/.*": "seed"}
    path.chmod(0o600)
    assert hunt.findings() == []
    path.chmod(0o640)
    assert hunt.findings() == ["folder/.hidden: seed, and others can read it"]


@pytest.mark.parametrize("around", range(5))
def test_base_32_and_64_at_every_place(around):
    import base64

    data = b"x" * around + _SECRET[:12] + b"y"
    for text in (base64.b64encode(data), base64.urlsafe_b64encode(data), base64.b32encode(data)):
        assert any(spelled in text for spelled in spellings(_SECRET[:12]))


@pytest.mark.parametrize("place", ["home/x", "in/.dialtone/x/header.packets", "in/x.part"])
def test_what_others_can_look_into_is_found(tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    for folder in path.relative_to(tmp_path).parents:
        (tmp_path / folder).chmod(0o700)
    path.touch(0o600)
    assert Hunt(tmp_path).findings() == []
    path.chmod(0o604)
    assert Hunt(tmp_path).findings() == [f"{place}: others can look into it"]


def test_a_program_that_leaks_is_found(stage, monkeypatch):
    key = ("--passphrase-file", stage.passphrase("transfer"))

    def report(sending, *_: object) -> None:
        print(sending.sealing, sending.sealing.key[0].secret, sys.stderr)
        (stage.root / "log").write_text(stage.hunt.tokens[-1].hex())

    monkeypatch.setattr("dialtone.send._report", report)
    stage.run("send", stage.file, *key, "-p", "cable", "-o", stage.root / "x.wav")
    leaks = ["said by ('send', ", "log: key 1 of 24 bytes"]
    found = stage.hunt.findings()
    assert [line for line in found if not line.startswith(tuple(leaks))] == []
    assert len(found) == 2


def test_values_in_a_traceback_are_found(stage):
    """What a report with local variables would show, as some libraries print it."""
    seed = Identity.new().seed
    try:
        raise RuntimeError(seed[:3])
    except RuntimeError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    stage.hunt.said.append(("stderr", "".join(shown.format()).encode()))
    assert stage.hunt.findings() == ["stderr: key 1 of 32 bytes"]
