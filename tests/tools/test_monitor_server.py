"""The monitor's server without a browser: watching, sending, microphones."""

import errno
import io
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from dialtone.listening.station import Station
from dialtone.monitor import outbox, sending, watching
from dialtone.monitor.server import Server
from websockets.exceptions import ConnectionClosed

from .monitor_client import DEADLINE_S, SECRET, Client, listening, serving, until


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with listening(tmp_path) as station:
        yield station


@pytest.fixture
def client(station: Station) -> Iterator[Client]:
    with serving(station) as server:
        yield Client(server)


# Watching


def test_a_newcomer_learns_what_is_known_and_then_what_happens(
    station: Station, client: Client
) -> None:
    station.hub.tell("log", time=0.0, level="info", text="before", fields={})
    with client.live() as live:
        hello, *known = json.loads(live.recv())
        assert hello["type"] == "hello"
        assert [event["text"] for event in known if event["type"] == "log"][-1] == "before"
        until(lambda: station.hub.wants_spectra)
        station.hub.tell("spectrum", input="a", low_hz=0, high_hz=1, dbfs=[1])
        assert json.loads(live.recv(DEADLINE_S))[0]["dbfs"] == [1]
        live.send("hidden")
        until(lambda: not station.hub.wants_spectra)
    until(lambda: not station.hub.watched)


def test_silence_has_a_beat(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """By which a page knows that the network is still there."""
    monkeypatch.setattr(watching, "_BEAT_S", 0.2)
    with client.live() as live:
        live.recv()
        assert [json.loads(live.recv(DEADLINE_S)) for _ in range(2)] == [[], []]


def test_what_is_no_text_is_told_nevertheless(station: Station, client: Client) -> None:
    """An inbox may have a name from before UTF-8."""
    station.hub.tell("log", time=0.0, level="info", text="in bo\udcee", fields={})
    with client.live() as live:
        assert json.loads(live.recv(DEADLINE_S))[-1]["text"] == "in bo\udcee"


def test_a_slow_page_gets_the_last_figures_and_all_transfers() -> None:
    events = [
        *({"type": "level", "input": name, "peak_dbfs": n} for n in range(3) for name in "ab"),
        *({"type": "transfer", "transfer": n} for n in range(3)),
    ]
    thinned = watching.thinned(events)
    assert [event.get("peak_dbfs", event.get("transfer")) for event in thinned] == [2, 2, 0, 1, 2]


def test_only_so_many_pages(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_WATCHERS_MAX", 1)
    with client.live() as first, client.live() as second:
        first.recv()
        with pytest.raises(ConnectionClosed) as closed:
            second.recv(DEADLINE_S)
        assert closed.value.rcvd.code == watching.BUSY


def test_a_page_is_let_go_when_the_server_stops(station: Station) -> None:
    server = Server(station, "127.0.0.1", 0, None)
    server.start()
    with Client(server).live() as live:
        live.recv()
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 4
        with pytest.raises(ConnectionClosed):
            live.recv(DEADLINE_S)


# Sending


def begin(client: Client, data: bytes, name: str = "file.bin", **order: Any) -> dict[str, Any]:
    status, _, told = client.ask("/api/uploads", "POST", data, X_File_Name=name)
    assert status == 201, told
    order = {"profile": "phone", "protection": "plain", **order}
    return client.json("/api/sendings", "POST", upload=json.loads(told)["upload"], **order)


def sound(client: Client, job: dict[str, Any]) -> bytes:
    def ready() -> bytes | None:
        status, _, data = client.ask(f"/api/sendings/{job['id']}/sound.wav")
        assert status in (200, 409)
        return data if status == 200 else None

    return until(ready)


@pytest.mark.parametrize("protection", [{"protection": "passphrase", "passphrase": SECRET}, {}])
def test_the_sound_carries_the_file(
    station: Station, client: Client, data: bytes, protection: dict[str, str]
) -> None:
    job = begin(client, data, "caf%C3%A9.bin", **protection)
    assert SECRET not in json.dumps(job)
    samples, rate = soundfile.read(io.BytesIO(sound(client, job)), dtype="float32")
    assert rate == 8000
    stream = station.open_stream("test", rate)
    quiet = np.zeros(rate // 2, np.float32)
    stream.write(np.concatenate((quiet, samples, quiet))[:, np.newaxis])
    stream.close()
    (arrival,) = until(lambda: client.json("/api/arrivals")["arrivals"])
    assert arrival["name"] == "café.bin"
    assert client.ask(f"/api/arrivals/{arrival['place']}/file")[2] == data


def test_contacts_are_names_and_never_paths(
    client: Client, be: Callable[[str], Path], tmp_path: Path
) -> None:
    be("bob")
    (known,) = client.json("/api/contacts")
    assert known["name"] == "ann"
    job = begin(client, b"hello", protection="contacts", to=["ann"])
    assert until(lambda: sound(client, job))
    for to in ([str(tmp_path / ".home")], ["nobody"], ["ann", "/etc/passwd"], [], "ann"):
        _, _, told = client.ask("/api/uploads", "POST", b"x")
        wanted = {"upload": json.loads(told)["upload"], "profile": "phone"}
        body = json.dumps(wanted | {"protection": "contacts", "to": to})
        status, _, told = client.ask("/api/sendings", "POST", body)
        assert status == 400
        assert "contacts" in json.loads(told)["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "nothing"}, {"speed": "99"}, {"protection": "none"}, {"fit_s": -1},
        {"fit_s": "1"}, {"fit_s": 10**400}, {"speed": "9" * 5000}, {"upload": "../x"},
        {"protection": "passphrase", "passphrase": ""},
    ],
)  # fmt: skip
def test_a_wrong_order_is_a_sentence(client: Client, wrong: dict[str, Any]) -> None:
    _, _, told = client.ask("/api/uploads", "POST", b"x", X_File_Name="a")
    order = {"upload": json.loads(told)["upload"], "profile": "phone", "protection": "plain"}
    status, _, data = client.ask("/api/sendings", "POST", json.dumps(order | wrong))
    assert status in (400, 404)
    assert json.loads(data)["error"]


@pytest.mark.parametrize("body", [b"[]", b"\xff", b"[" * 50000, b"1"])
def test_a_wrong_request_is_a_sentence(client: Client, body: bytes) -> None:
    assert client.ask("/api/sendings", "POST", body)[0] == 400
    assert client.ask("/api/sendings", "POST", b" " * 70000)[0] == 413


def test_what_cannot_be_fitted_fails_with_a_reason(client: Client) -> None:
    with client.live() as live:
        begin(client, b"no picture", fit_s=10)
        stages = []
        while "failed" not in stages:
            events = json.loads(live.recv(DEADLINE_S))
            stages += [event["stage"] for event in events if event["type"] == "sending"]
    assert events[-1]["reason"]


def test_uploads_are_bounded(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sending, "UPLOAD_MAX", 1000)
    assert client.ask("/api/uploads", "POST", b"x" * 1001)[0] == 413
    assert client.ask("/api/uploads", "POST", iter([b"x"]))[0] == 411  # chunked: no length
    assert client.ask("/api/uploads", "POST", b"x" * 1000)[0] == 201


def test_an_upload_that_breaks_off_leaves_nothing(
    station: Station,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with serving(station) as server:
        client = Client(server)
        head = f"Host: {client.authority}\r\nOrigin: {client.origin}\r\nContent-Length: 9999"
        with socket.create_connection((client.host, client.port)) as broken:
            broken.sendall(f"POST /api/uploads HTTP/1.1\r\n{head}\r\n\r\nxxx".encode())
            (kept,) = folder.iterdir()
            until(lambda: list(kept.iterdir()))
        until(lambda: not list(kept.iterdir()))
        with socket.create_connection((client.host, client.port)) as broken:
            broken.sendall(f"POST /api/sendings HTTP/1.1\r\n{head}\r\n\r\n{{".encode())
            client.ask("/")  # it has been read by now
    assert not caplog.records


def test_an_upload_that_falls_silent_makes_room(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telephones go out of reach without a word: their connections are never closed."""
    monkeypatch.setattr(sending, "_SILENCE_S", 0.2)
    head = f"Host: {client.authority}\r\nOrigin: {client.origin}\r\nContent-Length: 9999"
    with ExitStack() as stack:
        for _ in range(4):
            place = (client.host, client.port)
            silent = stack.enter_context(socket.create_connection(place, DEADLINE_S))
            silent.sendall(f"POST /api/uploads HTTP/1.1\r\n{head}\r\n\r\nxxx".encode())
            assert silent.recv(100).startswith(b"HTTP/1.1 408")
        assert client.ask("/api/uploads", "POST", b"x")[0] == 201


def test_a_file_called_as_its_sound_is_not_taken_for_it(client: Client) -> None:
    job = begin(client, b"RIFF" * 100, "sound.wav", fit_s=10)
    assert not job["made"]
    assert client.ask(f"/api/sendings/{job['id']}/sound.wav")[0] == 409
    with soundfile.SoundFile(io.BytesIO(sound(client, begin(client, b"x", "sound.wav")))) as file:
        assert file.samplerate == 8000


def test_a_temporary_folder_that_was_tidied_away_is_made_again(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with serving(station) as server:
        client = Client(server)
        sound(client, begin(client, b"hello"))
        assert client.ask("/api/uploads", "POST", b"x")[0] == 201
        (kept,) = folder.iterdir()
        shutil.rmtree(kept)
        assert sound(client, begin(client, b"hello"))
    assert list(folder.iterdir()) == []


def test_the_end_does_not_wait_for_what_goes_on(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As fitting a large picture does."""
    over = threading.Event()
    monkeypatch.setattr(outbox.Outbox, "_prepare", lambda *_: over.wait(DEADLINE_S))
    monkeypatch.setattr(outbox, "_END_S", 0.1)
    with serving(station) as server:
        for _ in range(2):
            begin(Client(server), b"hello")
        started = time.monotonic()
    over.set()
    assert time.monotonic() - started < 4


def test_pictures_are_read_one_at_a_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes half a gigabyte."""
    meeting = threading.Barrier(2)
    met = []
    payload = outbox._payload

    def read(*arguments: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            met.append(meeting.wait(1))
        return payload(*arguments)

    monkeypatch.setattr(outbox, "_payload", read)
    for job in [begin(client, b"x") for _ in range(3)]:
        sound(client, job)
    assert met == []


def test_an_end_in_the_middle_of_a_request_is_quiet(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(station) as server:
        client = Client(server)
        head = f"Host: {client.authority}\r\nOrigin: {client.origin}\r\nContent-Length: 99"
        with socket.create_connection((client.host, client.port)) as going_on:
            going_on.sendall(f"POST /api/uploads HTTP/1.1\r\n{head}\r\n\r\nx".encode())
            client.ask("/")  # it has been read by now
            server.stop()
    assert caplog.records == []


def test_a_full_disk_is_a_sentence(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(sending, "_stored", full)
    status, _, told = client.ask("/api/uploads", "POST", b"x")
    assert status == 400
    assert "disk is full" in json.loads(told)["error"]


def test_nothing_stays_of_what_was_uploaded(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    server = Server(station, "127.0.0.1", 0, None)
    server.start()
    client = Client(server)
    job = begin(client, b"hello")
    sound(client, job)
    assert client.ask(f"/api/sendings/{job['id']}", "DELETE")[0] == 204
    assert client.ask(f"/api/sendings/{job['id']}/sound.wav")[0] == 404
    (kept,) = folder.iterdir()
    assert list(kept.iterdir()) == []
    begin(client, b"hello")
    server.stop()
    assert list(folder.iterdir()) == []


# Microphones


def test_a_microphone_becomes_an_input_and_a_file(
    station: Station, client: Client, recordings: Path, data: bytes
) -> None:
    samples, rate = soundfile.read(recordings / "sealed.wav", dtype="<f4")
    with client.live("/microphone") as microphone:
        microphone.send(json.dumps({"rate": rate}))
        assert json.loads(microphone.recv(DEADLINE_S)) == {"input": "browser 1"}
        for start in range(0, len(samples), 4096):
            microphone.send(samples[start : start + 4096].tobytes())
    (arrival,) = until(lambda: client.json("/api/arrivals")["arrivals"])
    assert arrival["receipt"]["input"] == "browser 1"
    assert client.ask(f"/api/arrivals/{arrival['place']}/file")[2] == data


@pytest.mark.parametrize(
    "first", ["", "{}", '{"rate": 0}', '{"rate": 1e4}', '{"rate": true}', "[" * 9999, b"x"]
)
def test_a_wrong_beginning_of_a_microphone(client: Client, first: str | bytes) -> None:
    with client.live("/microphone") as microphone:
        microphone.send(first)
        with pytest.raises(ConnectionClosed) as closed:
            microphone.recv(DEADLINE_S)
        assert closed.value.rcvd.code == 4400


def test_what_is_no_sound_ends_a_microphone(client: Client) -> None:
    wrong = np.array([np.nan, np.inf, -np.inf, 1e30], "<f4").tobytes()
    for block, code in [(b"abc", 4400), (b"", 4400), (b"\0" * (1 << 19), 1009)]:
        with client.live("/microphone") as microphone:
            microphone.send('{"rate": 48000}')
            microphone.recv(DEADLINE_S)
            microphone.send(wrong)
            microphone.send(block)
            with pytest.raises(ConnectionClosed) as closed:
                microphone.recv(DEADLINE_S)
            assert closed.value.rcvd.code == code


def test_only_so_many_microphones(client: Client) -> None:
    with ExitStack() as opened:
        for _ in range(4):
            microphone = opened.enter_context(client.live("/microphone"))
            microphone.send('{"rate": 8000}')
            microphone.recv(DEADLINE_S)
        fifth = opened.enter_context(client.live("/microphone"))
        with pytest.raises(ConnectionClosed) as closed:
            fifth.recv(DEADLINE_S)
        assert closed.value.rcvd.code == watching.BUSY


def test_a_server_starts_again_on_its_port(station: Station) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for _ in range(2):
        server = Server(station, "127.0.0.1", port, None)
        server.start()
        assert Client(server).ask("/")[0] == 200
        server.stop()
