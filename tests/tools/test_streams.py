"""Pipes, interruptions, and disks that fill up: the program as a process."""

import errno
import io
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import threading
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dialtone.errors import Failure
from dialtone.stdin_sound import open_stdin

from .conftest import PROGRAM, on_small_disk

DEADLINE_S = 60


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".dialtone")


@pytest.mark.parametrize("profile", ["phone", "cable"])
def test_pipe_from_sender_to_receiver_needs_no_settings(start, recordings, tmp_path, profile):
    sender = start("send", recordings / "file.bin", "--plain", "-p", profile, "-o", "-")
    receiver = start("receive", "-", "-d", tmp_path / "in", stdin=sender.stdout)
    sender.stdout.close()
    _, said = receiver.communicate(timeout=DEADLINE_S)
    assert (receiver.returncode, sender.wait(DEADLINE_S)) == (0, 0), said
    assert (tmp_path / "in" / "file.bin").read_bytes() == (recordings / "file.bin").read_bytes()


def test_stdin_to_stdout_of_unknown_length(start, data):
    sender = start("send", "-", "--plain", "-o", "-", "--json")
    sound, events = sender.communicate(data, timeout=DEADLINE_S)
    assert sender.returncode == 0
    assert len(sound) % 2 == 0
    assert b'"event": "sent"' in events  # stdout carries the sound


def test_a_wav_stream_tells_its_own_rate(start, recordings, tmp_path):
    receiver = start("receive", "-", "-d", tmp_path / "in", "--rate", "48000")
    _, said = receiver.communicate((recordings / "plain.wav").read_bytes(), timeout=DEADLINE_S)
    assert receiver.returncode == 0, said
    assert names(tmp_path / "in") == ["file.bin"]


def test_an_empty_stdin_is_no_signal(start, tmp_path):
    receiver = start("receive", "-", "-d", tmp_path / "in")
    _, said = receiver.communicate(b"", timeout=DEADLINE_S)
    assert receiver.returncode == 1
    assert b"no Dialtone signal" in said


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_without_standard_streams(recordings, tmp_path, closed):
    """As some programs start others. No file that is written may take their place."""
    sound = "-" if "<&-" in closed else f"'{recordings / 'plain.wav'}'"
    command = f"exec '{sys.executable}' -m dialtone receive {sound} -d '{tmp_path / 'in'}' {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, check=False, timeout=DEADLINE_S)
    assert b"fault" not in done.stderr
    assert done.returncode == (1 if "<&-" in closed else 0)
    assert sound == "-" or names(tmp_path / "in") == ["file.bin"]


def test_timeout_on_a_silent_pipe(start, tmp_path):
    receiver = start("receive", "-", "-d", tmp_path / "in", "--timeout", "0.5")
    assert receiver.wait(DEADLINE_S) == 1  # its stdin is open and says nothing
    assert b"no sound came within 0.5 s" in receiver.stderr.read()


def test_a_pipe_that_stops_ends_at_the_timeout(start, tmp_path):
    receiver = start("receive", "-", "-d", tmp_path / "in", "--timeout", "1")
    receiver.stdin.write(bytes(8000))
    receiver.stdin.flush()
    assert receiver.wait(DEADLINE_S) == 1
    assert b"no Dialtone signal" in receiver.stderr.read()


def test_a_reader_that_leaves_is_no_error_message(start, tmp_path):
    big = tmp_path / "big.bin"
    big.write_bytes(np.random.default_rng(0).bytes(100_000))
    sender = start("send", big, "--plain", "--repeat", "0", "-o", "-")
    sender.stdout.read(1000)
    sender.stdout.close()
    assert sender.wait(DEADLINE_S) == 1
    assert sender.stderr.read() == b""


def test_a_reader_of_events_that_leaves_is_no_error_message(start):
    reading, writing = os.pipe()
    os.close(reading)
    process = start("profiles", "--json", stdout=writing)
    os.close(writing)
    assert process.wait(DEADLINE_S) == 1
    assert process.stderr.read() == b""


def test_the_first_run_tells_of_its_compilation(start, recordings, tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    sender = start(
        "send", recordings / "file.bin", "--plain", "--dry-run", "--json", env=environment
    )
    said, _ = sender.communicate(timeout=DEADLINE_S)
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["compiling", "planned"]


def test_a_device_may_take_the_sound(start, recordings):
    sender = start("send", recordings / "file.bin", "--plain", "-o", "/dev/null")
    _, said = sender.communicate(timeout=DEADLINE_S)
    assert sender.returncode == 0, said


def wait_for_progress(process: "subprocess.Popen[bytes]", noted: bool = False) -> None:
    """Until a progress event says that the work is going on, or that it has something to note."""
    said = []
    for line in islice(process.stdout, 100):
        said.append(json.loads(line))
        if said[-1]["event"] == "progress" and (said[-1]["note"] or not noted):
            return
    raise AssertionError(said)


def test_ctrl_c_while_sending_leaves_nothing(start, tmp_path):
    big = tmp_path / "big.bin"
    big.write_bytes(np.random.default_rng(0).bytes(2_000_000))
    out = tmp_path / "out"
    out.mkdir()
    sender = start("send", big, "--plain", "-s", "1", "-o", out / "x.wav", "--json")
    wait_for_progress(sender)
    sender.send_signal(signal.SIGINT)
    said, errors = sender.communicate(timeout=DEADLINE_S)
    assert sender.returncode == 130
    assert b"interrupted" in said
    assert errors == b""
    assert list(out.iterdir()) == []


def test_terminate_while_sending_leaves_nothing(start, tmp_path):
    big = tmp_path / "big.bin"
    big.write_bytes(np.random.default_rng(0).bytes(2_000_000))
    out = tmp_path / "out"
    out.mkdir()
    sender = start("send", big, "--plain", "-s", "1", "-o", out / "x.wav", "--json")
    wait_for_progress(sender)
    sender.terminate()
    _, errors = sender.communicate(timeout=DEADLINE_S)
    assert (sender.returncode, errors) == (143, b"")
    assert list(out.iterdir()) == []


def feed_silence(process: "subprocess.Popen[bytes]", rate: int, enough: threading.Event) -> None:
    while not enough.wait(0.02):
        process.stdin.write(bytes(2 * (rate // 10)))
        process.stdin.flush()


def test_ctrl_c_while_receiving_keeps_the_packets(start, dialtone, data, tmp_path):
    file = tmp_path / "big.bin"
    file.write_bytes(data * 4)
    sound = tmp_path / "x.wav"
    assert dialtone("send", file, "--plain", "-o", sound).code == 0
    samples, rate = soundfile.read(sound, dtype="int16")
    half = len(samples) * 2 // 3
    inbox = tmp_path / "in"
    receiver = start("receive", "-", "-d", inbox, "--rate", rate, "--json")
    receiver.stdin.write(samples[:half].tobytes())
    receiver.stdin.flush()
    listening = threading.Event()
    feeder = threading.Thread(target=feed_silence, args=(receiver, rate, listening))
    feeder.start()
    wait_for_progress(receiver, noted=True)  # of packets
    listening.set()
    feeder.join(DEADLINE_S)
    receiver.send_signal(signal.SIGINT)
    said, errors = receiver.communicate(timeout=DEADLINE_S)
    assert receiver.returncode == 130, errors
    assert b"kept for the next time" in said
    assert names(inbox) == []

    # What was kept and what follows make the whole.
    soundfile.write(tmp_path / "rest.wav", samples[half - 3 * rate :], rate)
    assert dialtone("receive", tmp_path / "rest.wav", "-d", inbox).code == 0
    assert (inbox / "big.bin").read_bytes() == file.read_bytes()


def test_stdout_on_a_full_disk(start, recordings):
    with Path("/dev/full").open("wb") as full:
        sender = start("send", recordings / "file.bin", "--plain", "-o", "-", stdout=full)
        _, said = sender.communicate(timeout=DEADLINE_S)
    assert sender.returncode == 1
    assert said.startswith(b"error: ")
    assert b"disk is full" in said
    assert b"Traceback" not in said


def small_disk() -> None:
    """In the child: files beyond 4 kB fail as on a full disk, instead of killing the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize("suffix", [".wav", ".mp3"])
def test_sending_to_a_full_disk_leaves_nothing(start, recordings, tmp_path, suffix):
    out = tmp_path / "out"
    out.mkdir()
    environment = os.environ | {"NUMBA_CACHE_DIR": os.environ["NUMBA_CACHE_DIR"]}
    sender = start(
        "send", recordings / "file.bin", "--plain", "-s", "default", "-o", out / f"x{suffix}",
        preexec_fn=small_disk, env=environment,
    )  # fmt: skip
    _, said = sender.communicate(timeout=DEADLINE_S)
    assert sender.returncode == 1, said
    assert b"error: the file grew too large" in said
    assert b"Traceback" not in said
    assert list(out.iterdir()) == []


def test_receiving_onto_a_full_disk(dialtone, data, tmp_path):
    file, wav, tiny = tmp_path / "big.bin", tmp_path / "x.wav", tmp_path / "tiny"
    file.write_bytes(data * 6)
    assert dialtone("send", file, "--plain", "-o", wav).code == 0
    tiny.mkdir()
    receive = " ".join(map(shlex.quote, (*PROGRAM, "receive", str(wav), "-d", str(tiny), "--json")))
    command = on_small_disk(tiny, "16k", "sh", "-c", f"{receive}; code=$?; ls '{tiny}'; exit $code")
    received = subprocess.run(command, capture_output=True, timeout=DEADLINE_S)
    assert received.returncode == 1, received.stderr
    last = received.stdout.splitlines()[-1]  # behind it the names of files would come
    assert "disk is full" in json.loads(last)["error"]


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_streams_of_both_kinds(subtype, channels):
    samples = np.random.default_rng(5).uniform(-0.5, 0.5, (5000, channels)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, samples, 44100, subtype, format="WAV")
    source, known = open_stdin(8000, stream=io.BytesIO(file.getvalue()))
    assert (known, source.sample_rate, source.channels) == (True, 44100, channels)
    assert np.allclose(np.concatenate(list(source)), samples, atol=1 / 32767)


def test_raw_samples_lose_nothing_of_their_beginning():
    samples = np.arange(-100, 100, dtype="<i2")
    source, known = open_stdin(8000, stream=io.BytesIO(samples.tobytes()))
    assert (known, source.sample_rate) == (False, 8000)
    assert np.array_equal(np.concatenate(list(source))[:, 0] * 32768, samples)


@pytest.mark.parametrize("cut", [13, 30, 43])
def test_a_wav_header_that_ends_early_is_refused(cut):
    file = io.BytesIO()
    soundfile.write(file, np.zeros(10), 8000, format="WAV")
    with pytest.raises(Failure):
        open_stdin(8000, stream=io.BytesIO(file.getvalue()[:cut]))


def test_full_disks_are_known_by_their_number():
    from dialtone.errors import explain

    failure = explain(OSError(errno.ENOSPC, "No space left on device"))
    assert failure is not None
    assert failure.code == 1
