"""The program as a user runs it: in this process where that is enough, as a process of its own
where signals, pipes or the clock matter."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dialtone.__main__ import run
from dialtone.keystore import Keystore

from framing.identity import Identity

from .daemon import Daemon

PROGRAM = (sys.executable, "-m", "dialtone")
SECRET = "correct horse"


def on_small_disk(folder: Path, size: str, *command: str) -> tuple[str, ...]:
    """What runs a command for which a folder is a file system of that size, as for nobody else."""
    mount = f"mount -t tmpfs -o size={size} none '{folder}' && exec \"$@\""
    return ("unshare", "-rm", "sh", "-c", mount, "sh", *command)


@dataclass(frozen=True)
class Answer:
    """What a command said: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def event(self, name: str) -> dict[str, Any]:
        """The only event of that name."""
        (found,) = (event for event in self.events if event["event"] == name)
        return found


@pytest.fixture(autouse=True)
def _home_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds the keys of whoever runs it, nor asks them for a passphrase."""
    monkeypatch.setenv("DIALTONE_HOME", str(tmp_path / ".home"))
    monkeypatch.setattr("dialtone.passphrases.terminal", lambda: False)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stores of ann and bob, who know each other; identities are quick to unlock."""
    folder = tmp_path_factory.mktemp("homes")
    people = {"ann": Identity(b"a" * 32), "bob": Identity(b"b" * 32)}
    lock = Identity.lock
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Identity, "lock", lambda self, secret: lock(self, secret, cost=10))
        for name, identity in people.items():
            store = Keystore(folder / name)
            store.add_identity("me", identity, f"{name}'s secret".encode())
            for other in people.keys() - {name}:
                store.add_contact(other, people[other].public)
    return folder


@pytest.fixture
def be(_homes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Become ann or bob: returns the file with the passphrase of their identity."""

    def call(name: str) -> Path:
        home, secret = tmp_path / f".{name}", tmp_path / f"{name}.txt"
        if not home.exists():
            shutil.copytree(_homes / name, home)
            secret.write_text(f"{name}'s secret\n")
        monkeypatch.setenv("DIALTONE_HOME", str(home))
        return secret

    return call


@pytest.fixture
def dialtone(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture
def start() -> Callable[..., "subprocess.Popen[bytes]"]:
    """Start the program as a process with pipes on all sides; killed at the end if need be."""
    running = []

    def call(*arguments: object, **options: Any) -> "subprocess.Popen[bytes]":
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options
        process = subprocess.Popen([*PROGRAM, *map(str, arguments)], **pipes)
        running.append(process)
        return process

    yield call
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def data() -> bytes:
    """3000 bytes that do not compress."""
    return np.random.default_rng(7).bytes(3000)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.txt"
    path.write_text(SECRET + "\n")
    return path


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> Path:
    """A folder with file.bin, and sealed.wav and plain.wav that carry it over `phone`."""
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "file.bin").write_bytes(data)
    (folder / "key.txt").write_text(SECRET)
    file, key = str(folder / "file.bin"), str(folder / "key.txt")
    assert run(["send", file, "--passphrase-file", key, "-o", str(folder / "sealed.wav")]) == 0
    assert run(["send", file, "--plain", "-o", str(folder / "plain.wav")]) == 0
    return folder


@pytest.fixture
def listen(tmp_path):
    """Start daemons into tmp_path/in."""
    running = []

    def call(*arguments):
        log = tmp_path / f"log{len(running)}"
        running.append(Daemon(tmp_path / "in", *arguments, log=log))
        return running[-1]

    yield call
    for daemon in running:
        daemon.kill()
