"""What the sound card's parts do without a sound card."""

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from dialtone.errors import ExitCode, Failure
from dialtone.ptt import words_of
from dialtone.soundcard import protocol
from dialtone.soundcard.capture import Capture, DeviceLostError
from dialtone.soundcard.devices import Device, find
from dialtone.soundcard.fifo import Fifo
from dialtone.soundcard.playback import Playback

import modem

from .daemon import until


@pytest.mark.parametrize("length", [1, 3, 5, 1000])
def test_messages_do_not_depend_on_how_they_are_cut(length):
    said = [(b"s", b""), (b"d", b"abc"), (b"s", bytes(range(256)) * 5), (b"f", b"x")]
    pipe = b"".join(protocol.message(*each) for each in said)
    messages = protocol.Messages()
    heard = []
    for start in range(0, len(pipe), length):
        heard += messages.process(pipe[start : start + length])
    assert heard == said


def test_rubbish_is_no_message():
    with pytest.raises(ValueError, match="a message of"):
        list(protocol.Messages().process(b"error: no such thing"))


def test_a_fifo_gives_back_what_was_put_in_however_it_is_read():
    fifo = Fifo(100)
    assert fifo.write(b"abcdef")
    assert fifo.write(b"ghij")
    target = bytearray(4)
    assert (fifo.read_into(target), bytes(target), len(fifo)) == (4, b"abcd", 6)
    assert fifo.take(3) == b"efg"
    target = bytearray(b"....")
    assert (fifo.read_into(target), bytes(target)) == (3, b"hij.")
    assert fifo.take(10) == b""


def test_a_full_fifo_takes_nothing_rather_than_a_part():
    fifo = Fifo(10)
    assert fifo.write(bytes(8))
    assert not fifo.write(b"abc")
    assert fifo.write(b"ab")
    assert fifo.take(100) == bytes(8) + b"ab"
    assert fifo.write(bytes(10))


def test_a_fifo_between_two_threads_loses_nothing():
    fifo = Fifo(4096)
    sent = np.random.default_rng(5).bytes(1 << 16)
    got = bytearray()

    def write() -> None:
        place = 0
        while place < len(sent):
            length = 1 + place % 977
            if fifo.write(sent[place : place + length]):
                place += length

    writer = threading.Thread(target=write)
    writer.start()
    while len(got) < len(sent):
        got += fifo.take(611)
    writer.join()
    assert got == sent


def device(number: int, name: str, inputs: int = 2, outputs: int = 2, default: bool = False):
    return Device(number, name, "ALSA", inputs, outputs, 48000, default, default)


DEVICES = [
    device(0, "HDA Intel: ALC257 (hw:0,0)"), device(1, "HDA Intel: HDMI 0 (hw:0,3)", inputs=0),
    device(2, "USB Audio: #1 (hw:1,0)"), device(3, "pulse"), device(4, "default", default=True),
    device(5, "Pulse monitor", outputs=0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "playing", "number"),
    [(None, True, 4), ("2", True, 2), ("usb", True, 2), ("pulse", False, 3), ("PULSE", True, 3),
     ("HDMI", True, 1), ("monitor", False, 5), ("HDA", False, 0), ("hw:0,0", True, 0)],
)  # fmt: skip
def test_a_word_means_one_device(word, playing, number):
    assert find(word, DEVICES, playing).number == number


def test_a_card_that_was_plugged_in_again_has_another_number():
    """ALSA numbers cards as they come, and PortAudio names their devices by that."""
    before = "USB Audio: #1 (hw:3,0)"
    assert find(before, DEVICES, playing=False).name == "USB Audio: #1 (hw:1,0)"
    with pytest.raises(Failure, match="no sound device"):
        find("USB Audio: #1 (hw:3,1)", DEVICES, playing=False)
    twice = [*DEVICES, device(6, "USB Audio: #1 (hw:2,0)")]
    with pytest.raises(Failure, match="any of these"):
        find(before, twice, playing=False)
    assert find("USB Audio: #1 (hw:2,0)", twice, playing=False).number == 6


@pytest.mark.parametrize(
    ("word", "playing", "sentence"),
    [
        ("9", True, "no sound device '9'"),
        ("1", False, "HDMI 0 (hw:0,3) cannot record"),
        ("HDA", True, "0 HDA Intel: ALC257 (hw:0,0); 1 HDA Intel: HDMI 0 (hw:0,3)"),
        ("banjo", True, "no sound device 'banjo'"),
        ("", True, "no sound device ''"),
    ],
)
def test_other_words_are_refused_with_a_list(word, playing, sentence):
    with pytest.raises(Failure) as refused:
        find(word, DEVICES, playing)
    assert refused.value.code == ExitCode.DEVICE
    assert sentence in refused.value.sentence
    assert refused.value.hint


def test_without_a_device_there_is_a_way_out():
    with pytest.raises(Failure) as refused:
        find(None, [device(0, "microphone", outputs=0)], playing=True)
    assert "play" in refused.value.sentence
    assert refused.value.hint


class Card:
    """A sound process that takes one rate, and notes what it gets."""

    def __init__(self, rate: int, outputs: int = 2) -> None:
        self.rate = rate
        self.outputs = outputs
        self.got = bytearray()
        self._told = False

    def devices(self) -> list[Device]:
        return [device(0, "card", outputs=self.outputs, default=True)]

    def open(self, device, playing, rates, channels):
        assert self.rate in rates
        return {"rate": self.rate, "channels": channels}

    def send(self, data):
        for kind, content in protocol.Messages().process(data):
            self.got += content if kind == protocol.SOUND else b""

    def receive(self, timeout_s):
        taken = len(self.got) // (4 * min(self.outputs, 2))
        self._told = not self._told
        state = protocol.PLAYED_FIELDS.pack(taken, taken, taken, 0)
        if timeout_s:
            return protocol.DRAINED, b""
        return (protocol.PLAYED, state) if self._told else None

    def close(self):
        pass

    @property
    def sound(self):
        return np.frombuffer(self.got, np.float32).reshape(-1, min(self.outputs, 2))


def play(card: Card, samples, rate: int, lanes: int, passband_hz: float | None = None):
    with Playback(None, rate, lanes, passband_hz, child=card) as playback:
        for start in range(0, len(samples), 5000):
            playback.write(samples[start : start + 5000])
        playback.drain()
    return card.sound


def test_mono_comes_from_both_sides():
    samples = np.random.default_rng(1).uniform(-1, 1, 12345).astype(np.float32)
    assert np.array_equal(play(Card(48000), samples, 48000, 1), np.stack((samples, samples), 1))
    mono = play(Card(48000, outputs=1), samples, 48000, 1)
    assert np.array_equal(mono[:, 0], samples)


def test_stereo_stays_stereo_and_is_refused_by_a_mono_card():
    samples = np.random.default_rng(1).uniform(-1, 1, (12345, 2)).astype(np.float32)
    assert np.array_equal(play(Card(48000), samples, 48000, 2), samples)
    with pytest.raises(Failure, match="is mono"):
        Playback(None, 48000, 2, child=Card(48000, outputs=1))


def test_what_is_louder_than_full_scale_is_clipped():
    sound = play(Card(8000), np.array([2, -3, 0.5], np.float32), 8000, 1)
    assert sound[:, 0].tolist() == [1, -1, 0.5]


@pytest.mark.parametrize(("name", "rate"), [("cable", 96000), ("phone", 44100)])
def test_resampling_leaves_enough_for_the_fastest_speed(name, rate):
    """The SNR that is left stands well above what the fastest speed needs."""
    profile = modem.profiles[name]
    transmitter = modem.Transmitter(profile, len(profile.speeds))
    packets = [bytes([i]) * transmitter.packet_bytes for i in range(20)]
    samples = np.concatenate((transmitter.process(packets), transmitter.flush()))
    sound = play(Card(rate), samples, profile.sample_rate, 1, profile.numerology.high_hz)
    receiver = modem.Receiver(rate)
    events = receiver.process(sound[:, 0]) + receiver.flush()
    assert [event.data for event in events if isinstance(event, modem.Packet)] == packets
    snr_db = [event.stats.snr_db for event in events if isinstance(event, modem.Acquired)]
    assert min(snr_db) > profile.speeds[-1].snr_db + 8


class Microphone:
    """A sound process that says what it is told to: a message, nothing, or an error."""

    def __init__(self, *said) -> None:
        self.said = list(said)

    def devices(self) -> list[Device]:
        return [device(0, "card", inputs=1, default=True)]

    def open(self, device, playing, rates, channels):
        return {"rate": rates[0], "channels": channels}

    def receive(self, timeout_s):
        """The first thing comes late, as the pipe takes less than one message."""
        if not timeout_s and len(self.said) > 1 and self.said[0] is None:
            return None
        self.said = [each for each in self.said if each is not None]
        if not self.said:
            return None
        if isinstance(self.said[0], Exception):
            raise self.said[0]
        return self.said.pop(0)


def sound(*samples: float) -> tuple[bytes, bytes]:
    return protocol.SOUND, protocol.COUNTED.pack(0) + np.array(samples, np.float32).tobytes()


def test_a_program_that_was_busy_does_not_blame_the_device(monkeypatch):
    """What came meanwhile waits in a pipe, which may hold less than one message."""
    seconds = [0.0]
    monkeypatch.setattr("dialtone.soundcard.capture.time.monotonic", lambda: seconds[0])
    capture = Capture(None, child=Microphone(None, sound(0.5, 0.25)))
    seconds[0] = 60.0
    assert capture.read(0.25)[:, 0].tolist() == [0.5, 0.25]
    seconds[0] = 61.0
    assert not len(capture.read(0.25))
    seconds[0] = 62.0
    with pytest.raises(DeviceLostError, match="stopped to deliver"):
        capture.read(0.25)


def test_what_was_heard_before_the_device_went_is_heard():
    gone = DeviceLostError("the sound device is gone: unplugged")
    capture = Capture(None, child=Microphone(sound(0.5), sound(0.25), gone))
    assert capture.read(0.25)[:, 0].tolist() == [0.5, 0.25]
    with pytest.raises(DeviceLostError, match="unplugged"):
        capture.read(0.25)


def test_words_of_a_command_are_parted_as_by_a_shell():
    assert words_of("rig 'a b' $HOME;x") == ["rig", "a b", "$HOME;x"]
    for broken in ("", "  ", "rig 'a"):
        with pytest.raises(Failure):
            words_of(broken)


SWITCH = """
import os, sys, time
with open(sys.argv[1], "a") as log:
    print(sys.argv[2], file=log, flush=True)
    while sys.argv[2] == "off" and not os.path.exists(sys.argv[1] + " closed"):
        time.sleep(0.01)
    print("done", file=log)
"""
SENDING = """
import signal, sys
from dialtone.errors import Terminated
from dialtone.output import Output
from dialtone.ptt import PushToTalk
try:
    with PushToTalk([sys.executable, *sys.argv[1:3]], Output()):
        print("sending", flush=True)
        if sys.argv[3] == "sends":
            signal.pause()
except Terminated:
    sys.exit(143)
"""


@pytest.mark.parametrize("doing", ["sends", "ends"])
def test_a_terminal_that_closes_leaves_no_transmitter_on(tmp_path, doing):
    """A shell that ends and its terminal both say so; the second time the switch is at work."""
    script, log = tmp_path / "switch.py", tmp_path / "log"
    script.write_text(SWITCH)
    words = [sys.executable, "-c", SENDING, script, log, doing]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as sender:
        assert sender.stdout.readline() == b"sending\n"
        if doing == "sends":
            sender.send_signal(signal.SIGHUP)
        until(lambda: log.read_text() == "on\ndone\noff\n")
        sender.send_signal(signal.SIGHUP)
        until(lambda: not is_pending(signal.SIGHUP, sender.pid))
        Path(f"{log} closed").touch()
        assert sender.wait(30) == (143 if doing == "sends" else 0)
    assert log.read_text() == "on\ndone\noff\ndone\n"


def is_pending(number: int, pid: int) -> bool:
    """Whether a signal has not reached a process yet."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(re.search(r"ShdPnd:\s*(\w+)", status)[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize(
    "options",
    [("--device", "1"), ("--vox", "1"), ("--ptt", "x"), ("--gain", "-3")],
)
def test_what_is_for_a_sound_card_is_not_for_a_file(dialtone, tmp_path, options):
    answer = dialtone("send", __file__, "--plain", "-o", tmp_path / "x.wav", *options)
    assert answer.code == 2
    assert "sound card" in answer.err
    assert not (tmp_path / "x.wav").exists()


def test_a_recording_and_a_device_exclude_each_other(dialtone, recordings):
    answer = dialtone("receive", recordings / "plain.wav", "--device", "1")
    assert answer.code == 2
    assert "--device" in answer.err


def test_an_unclosed_quote_of_a_switch_is_wrong_usage(dialtone):
    answer = dialtone("send", __file__, "--plain", "--ptt", "rig 'x")
    assert answer.code == 2
    assert "--ptt" in answer.err


def test_a_missing_portaudio_is_said_with_the_way_out(monkeypatch, tmp_path, dialtone):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    answer = dialtone("devices", "--json")
    error = answer.event("error")
    assert answer.code == error["exit_code"] == 4
    assert "PortAudio" in error["error"]
    assert "apt install libportaudio2" in error["hint"]


def test_a_library_that_prints_between_the_messages(monkeypatch, tmp_path, dialtone):
    rubbish = "import os\nos.write(1, b'Cannot connect to server socket')\nos.read(0, 1)\n"
    (tmp_path / "sounddevice.py").write_text(rubbish)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    answer = dialtone("devices")
    assert answer.code == 4
    assert "Traceback" not in answer.err


def test_a_sound_process_that_cannot_start_is_said(monkeypatch, tmp_path, dialtone):
    (tmp_path / "sounddevice.py").write_text("raise SystemExit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    answer = dialtone("devices")
    assert answer.code == 4
    assert answer.err.count("error:") == 1


@pytest.mark.parametrize("asked", ["soon", "0", "-1", "60", "nan", "inf"])
def test_a_latency_that_is_none_is_told(monkeypatch, asked):
    monkeypatch.setenv("DIALTONE_LATENCY", asked)
    with pytest.raises(Failure) as refused:
        Playback(None, 48000, 1)
    assert refused.value.code == ExitCode.DEVICE
    assert "DIALTONE_LATENCY is not a number of seconds, 0.01 to 5" in refused.value.sentence
