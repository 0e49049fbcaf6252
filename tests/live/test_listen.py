"""The daemon at a sound card: a sound server without a card, what is played comes back."""

import json
import time
from pathlib import Path

import pytest
import soundfile
from dialtone.__main__ import run
from dialtone.listening.arrivals import arrivals
from dialtone.soundcard.playback import Playback
from PIL import Image

PHOTO = Path(__file__).parents[2] / "tools" / "dialtone" / "data" / "photo.png"
DEADLINE_S = 90.0
RECOVERY_S = 5.0
_LOOK_S = 0.02


def until(ready, what, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not (found := ready()):
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(_LOOK_S)  # polling
    return found


class Daemon:
    """A daemon that says in a file what happens."""

    def __init__(self, start, folder, *arguments):
        self.inbox = folder / "in"
        self._log = folder / "log"
        with self._log.open("wb") as said:
            command = ("listen", "-d", self.inbox, "--json", *arguments)
            self.process = start(*command, stdout=said, stderr=said)

    def events(self, name="", **fields):
        lines = self._log.read_text().splitlines(True)
        events = [json.loads(line) for line in lines if line.endswith("}\n")]
        return [
            event
            for event in events
            if name in ("", event["event"]) and fields.items() <= event.items()
        ]

    def wait_for(self, name, number=1, deadline_s=DEADLINE_S, **fields):
        def ready():
            found = self.events(name, **fields)
            return found if len(found) >= number else None

        return until(ready, lambda: f"no {name} {fields}: {self.events()}", deadline_s)

    def end(self):
        self.process.terminate()
        assert self.process.wait(DEADLINE_S) == 143


def photo_for(profile, folder):
    """A photo that takes a few seconds: for `phone` a part of one, 10 kB."""
    if profile != "phone":
        return PHOTO
    path = folder / "photo.png"
    with Image.open(PHOTO) as whole:
        whole.crop((200, 200, 264, 264)).save(path)
    return path


@pytest.mark.parametrize("profile", ["phone", "cable", "stereo"])
def test_a_photo_through_the_sound_server(start, busy, tmp_path, profile):
    """While the other core computes. Where the sound server itself could not keep up, the second
    pass helps, as it does on the air."""
    photo = photo_for(profile, tmp_path)
    daemon = Daemon(start, tmp_path, "--device", "cable")
    daemon.wait_for("input", state="open")
    start("send", photo, "--plain", "-p", profile, "--repeat", "2", "--device", "cable")
    (received,) = daemon.wait_for("received")
    (arrival,) = arrivals(daemon.inbox)
    assert arrival.file.read_bytes() == photo.read_bytes()
    assert (arrival.file.name, received["profile"]) == ("photo.png", profile)
    assert arrival.receipt["input"] == "cable"
    daemon.end()


def test_the_sound_server_stops_and_comes_back(start, sound_server, tmp_path):
    """In the middle of the first of several passes: the daemon listens again within 5 s, and what
    is missing comes with the next."""
    wav = tmp_path / "photo.wav"
    assert run(["send", str(PHOTO), "--plain", "-p", "cable", "--repeat", "5", "-o", str(wav)]) == 0
    samples, rate = soundfile.read(wav, dtype="float32")
    daemon = Daemon(start, tmp_path, "--device", "cable")
    daemon.wait_for("input", state="open")
    at = 0
    with Playback("cable", rate, 1) as playback:
        while not daemon.events("transfer"):
            assert at < len(samples) // 5
            playback.write(samples[at : at + rate // 4])
            at += rate // 4
        sound_server.stop()
    daemon.wait_for("input", state="lost")
    sound_server.start()
    daemon.wait_for("input", 2, RECOVERY_S, state="open")
    with Playback("cable", rate, 1) as playback:
        while not daemon.events("received"):
            assert at < len(samples), (playback.underruns, daemon.events())
            playback.write(samples[at : at + rate // 4])
            at += rate // 4
    (arrival,) = arrivals(daemon.inbox)
    assert arrival.file.read_bytes() == PHOTO.read_bytes()
    assert len(daemon.events("signal")) > 1
    daemon.end()


def test_a_device_that_is_not_there_is_told_at_once(start, tmp_path):
    process = start("listen", "--device", "nonsense", "-d", tmp_path / "in")
    _, said = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 4
    assert b"there is no sound device 'nonsense'" in said
    assert b"cable" in said


def test_one_device_of_two_is_enough_to_begin(start, tmp_path):
    daemon = Daemon(start, tmp_path, "--device", "nonsense", "--device", "cable")
    daemon.wait_for("input", state="open")
    daemon.wait_for("input", state="lost")
    assert daemon.process.poll() is None
    daemon.end()
