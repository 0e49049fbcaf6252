"""A stage for the hunt for secrets: people with their stores, a file, and the program."""

import os
import pty
import random
import shutil
import subprocess
import sys
from pathlib import Path

from Crypto.PublicKey import RSA

from framing.shares import Share

from .hunt import Hunt

KEYS = Path(__file__).parent / "keys"
NAME = "zebra-quartz-ledger.bin"
WORDS = {
    "transfer": "umbra heron velvet 51", "wrong": "falcon tundra mosaic 62",
    "ann": "glacier poplar onyx 73", "bob": "saffron kettle drum 84",
    "joined": "lantern cobalt reef 95", "hidden": "thistle marble owl 16",
    "rsa": "opensesame",
}  # fmt: skip
DEADLINE_S = 60

# The program, with its random numbers written down, and, where it is asked for, a fault inside.
_DRIVER = """
import importlib, os, secrets, sys
draw = secrets.token_bytes
def drawn(number=None):
    token = draw(number)
    with open(os.environ["DRAWN"], "a") as file:
        print(token.hex(), file=file)
    return token
secrets.token_bytes = drawn
def started(event, facts):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        print("started", event, facts, file=sys.stderr)
sys.addaudithook(started)
def fault(*_, **__):
    raise RuntimeError("a fault that was asked for")
if place := os.environ.get("FAULT"):
    module, _, name = place.partition(":")
    setattr(importlib.import_module(module), name, fault)
from dialtone.__main__ import main
main()
"""


class Stage:
    """People with their stores, a file, and the program; all that it says is kept for the hunt."""

    def __init__(self, hunt: Hunt, dialtone, drawn: Path, monkeypatch) -> None:
        self.hunt = hunt
        self._dialtone = dialtone
        self._drawn = drawn
        self._monkeypatch = monkeypatch
        self.root = hunt.root
        for name, words in WORDS.items():
            self.write(f"pass/{name}.txt", words.encode() + b"\n")
            if name != "rsa":  # it has fewer letters than an accident
                hunt.secrets[f"passphrase {name}"] = words.encode()
        content = random.Random(3).randbytes(12000)
        for at in range(0, 12000, 2000):
            hunt.secrets[f"content {at}"] = content[at : at + 24]
        hunt.secrets["name"] = NAME.encode()
        self.file = self.write(f"source/{NAME}", content)
        shutil.copy(KEYS / "encrypted.pem", self.root / "rsa.pem")
        shutil.copy(KEYS / "public.pem", self.root / "rsa.pub")
        rsa = RSA.import_key((KEYS / "private.pem").read_bytes())
        for part in ("d", "p", "q", "u"):
            number = int(getattr(rsa, part))
            hunt.secrets[f"rsa {part}"] = number.to_bytes((number.bit_length() + 7) // 8, "big")
        hunt.allowed = {r"pass/.*": r"passphrase .*", rf"source(/{NAME})?": r"content .*|name",
                        r"shares/[a-z]+-\d\.share|out\.share": r"share \d",
                        rf"in\d*/{NAME}": r"content .*|name"}  # fmt: skip
        hunt.shown = rf"in\d*/{NAME}"

    def write(self, place: str, data: bytes) -> Path:
        path = self.root / place
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
        return path

    def passphrase(self, name: str) -> Path:
        return self.root / "pass" / f"{name}.txt"

    def be(self, name: str) -> None:
        self._monkeypatch.setenv("DIALTONE_HOME", str(self.root / "home" / name))

    def run(self, *arguments: object, code: int = 0) -> str:
        """In this process; returns what was said on both sides."""
        answer = self._dialtone(*arguments)
        said = answer.out + answer.err
        self.hunt.said.append((f"said by {arguments[:2]}", said.encode()))
        assert answer.code == code, said
        return said

    def people(self) -> None:
        """Ann and Bob, each with the other's key."""
        for name in ("ann", "bob"):
            self.be(name)
            self.run("key", "new", "--passphrase-file", self.passphrase(name))
            (self.root / f"{name}.key").write_text(self._dialtone("key", "show").out)
        self.run("key", "add", "ann", self.root / "ann.key", "--json")
        self.be("ann")
        self.run("key", "add", "bob", self.root / "bob.key")

    def program(self, *arguments: object, **variables: str) -> "subprocess.Popen[bytes]":
        """As a process; its command line and environment are searched, too."""
        environment = os.environ | {"DRAWN": str(self._drawn), "DIALTONE_DEBUG": "1"} | variables
        command = [sys.executable, "-c", _DRIVER, *map(str, arguments)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(command, env=environment, cwd=self.root, **pipes)
        for facts in ("cmdline", "environ"):
            self.hunt.said.append((facts, Path(f"/proc/{process.pid}/{facts}").read_bytes()))
        return process

    def ended(self, process: "subprocess.Popen[bytes]", data: bytes | None = None) -> str:
        out, err = process.communicate(data, timeout=DEADLINE_S)
        self._learn()
        self.hunt.said += [("stdout", out), ("stderr", err)]
        return (out + err).decode()

    def typed(self, arguments: tuple[object, ...], *answers: tuple[bytes, str]) -> bytes:
        """On a terminal: what is shown while these prompts are answered."""
        command = [sys.executable, "-c", _DRIVER, *map(str, arguments)]
        pid, terminal = pty.fork()
        if pid == 0:  # pragma: no cover  the program itself
            os.chdir(self.root)
            os.execve(command[0], command, os.environ | {"DRAWN": str(self._drawn)})
        shown = b""
        for prompt, words in answers:
            while not shown.endswith(prompt):
                shown += os.read(terminal, 1000)
            os.write(terminal, words.encode() + b"\n")
        try:
            while more := os.read(terminal, 1000):
                shown += more
        except OSError:  # how Linux tells that the other side of a terminal has gone
            pass
        os.close(terminal)
        assert os.waitpid(pid, 0)[1] == 0, shown
        self._learn()
        self.hunt.said.append(("a terminal", shown))
        return shown

    def _learn(self) -> None:
        for line in self._drawn.read_text().split():
            self.hunt.drawn(bytes.fromhex(line))

    def learn_shares(self, folder: Path) -> None:
        for number, path in enumerate(sorted(folder.iterdir())):
            self.hunt.secrets[f"share {number}"] = Share.parse(path.read_text()).value
