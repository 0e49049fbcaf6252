"""What `listen` is asked for: addresses, commands, wrong usage, the unit for systemd."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from dialtone import listen
from dialtone.errors import Failure
from dialtone.listen import ListenOptions, parse_address
from dialtone.listening import hooks
from dialtone.opening import OpenOptions
from dialtone.output import Output


@pytest.mark.parametrize(
    ("text", "address"),
    [("8080", ("127.0.0.1", 8080)), ("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:9", ("::1", 9)),
     ("box.local:65535", ("box.local", 65535))],
)  # fmt: skip
def test_addresses_of_the_page(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "x", "1:2:3", "::1:80", "65536", "host:", "-1"])
def test_addresses_that_are_none(text):
    with pytest.raises(Failure, match="--monitor"):
        parse_address(text)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"certificate": Path("c.pem")}, "--monitor-cert"),
        ({"certificate_key": Path("k.pem"), "monitor": "8080"}, "--monitor-key"),
        ({"certificate_key": Path("k.pem")}, "--monitor-key"),
    ],
)
def test_certificates_for_nothing_are_said(options, what, tmp_path):
    with pytest.raises(Failure, match=what):
        listen.listen(ListenOptions(tmp_path, OpenOptions(), **options), Output())


@pytest.mark.parametrize("command", ["", "no-such-program-anywhere", "'open", "/etc/passwd"])
def test_commands_that_are_none(command):
    with pytest.raises(Failure, match="--exec"):
        hooks.parse(command)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["song.wav"], "listen takes no file"), (["-", "--systemd"], "no stdin"),
     (["--systemd", "--passphrase-prompt"], "cannot ask"), (["--monitor", "x"], "[HOST:]PORT"),
     (["--device", "a", "--device", "a"], "twice")],
)  # fmt: skip
def test_wrong_usage(dialtone, arguments, sentence):
    answer = dialtone("listen", *arguments)
    assert answer.code == 2
    assert sentence in answer.err


def test_the_unit_says_what_was_asked_for(dialtone, tmp_path, key):
    inbox = tmp_path / "in 100% $x"
    options = ("--device", "USB 2%", "-d", inbox, "--passphrase-file", key, "--keep", "7",
               "--exec", "true 'a b'", "--json")  # fmt: skip
    answer = dialtone("listen", *options[:-1], "--systemd")
    assert answer.code == 0
    unit = answer.out
    command = re.search("^ExecStart=(.*)$", unit, re.M)[1]
    words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)]
    at = words.index("listen")
    assert words[at:] == ["listen", "--device", "USB 2%", "-d", str(inbox), "--exec",
                          f"{shutil.which('true')} 'a b'", "--exec-limit", "300", "--keep", "7",
                          "--passphrase-file", str(key)]  # fmt: skip
    # Only in command lines $ means something, and is doubled where it does not.
    assert f'ReadWritePaths="{tmp_path}/in 100%% $x"' in unit
    for line in ("ProtectSystem=strict", "NoNewPrivileges=yes", "SupplementaryGroups=audio",
                 "Restart=always", "PrivateNetwork=yes", "MemoryMax=600M"):  # fmt: skip
        assert line in unit.splitlines()
    with_page = dialtone("listen", "--monitor", "8080", "--systemd").out
    assert "PrivateNetwork" not in with_page
    assert "MemoryMax=2G" in with_page


def test_the_unit_is_one_for_systemd(dialtone, tmp_path):
    """Where its tools are installed."""
    if not (analyze := shutil.which("systemd-analyze")):
        return
    inbox = tmp_path / "in"
    inbox.mkdir()
    unit = tmp_path / "dialtone.service"
    unit.write_text(dialtone("listen", "-d", inbox, "--systemd").out)
    said = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--listen", "--output", "usb"), "--output"),
        (("--listen", "--level", "-6", "--no-save"), "--level and --no-save"),
        (("--listen", "-o", "report.png"), "--report"),
        (("--timeout", "3"), "--timeout"),
    ],
)
def test_what_a_calibration_would_ignore_is_wrong_usage(dialtone, options, named):
    answer = dialtone("calibrate", *options)
    assert answer.code == 2
    assert named in answer.err
