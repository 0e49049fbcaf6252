"""Names from strangers."""

import os
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import framing
from framing.names import candidates, safe_name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\win.ini", "win.ini"),
        ("..", "received"),
        (".", "received"),
        ("", "received"),
        ("/", "received"),
        (".bashrc", "bashrc"),
        (".dialtone", "dialtone"),
        ("a\x00b\nc\x7f.txt", "abc.txt"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("\ud800x", "x"),
        ("con", "_con"),
        ("NUL.txt", "_NUL.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("what?.txt", "what_.txt"),
        ("trailing. . ", "trailing"),
        ("cafe\u0301.txt", "caf\u00e9.txt"),
        ("写真.png", "写真.png"),
        ("a:b", "a_b"),
        ("~", "~"),
        ("-rf", "-rf"),
    ],
)
def test_names(sent, kept):
    assert safe_name(sent) == kept


def test_long_names_keep_their_extension():
    name = safe_name("写" * 300 + ".png")
    assert name.endswith("写.png")
    assert max(len(c.encode()) for c in candidates(name)) <= 255
    assert len(safe_name("x" * 300 + "." + "y" * 300).encode()) <= 247


@given(st.text())
def test_any_name_is_harmless(name):
    kept = safe_name(name)
    assert kept
    assert len(kept.encode()) <= 247
    assert not set(kept) & set('/\\<>:"|?*\0\n')
    assert not kept.startswith((".", " "))
    assert not kept.endswith((".", " "))
    assert unicodedata.is_normalized("NFC", kept)
    assert safe_name(kept) == kept


@pytest.mark.parametrize("name", ["../../../tmp/x", "..", "a/b", "\x1b[2J"])
def test_files_stay_in_the_folder(kit, tmp_path, name, monkeypatch):
    monkeypatch.setattr("framing.transfer.safe_name", lambda sent: sent)  # a hostile sender
    folder = tmp_path / "in"
    (received,) = kit.receive(framing.Inbox(folder), kit.send(b"data", name=name))
    assert received.path.parent == folder
    assert list(tmp_path.iterdir()) == [folder]


def test_what_the_file_system_cannot_write():
    """A stranger's name has to be a name wherever it comes to; here with ASCII alone."""
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    script = (
        "import sys; from framing.names import safe_name\n"
        "print(sys.getfilesystemencoding(), safe_name('\\xe9t\\xe9 \\u4e2d.png'))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | ascii_only, capture_output=True, check=True
    ).stdout
    assert said == b"ascii _t_ _.png\n"
