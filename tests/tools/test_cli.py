"""Help, version, usage errors and exit codes of every command."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dialtone.__main__ import run
from dialtone.output import rate

import modem

COMMANDS = ("send", "receive", "loopback", "channel", "profiles", "inspect", "bench", "demo", "key")
KEY_COMMANDS = ("new", "show", "add", "list", "split", "join", "revoke", "hide", "unhide")


@pytest.mark.parametrize("command", [*COMMANDS, *(f"key {name}" for name in KEY_COMMANDS)])
def test_help_of_every_command_has_examples(dialtone, command):
    answer = dialtone(*command.split(), "--help")
    assert answer.code == 0
    assert f"Usage: dialtone {command}" in answer.out
    assert "Example" in answer.out
    assert f"dialtone {command}" in answer.out.split("Example")[1]


def test_help_lists_every_command(dialtone):
    answer = dialtone("--help")
    assert answer.code == 0
    assert all(command in answer.out for command in COMMANDS)


def test_nothing_given_shows_help_and_is_a_usage_error(dialtone):
    answer = dialtone()
    assert answer.code == 2
    assert "Usage: dialtone" in answer.out


def test_version(dialtone):
    answer = dialtone("--version")
    assert (answer.code, answer.out.split()[0]) == (0, "dialtone")


def test_help_loads_nothing_but_what_reads_the_command_line():
    """Anything more, numpy above all, would make it slow."""
    light = {"dialtone", "typer", "click", "shellingham", "annotated_doc", "typing_extensions"}
    script = (
        "import sys; before = set(sys.modules)\n"
        "from dialtone.__main__ import run; run(['--help'])\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        f"sys.exit(' '.join(loaded - sys.stdlib_module_names - {light}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "no such command"),
        (["send"], "missing argument"),
        (["send", "{file}", "--nosuch"], "no such option"),
        (["send", "{file}", "--repair", "much"], "--repair"),
        (["send", "{file}", "-o", "x.wav"], "no key option"),
        (["send", "{file}", "--plain", "-o", "x.wav", "--device", "1"], "sound card"),
        (["send", "{file}", "--plain", "-o", "x.ogg"], ".mp3"),
        (["send", "{file}", "--plain", "--key-in-header", "-o", "x.wav"], "exclude each other"),
        (["send", "{file}", "--plain", "-o", "x.wav", "-p", "telex"], "phone, mp3, cable"),
        (["send", "{file}", "--plain", "-o", "x.wav", "-s", "99"], "no speed '99'"),
        (["send", "{file}", "--plain", "-o", "x.wav", "-s", "fast"], "no speed 'fast'"),
        (["send", "{file}", "--plain", "-o", "x.wav", "--repeat", "0"], "never ends"),
        (["send", "{file}", "--plain", "-o", "x.wav", "--pixels", "--fit", "5"], "exclude"),
        (["send", "{file}", "--plain", "-o", "x.wav", "--pixels"], "picture"),
        (["send", "{file}", "--plain", "-o", "x.wav", "--fit", "5"], "picture"),
        (["send", "{file}", "--plain", "-o", "x.mp3", "--mp3-kbps", "77"], "kbit/s"),
        (["send", "{file}", "--plain", "-o", "x.mp3", "-p", "stereo"], "profile stereo needs more"),
        (["send", "{file}", "--plain", "-o", "x.mp3", "-p", "cable96", "-s", "3"], "MP3 file is"),
        (["send", "missing.bin", "--plain", "-o", "x.wav"], "no such file"),
        (["send", "{folder}", "--plain", "-o", "x.wav"], "folder"),
        (["send", "{file}", "--passphrase-file", "missing", "-o", "x.wav"], "no such file"),
        (["send", "{file}", "--passphrase-file", "{empty}", "-o", "x.wav"], "is empty"),
        (["send", "{file}", "--plain", "-o", "{folder}/no/x.wav"], "no such file"),
        (["receive", "missing.wav"], "no such file"),
        (["receive", "{empty}"], "is empty"),
        (["receive", "{text}"], "not an audio file"),
        (["receive", "{folder}"], "directory"),
        (["receive", "{speech}", "-d", "{file}"], "not a folder"),
        (["receive", "{speech}", "--rate", "8000"], "--rate"),
        (["receive", "{speech}", "--channels", "2"], "--channels"),
        (["inspect", "{text}"], "not an audio file"),
        (["channel", "{speech}", "x.wav"], "no channel"),
        (["channel", "{speech}"], "output file"),
        (["channel", "{speech}", "x.wav", "--channel", "fog=3"], "fog=3"),
        (["loopback", "{file}", "--channel", "awgn=loud"], "awgn"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(dialtone, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    names = {
        "file": tmp_path / "file.bin",
        "empty": tmp_path / "empty.wav",
        "text": tmp_path / "text.wav",
        "speech": tmp_path / "speech.wav",
        "folder": tmp_path,
    }
    names["file"].write_bytes(b"some bytes")
    names["empty"].write_bytes(b"")
    names["text"].write_text("a shopping list\n" * 20)
    soundfile.write(names["speech"], np.zeros(800, np.float32), 8000)
    before = sorted(tmp_path.iterdir())

    answer = dialtone(*(argument.format_map(names) for argument in arguments))
    assert answer.code == 2
    assert words.lower() in answer.err.lower()
    assert [line.split(":")[0] for line in answer.err.splitlines()] in (
        ["error"],
        ["error", "hint"],
    )
    assert sorted(tmp_path.iterdir()) == before

    answer = dialtone(*(argument.format_map(names) for argument in arguments), "--json")
    assert answer.code == 2
    error = answer.event("error")
    assert error["exit_code"] == 2
    assert words.lower() in (error["error"] + error["hint"]).lower()
    assert answer.err == ""


def test_profiles_as_json(dialtone):
    answer = dialtone("profiles", "--json")
    assert answer.code == 0
    rows = answer.events
    assert {row["profile"] for row in rows} == set(modem.profiles)
    assert len(rows) == sum(len(profile.speeds) for profile in modem.profiles.values())
    for row in rows:
        assert {"profile", "speed", "net_bps", "snr_db", "seconds_per_100kB"} <= row.keys()
        # 800 000 bits at the net rate, give or take what does not fill a superframe.
        ideal = 800_000 / row["net_bps"]
        assert ideal * 0.9 < row["seconds_per_100kB"] < ideal * 1.1 + 2


def test_profiles_for_people_show_every_rate_and_mark_the_defaults(dialtone):
    answer = dialtone("profiles")
    assert answer.code == 0
    assert answer.out == ""
    assert max(map(len, answer.err.splitlines())) <= 144
    for profile in modem.profiles.values():
        assert profile.description in answer.err
        for speed in profile.speeds:
            assert rate(speed.net_bps) in answer.err
    # A heading, and one for each ladder; the profiles of several rates and lanes share one.
    assert answer.err.count("default") == 1 + 5


def test_channel_list_shows_steps_and_bundles(dialtone):
    answer = dialtone("channel", "--list")
    assert answer.code == 0
    assert "g711u" in answer.err
    assert "skew=80,band=300-3400" in answer.err
    rows = dialtone("channel", "--list", "--json").events
    assert any(row.get("step") == "awgn" for row in rows)
    assert any(row.get("bundle") == "phone" for row in rows)


def test_channel_is_repeatable(dialtone, tmp_path):
    source = tmp_path / "in.wav"
    tone = 0.3 * np.sin(2 * np.pi * 1000 / 8000 * np.arange(8000))
    soundfile.write(source, tone.astype(np.float32), 8000)
    written = []
    for seed in (1, 1, 2):
        target = tmp_path / f"out{len(written)}.wav"
        assert dialtone("channel", source, target, "--channel", "awgn=20", "--seed", seed).code == 0
        written.append(target.read_bytes())
    assert written[0] == written[1] != written[2]


def test_run_returns_plain_exit_codes():
    assert run(["--help"]) == 0
    assert run(["send"]) == 2


def test_internal_faults_are_a_sentence(tmp_path: Path):
    script = (
        "import sys; from dialtone import __main__ as m\n"
        "def broken(arguments): raise KeyError('lost')\n"
        "m.run = broken; m.main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: a fault inside dialtone")
