"""The command that the daemon runs for each arrival."""

import json
import signal
import sys
from pathlib import Path

import pytest
from dialtone.listening.arrivals import arrivals

import framing

from .daemon import only, until, whole

NASTY = "-rf $(touch owned) `id` \"'; é& |.bin"


def hook_script(tmp_path: Path, body: str) -> str:
    script = tmp_path / "hook.py"
    script.write_text(f"import json, os, sys\n{body}\n")
    return f"{sys.executable} '{script}' 'two words'"


def test_the_hook_gets_nasty_names_as_they_are(listen, dialtone, data, tmp_path):
    source = tmp_path / NASTY
    source.write_bytes(data)
    sent = tmp_path / "nasty.wav"
    assert dialtone("send", "--plain", "-o", sent, "--", source).code == 0
    said = tmp_path / "said.json"
    body = (
        "told = {k: v for k, v in os.environ.items() if k.startswith('DIALTONE_')}\n"
        f"json.dump([sys.argv[1:], told, sys.stdin.read()], open({str(said)!r}, 'w'))\n"
        "print('done it')"
    )
    daemon = listen("--exec", hook_script(tmp_path, body))
    daemon.hear(sent.read_bytes())
    assert daemon.end() == 0
    arrival = only(arrivals(tmp_path / "in"))
    name = framing.names.safe_name(NASTY)
    assert arrival.file == tmp_path / "in" / arrival.folder.name / name
    words, told, stdin = json.loads(said.read_text())
    assert words == ["two words", str(arrival.file)]
    assert stdin == ""
    assert told["DIALTONE_FILE"] == str(arrival.file)
    assert told["DIALTONE_RECEIPT"] == str(arrival.folder / "receipt.json")
    assert told["DIALTONE_TRANSFER"] == arrival.receipt["transfer"]
    assert told["DIALTONE_SENDER"] == ""
    assert told["DIALTONE_BYTES"] == "3000"
    ended = only(daemon.events("hook"))
    assert (ended["code"], ended["output"]) == (0, "done it")
    assert not list(tmp_path.rglob("owned"))
    assert whole(tmp_path / "in") == sorted([name, "receipt.json"])


def test_a_hook_takes_no_module_from_the_arrival(listen, dialtone, tmp_path):
    """Somebody sends a file that is called like a part of Python."""
    source = tmp_path / "sent" / "json.py"
    source.parent.mkdir()
    source.write_text("print('of a stranger')")
    sent = tmp_path / "sent.wav"
    assert dialtone("send", "--plain", "-o", sent, source).code == 0
    daemon = listen("--exec", f"{sys.executable} -m json.tool --help")
    daemon.hear(sent.read_bytes())
    assert daemon.end() == 0
    ended = only(daemon.events("hook"))
    assert ended["code"] == 0
    assert ended["output"].startswith("usage: ")


def test_a_hook_that_was_broken_off_is_run_again(listen, recordings, tmp_path):
    """kill -9 while it runs; then it runs for the same arrival, once, and not a third time."""
    runs = tmp_path / "runs"
    runs.mkdir()
    waits = tmp_path / "waits"
    waits.touch()
    body = (
        f"import pathlib, time\nrun = pathlib.Path({str(runs)!r}, str(os.getpid()))\nrun.touch()\n"
        f"while os.path.exists({str(waits)!r}): time.sleep(0.01)"
    )
    command = ("--exec", hook_script(tmp_path, body))
    daemon = listen(*command)
    daemon.hear((recordings / "plain.wav").read_bytes() + bytes(100_000))
    until(lambda: list(runs.iterdir()))
    daemon.kill()
    waits.unlink()
    daemon = listen(*command)
    assert daemon.end() == 0
    assert len(daemon.events("hook")) == 1
    assert len(list(runs.iterdir())) == 2
    daemon = listen(*command)
    assert daemon.end() == 0
    assert daemon.events("hook") == []
    assert whole(tmp_path / "in") == ["file.bin", "receipt.json"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_when_all_inputs_have_ended(listen, recordings, number, code, tmp_path):
    """Only the hook is waited for: it is broken off, and not left behind."""
    begun = tmp_path / "begun"
    body = f"import time\nopen({str(begun)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)"
    daemon = listen("--exec", hook_script(tmp_path, body))
    daemon.hear((recordings / "plain.wav").read_bytes())
    daemon.close()
    pid = until(lambda: begun.exists() and begun.read_text())
    # The daemon's own thread and that of the hook.
    until(lambda: len(list(Path(f"/proc/{daemon.pid}/task").iterdir())) == 2)
    daemon.signal(number)
    assert daemon.wait() == code
    assert "broken off" in only(daemon.events("hook"))["text"]
    assert not Path(f"/proc/{pid}").exists()


def test_a_hook_that_takes_too_long_is_ended(listen, recordings, tmp_path):
    body = "import time\nprint('begun', flush=True)\ntime.sleep(1000)"
    daemon = listen("--exec", hook_script(tmp_path, body), "--exec-limit", 1)
    daemon.hear((recordings / "plain.wav").read_bytes())
    assert daemon.end() == 0
    ended = only(daemon.events("hook"))
    assert "longer than 1 s" in ended["text"]
    assert ended["output"] == "begun"
    assert ended["code"] == -signal.SIGTERM
