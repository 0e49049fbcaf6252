"""The daemon as a process: what it receives, what it says, how it ends."""

import contextlib
import hashlib
import json
import os
import random
import signal
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dialtone.__main__ import run
from dialtone.listening.arrivals import arrivals, hooked

import framing
import modem

from .daemon import Daemon, only, until, whole


def raw(path: Path) -> bytes:
    """A recording as raw samples."""
    return soundfile.read(path, dtype="int16")[0].tobytes()


def test_a_recording_becomes_an_arrival(listen, recordings, data, tmp_path):
    daemon = listen()
    daemon.hear((recordings / "plain.wav").read_bytes())
    assert daemon.end() == 0
    arrival = only(arrivals(tmp_path / "in"))
    assert arrival.file.read_bytes() == data
    receipt = arrival.receipt
    assert receipt["sha256"] == hashlib.sha256(data).hexdigest()
    assert (receipt["file"], receipt["bytes"], receipt["input"]) == ("file.bin", 3000, "stdin")
    assert (receipt["protection"], receipt["signed_by"]) == ("plain", None)
    assert (receipt["profile"], receipt["packets_lost"]) == ("phone", 0)
    assert receipt["snr_db"] > 30
    assert 1 < receipt["air_seconds"] < 5
    assert receipt["goodput_bps"] == pytest.approx(8 * 3000 / receipt["air_seconds"], rel=1e-3)
    told = only(daemon.events("received"))
    assert receipt.items() <= told.items()
    assert told["folder"] == arrival.folder.name
    assert arrival.folder.name.endswith(f"Z_{receipt['transfer']}")
    assert receipt["received"].replace("-", "").replace(":", "")[:15] == arrival.folder.name[:15]
    assert whole(tmp_path / "in") == ["file.bin", "receipt.json"]


def test_raw_samples_of_an_unknown_rate(listen, recordings, data, tmp_path):
    daemon = listen()
    daemon.hear(raw(recordings / "plain.wav"))
    assert daemon.end() == 0
    assert only(arrivals(tmp_path / "in")).file.read_bytes() == data


def test_a_packed_picture_arrives_as_it_was(listen, dialtone, tmp_path):
    photo = Path(__file__).parents[2] / "tools/dialtone/data/photo.png"
    assert dialtone("send", photo, "--plain", "-p", "cable", "-o", tmp_path / "p.wav").code == 0
    daemon = listen()
    daemon.hear((tmp_path / "p.wav").read_bytes())
    assert daemon.end() == 0
    arrival = only(arrivals(tmp_path / "in"))
    assert arrival.file.name == "photo.png"
    assert arrival.file.read_bytes() == photo.read_bytes()
    assert arrival.receipt["payload_bytes"] < arrival.receipt["bytes"]


def packets_of(data: bytes, name: str, size: int) -> list[bytes]:
    import io

    return list(framing.Outgoing(io.BytesIO(data), name=name, key=framing.Plain(),
                                 packet_bytes=size, size=len(data)))  # fmt: skip


def test_transfers_that_are_interleaved(listen, tmp_path):
    """Packets of three transfers by turns, in one transmission."""
    tx = modem.Transmitter(modem.profiles["phone"])
    files = {f"{n}.bin": np.random.default_rng(n).bytes(6000 + n) for n in range(3)}
    queues = [packets_of(data, name, tx.packet_bytes) for name, data in files.items()]
    packets = [queue[i] for i in range(max(map(len, queues))) for queue in queues if i < len(queue)]
    sound = np.concatenate((tx.process(packets), tx.flush()))
    daemon = listen("--rate", 8000)
    daemon.hear((sound * 32767).astype("<i2").tobytes())
    assert daemon.end() == 0
    there = {arrival.file.name: arrival.file.read_bytes() for arrival in arrivals(tmp_path / "in")}
    assert there == files


def test_a_key_that_is_missing_and_comes_later(listen, recordings, key, data, tmp_path):
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("not this one")
    daemon = listen("--passphrase-file", wrong)
    sound = raw(recordings / "sealed.wav")
    daemon.hear(sound)
    daemon.hear(bytes(200_000))
    daemon.hear(sound)
    assert daemon.end() == 0
    refused = only(daemon.events("refused"))
    assert (refused["kind"], refused["level"]) == ("key", "warning")
    assert arrivals(tmp_path / "in") == []

    daemon = listen("--passphrase-file", key)
    assert daemon.end() == 0
    assert only(arrivals(tmp_path / "in")).file.read_bytes() == data
    assert daemon.events("received")[0]["snr_db"] is None


@pytest.mark.parametrize("kind", ["noise", "RIFF", "nothing"])
def test_junk_on_stdin(listen, kind, tmp_path):
    """Whatever comes: no traceback, no false arrival; a WAV stream that is none says so."""
    junk = np.random.default_rng(3).bytes(300_001)
    sound = {"noise": junk, "RIFF": b"RIFF1234WAVEfmt " + junk[:500], "nothing": b""}[kind]
    daemon = listen()
    daemon.hear(sound)
    assert daemon.end() == (2 if kind == "RIFF" else 0)
    said = daemon.log.read_text()
    assert "Traceback" not in said
    assert not daemon.events("received")
    if kind == "RIFF":
        assert "damaged header" in daemon.events("error")[0]["error"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_stores_what_it_has_heard(
    listen, recordings, data, number, code, tmp_path
):
    """Of a transmission that is cut off in the middle, all whole superframes are in the spool."""
    sound = raw(recordings / "plain.wav")
    daemon = listen("--rate", 8000)
    daemon.hear(sound[: len(sound) * 9 // 10])
    until(lambda: not daemon.unheard)
    daemon.signal(number)
    assert daemon.wait() == code
    assert [event["event"] for event in daemon.events()][-1] in ("stopped", "error")
    assert list((tmp_path / "in" / ".dialtone").glob("*/*.packets")) or arrivals(tmp_path / "in")


def test_a_log_that_cannot_be_written_is_no_end(recordings, data, tmp_path):
    """As on a full disk; the arrival counts."""
    daemon = Daemon(tmp_path / "in", log=Path("/dev/full"))
    daemon.hear((recordings / "plain.wav").read_bytes())
    daemon.end()
    assert only(arrivals(tmp_path / "in")).file.read_bytes() == data


def test_a_log_that_nobody_reads_is_no_end(recordings, data, tmp_path):
    """It is kept, within bounds, until somebody does."""
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(reader, bytes(4096))
    daemon = Daemon(tmp_path / "in", log=pipe)
    try:
        daemon.hear((recordings / "plain.wav").read_bytes() + bytes(100_000))
        until(lambda: (tmp_path / "in").exists() and arrivals(tmp_path / "in"))
        said = bytearray()

        def reads():
            with contextlib.suppress(BlockingIOError):
                said.extend(os.read(reader, 1 << 16))
            return b'"event": "received"' in said

        until(reads)
        assert bytes(said).strip(b"\0").startswith(b'{"event": "listening"')
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(reader, bytes(4096))
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 143
    finally:
        daemon.kill()
        os.close(reader)


def test_a_fault_at_the_very_end_is_no_success(listen, monkeypatch):
    def fail(_):
        raise RuntimeError("a fault that was asked for")

    monkeypatch.setattr(framing.Inbox, "close", fail)
    daemon = listen()
    assert daemon.end() != 0
    assert not daemon.events("stopped")


@pytest.mark.parametrize("sealed", [False, True])
def test_killed_at_twenty_moments_of_one_transfer(listen, key, tmp_path, sealed):
    """kill -9 again and again while three passes are played: the file arrives, exact, once, and
    nothing else is left. Each kill costs what was in the pipe, which no sound card would hold."""
    data = np.random.default_rng(5).bytes(400_000)
    (tmp_path / "big.bin").write_bytes(data)
    wav = tmp_path / "big.wav"
    how = ["--passphrase-file", str(key)] if sealed else []
    sending = how or ["--plain"]
    assert run(["send", str(tmp_path / "big.bin"), *sending, "--repeat", "3", "-o", str(wav)]) == 0
    sound = raw(wav)
    draw = random.Random(20)
    cuts = sorted(2 * draw.randrange(len(sound) // 2) for _ in range(20))
    received = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(sound)], strict=True)):
        daemon = listen("--rate", 8000, *how)
        daemon.hear(sound[start:end])
        if end == len(sound):
            assert daemon.end() == 0
        else:
            if number % 2:
                until(lambda d=daemon: not d.unheard)
            daemon.kill()
        received += daemon.events("received")
    arrival = only(arrivals(tmp_path / "in"))
    assert arrival.file.read_bytes() == data
    assert len({event["folder"] for event in received}) == 1
    assert whole(tmp_path / "in") == ["big.bin", "receipt.json"]


def test_a_start_reads_only_what_the_hook_has_not_seen(tmp_path, monkeypatch):
    """In the inbox of a year are more receipts than fit into memory."""
    for number in range(5):
        folder = tmp_path / f"2026010{number}T000000Z_00000000"
        folder.mkdir()
        (folder / "receipt.json").write_text('{"file": "x"}')
        if number in (1, 3):
            (folder / ".hook").touch()
    read = []
    loads = json.loads
    monkeypatch.setattr("json.loads", lambda text: read.append(text) or loads(text))
    found = [arrival.folder.name[:8] for arrival in hooked(tmp_path)]
    assert (found, len(read)) == (["20260101", "20260103"], 2)


def test_arrivals_and_what_is_none(listen, recordings, tmp_path):
    daemon = listen()
    daemon.hear((recordings / "plain.wav").read_bytes())
    assert daemon.end() == 0
    inbox = tmp_path / "in"
    real = only(arrivals(inbox))
    secret = tmp_path / "secret"
    secret.write_text("{}")
    for number, receipt in enumerate(
        ["", "[]", "{}", '{"file": "../../secret"}', '{"file": ""}', '{"file": 7}',
         '{"file": "link"}', "[" * 60_000]
    ):  # fmt: skip
        folder = inbox / f"20300101T00000{number}Z_00000000"
        folder.mkdir()
        (folder / "receipt.json").write_text(receipt)
        (folder / "link").symlink_to(secret)
    (inbox / "20300101T000010Z_00000000").symlink_to(real.folder)
    linked = inbox / "20300101T000011Z_00000000"
    linked.mkdir()
    (linked / "receipt.json").symlink_to(real.folder / "receipt.json")
    os.mkfifo(inbox / "20300101T000012Z_00000000")
    piped = inbox / "20300101T000013Z_00000000"
    piped.mkdir()
    os.mkfifo(piped / "receipt.json")
    assert arrivals(inbox) == [real]


def test_what_arrives_minds_the_umask(listen, recordings, tmp_path):
    before = os.umask(0o027)
    try:
        daemon = listen()
    finally:
        os.umask(before)
    daemon.hear((recordings / "plain.wav").read_bytes())
    assert daemon.end() == 0
    arrival = only(arrivals(tmp_path / "in"))
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (arrival.folder, *arrival.folder.iterdir())]
    assert modes == [0o750, 0o640, 0o640]
