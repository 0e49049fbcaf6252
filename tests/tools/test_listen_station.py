"""The station in this process: streams, what the hub is told, partial pictures, the unit file."""

import errno
import os
import threading
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import soundfile
from dialtone import listen
from dialtone.errors import Failure
from dialtone.hearing import Signal
from dialtone.listening import hooks
from dialtone.listening.arrivals import arrivals
from dialtone.listening.hub import Hub
from dialtone.listening.inputs import DeviceInput
from dialtone.listening.journal import Journal
from dialtone.listening.packets import Caught, Packets
from dialtone.listening.station import Inputs, Station
from dialtone.opening import Opening, OpenOptions
from dialtone.output import Output

import framing
from framing.errors import StorageError

from .daemon import DEADLINE_S, until

PHOTO = Path(__file__).parents[2] / "tools/dialtone/data/photo.png"


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
def station(tmp_path, hub):
    journal = Journal(Output(), hub, silent=True)
    station = Station(tmp_path / "in", Opening(OpenOptions(), Output()), journal, Inputs(), 86400.0)
    station.start()
    yield station
    station.stop()


@pytest.fixture
def watcher(hub):
    with hub.watch(lambda: None, spectra=True, pictures=True)[0] as watcher:
        yield watcher


class Told:
    """What a watcher is told, all of it."""

    def __init__(self, watcher):
        self._watcher = watcher
        self.events = []

    def of(self, kind):
        self.events += self._watcher.take()
        return [event for event in self.events if event["type"] == kind]


def sound_of(dialtone, path, folder, *arguments):
    """A file as samples and their rate."""
    wav = folder / f"{path.name}.wav"
    assert dialtone("send", path, "--plain", "-o", wav, *arguments).code == 0
    return soundfile.read(wav, dtype="float32")


def test_two_inputs_at_once(station, watcher, recordings, data, dialtone, tmp_path):
    """One at 8 kHz, one at 48 kHz in stereo, piece by piece, in turns."""
    other = tmp_path / "other.bin"
    other.write_bytes(np.random.default_rng(4).bytes(20_000))
    left, low = soundfile.read(recordings / "plain.wav", dtype="float32")
    right, high = sound_of(dialtone, other, tmp_path, "-p", "stereo")
    one = station.open_stream("browser 1", low)
    two = station.open_stream("browser 1", high, 2)
    assert (one.name, two.name) == ("browser 1", "browser 1 2")
    for at in range(40):
        one.write(left[at * low // 10 : (at + 1) * low // 10])
        two.write(right[at * high // 10 : (at + 1) * high // 10])
    one.close()
    two.close()
    told = Told(watcher)
    until(lambda: len(told.of("received")) == 2)
    there = {arrival.receipt["input"]: arrival for arrival in arrivals(station.folder)}
    assert there["browser 1"].file.read_bytes() == data
    assert there["browser 1 2"].file.read_bytes() == other.read_bytes()
    assert {event["input"] for event in told.of("superframe")} == set(there)
    until(lambda: [event["state"] for event in told.of("input")].count("ended") == 2)


def test_what_the_hub_is_told(station, watcher, recordings, data):
    samples, rate = soundfile.read(recordings / "plain.wav", dtype="float32")
    told = Told(watcher)
    stream = station.open_stream("line", rate)
    for at in range(0, len(samples), rate // 2):
        stream.write(samples[at : at + rate // 2])
    stream.write(np.ones(rate, np.float32))
    stream.close()
    until(lambda: told.of("received"))
    (superframe, *_) = told.of("superframe")
    assert superframe["snr_db"] > 30
    assert len(superframe["carrier_hz"]) == len(superframe["carrier_snr_db"]) > 50
    assert {len(cell) for cell in superframe["constellation"]} == {2}
    (receipt,) = told.of("received")
    last = told.of("transfer")[-1]
    assert (last["state"], last["transfer"]) == ("complete", receipt["transfer"])
    texts = [event["text"] for event in told.of("log")]
    assert any("received" in text for text in texts)
    newcomer, known = station.hub.watch(lambda: None)
    station.hub.leave(newcomer)
    assert {event["type"] for event in known} >= {"input", "transfer", "log"}


def test_levels_and_spectrum_of_a_tone(hub):
    from dialtone.decibels import dbfs
    from dialtone.listening.meters import spectrum_dbfs

    tone = 0.5 * np.sin(2 * np.pi * 6000 / 48000 * np.arange(4096)).astype(np.float32)
    levels = spectrum_dbfs(tone)
    assert len(levels) == 256
    assert int(np.argmax(levels)) in (63, 64)
    assert max(levels) == -6
    assert (dbfs(0.5), dbfs(0.0), dbfs(1.0)) == (pytest.approx(-6.0206), -120.0, 0.0)
    assert spectrum_dbfs(np.zeros(10, np.float32)) == [-120] * 256


def test_a_picture_is_seen_while_it_arrives(station, watcher, dialtone, tmp_path):
    """Of a fitted picture of which half has come; nobody sees anything of it without looking."""
    samples, rate = sound_of(dialtone, PHOTO, tmp_path, "--fit", "30")
    stream = station.open_stream("line", rate)
    told = Told(watcher)
    half = len(samples) // 2
    for at in range(0, half, rate):
        stream.write(samples[at : at + rate])
        until(lambda: not stream.waiting)
    pictures = until(lambda: [e for e in told.of("transfer") if e["picture"]])
    shown = station.partial(pictures[0]["transfer"])
    assert shown[:4] == b"RIFF"
    assert shown[8:12] == b"WEBP"
    assert arrivals(station.folder) == []
    assert station.partial("00000000") is None
    for at in range(half, len(samples), rate):
        stream.write(samples[at : at + rate])
        until(lambda: not stream.waiting)
    stream.close()
    until(lambda: told.of("received"))
    assert station.partial(pictures[0]["transfer"]) is None


def test_no_picture_is_drawn_for_who_does_not_look(hub):
    with hub.watch(lambda: None, spectra=True)[0]:
        assert (hub.wants_spectra, hub.wants_pictures) == (True, False)
        with hub.watch(lambda: None, pictures=True)[0]:
            assert hub.wants_pictures
        assert not hub.wants_pictures


def caught(data: bytes) -> Caught:
    return Caught(data, "line", Signal("phone", 1, 0.0, 0.0))


def test_packets_wait_within_bounds():
    packets = Packets(most=1000)
    for _ in range(2):
        packets.put(caught(bytes(300)))
    slow = threading.Thread(target=packets.put, args=(caught(bytes(300)),))
    slow.start()
    taken = packets.take(0)
    assert len(taken) == 2
    assert slow.is_alive()  # it waits for the inbox, which is only slow
    packets.done(taken[0])
    slow.join()
    packets.stuck(True)
    packets.put(caught(bytes(300)))
    assert packets.dropped == 1
    for each in (taken[1], *packets.take(0)):
        packets.done(each)
    packets.put(caught(bytes(300)))
    packets.close()
    assert (len(packets.take(0)), packets.dropped, packets.closed) == (1, 1, True)


def test_a_fault_in_a_thread_ends_the_whole():
    """A daemon of which a part is dead would look alive."""

    def fail():
        raise RuntimeError("a fault that was asked for")

    with listen._Faults() as faults:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="asked for"):
            faults.wait(0)


def test_an_input_that_has_a_fault_holds_up_nobody(hub, monkeypatch):
    """Whoever starts a station waits for its devices, and has to learn of the fault."""

    def fail(*_):
        raise RuntimeError("a fault that was asked for")

    monkeypatch.setattr("dialtone.soundcard.capture.Capture", fail)
    device = DeviceInput("x", None, None, Journal(Output(), hub, silent=True), Packets())
    with listen._Faults() as faults:
        device.start()
        assert device.tried.wait(DEADLINE_S)
        device.join()
        with pytest.raises(RuntimeError, match="asked for"):
            faults.wait(0)


def test_without_room_for_a_sound_process(tmp_path, hub, monkeypatch):
    """It is a device that cannot be opened, at a start and later."""

    def refuse(*_, **__):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("dialtone.soundcard.child.subprocess.Popen", refuse)
    journal = Journal(Output(), hub, silent=True)
    device = DeviceInput("x", None, None, journal, Packets())
    device.start()
    assert device.tried.wait(DEADLINE_S)
    assert "temporarily unavailable" in device.failure.sentence
    assert device.alive  # it tries again
    device.stop()
    device.join()


def test_a_device_that_comes_later_is_one_input(hub, watcher, monkeypatch):
    """Asked for by a part of its name, it is known by all of it; nothing is left that is lost."""
    capture = MagicMock(sample_rate=8000, channels=1, overruns=0)
    capture.device.name = "USB Audio"
    capture.read.return_value = np.zeros((0, 1), np.float32)
    capture.__enter__.return_value = capture
    opened = MagicMock(side_effect=[Failure("not there"), capture])
    monkeypatch.setattr("dialtone.soundcard.capture.Capture", opened)
    device = DeviceInput("usb", None, None, Journal(Output(), hub, silent=True), Packets())
    device.start()
    told = Told(watcher)
    until(lambda: [e for e in told.of("input") if e["state"] == "open"])
    device.stop()
    device.join()
    states = [(event["input"], event["state"]) for event in told.of("input")]
    assert states[:3] == [("usb", "lost"), ("usb", "ended"), ("USB Audio", "open")]


def test_a_hook_that_cannot_be_run_waits_for_the_next_start(hub, watcher, tmp_path):
    folder = tmp_path / "20260101T000000Z_00000000"
    folder.mkdir()
    (folder / "receipt.json").write_text('{"file": "x"}')
    (folder / ".hook").touch()
    journal = Journal(Output(), hub, silent=True)
    for command in ("no-such-program-anywhere", "true"):
        runner = hooks.Hooks((command,), 10.0, journal)
        runner.start(tmp_path)
        runner.finish()
    codes = [event["fields"]["code"] for event in Told(watcher).of("log")]
    assert codes == [None, 0]
    assert not (folder / ".hook").exists()


def test_a_station_that_is_stopped_before_it_has_begun(tmp_path, hub):
    """As by SIGTERM while it looks for what an earlier run left."""
    journal = Journal(Output(), hub, silent=True)
    hook = hooks.Hooks(("true",), 1.0, journal)
    opening = Opening(OpenOptions(), Output())
    Station(tmp_path, opening, journal, Inputs(("x",), True), 86400.0, hook).stop()


def storage(told):
    return [e["fields"]["state"] for e in told.of("log") if e["fields"]["event"] == "storage"]


def test_a_disk_that_fails_while_nothing_waits_is_well_again(station, watcher, monkeypatch):
    tidy, told = framing.Inbox.tidy, Told(watcher)

    def fail_once(*arguments):
        monkeypatch.setattr(framing.Inbox, "tidy", tidy)
        raise StorageError("the disk is away")

    monkeypatch.setattr(framing.Inbox, "tidy", fail_once)
    monkeypatch.setattr("dialtone.listening.intake._TIDY_S", 0.0)
    until(lambda: storage(told) == ["failing", "well"])


def test_one_transfer_that_cannot_be_opened_holds_up_no_other(
    station, watcher, recordings, monkeypatch
):
    """Of one the key fits, but what it opens cannot be stored; another waits in memory."""
    put = framing.Inbox.put

    def fail(*_):
        raise StorageError("the disk is away")

    def fail_once(*arguments):
        monkeypatch.setattr(framing.Inbox, "put", put)
        fail()

    monkeypatch.setattr(framing.Inbox, "settle", fail)
    monkeypatch.setattr(framing.Inbox, "put", fail_once)
    samples, rate = soundfile.read(recordings / "plain.wav", dtype="float32")
    stream = station.open_stream("line", rate)
    stream.write(samples)
    stream.close()
    told = Told(watcher)
    until(lambda: told.of("received"), deadline_s=10.0)
    monkeypatch.undo()


def test_the_hub_keeps_what_newcomers_need_and_no_more(hub):
    for number in range(1000):
        hub.tell("input", input=f"browser {number}", state="open")
        hub.tell("input", input=f"browser {number}", state="ended")
        hub.tell("transfer", transfer=f"{number:08x}", state="arriving")
        hub.tell("log", text=f"{number}")
    hub.tell("input", input="line", state="open")
    watcher, known = hub.watch(lambda: None)
    kinds = [event["type"] for event in known]
    assert (kinds.count("input"), kinds.count("transfer"), kinds.count("log")) == (11, 100, 200)
    for _ in range(2000):
        hub.tell("log", text="")
    assert len(watcher.take()) == 512
    assert watcher.dropped == 2000 - 512
