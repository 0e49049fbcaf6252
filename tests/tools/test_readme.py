"""The commands of the README's section about keys, as they are written there."""

import os
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEYS = Path(__file__).parent / "keys"


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text()
    section = text.partition("\n## Keys\n")[2].partition("\n## ")[0]
    return [
        line.partition("  #")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        for line in block.splitlines()
    ]


def test_keys_as_written(dialtone, tmp_path, monkeypatch, key):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "one for all")
    monkeypatch.setattr("dialtone.passphrases.terminal", lambda: True)
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    home = os.environ["DIALTONE_HOME"]
    lines = commands()
    assert len(lines) > 15
    for line in lines:
        words = shlex.split(line)
        if words[0] == "openssl":
            made = "public.pem" if "-pubout" in words else "private.pem"  # by these very commands
            Path(words[words.index("-out") + 1]).write_bytes((KEYS / made).read_bytes())
            continue
        assignment, _, place = words[0].partition("=")
        here = assignment == "DIALTONE_HOME"
        monkeypatch.setenv("DIALTONE_HOME", place if here else home)
        words = words[1 + here :]
        target = words[words.index(">") + 1] if ">" in words else None
        answer = dialtone(*(words[:-2] if target else words))
        assert answer.code == 0, (line, answer.err)
        if target:
            Path(target).write_text(answer.out)
        if line.endswith("-d from-bob"):
            assert "signed by bob" in answer.err
    photo = (ROOT / "tools/dialtone/data/photo.png").read_bytes()
    for folder in ("from-bob", "once", "club", "server"):
        assert (tmp_path / folder / "photo.png").read_bytes() == photo
