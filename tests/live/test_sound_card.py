"""Files through a sound card that is none: PipeWire's null sink, and what can happen to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dialtone.calibration.store import Defaults, save
from dialtone.soundcard.capture import Capture, DeviceLostError
from dialtone.soundcard.playback import Playback
from PIL import Image

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "tools" / "dialtone" / "data" / "photo.png"
LONG_S = 90
SOON_S = 20  # much less than the sounds take that are cut short here

# A switch that writes down when it was used, and on "on" does what SWITCH says.
SWITCH = """
import os, sys
with open(os.environ["SWITCHED"], "a") as file:
    print(sys.argv[-1], file=file)
sys.exit(int(os.environ.get("SWITCH", "0")) if sys.argv[-1] == "on" else 0)
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """2 kB that do not compress."""
    path = tmp_path / "small.bin"
    path.write_bytes(os.urandom(2000))
    return path


@pytest.fixture
def switch(tmp_path: Path) -> tuple[str, dict[str, str], Callable[[], list[str]]]:
    """A --ptt command, the environment that it needs, and what it was called with so far."""
    script, log = tmp_path / "the switch.py", tmp_path / "switched"
    script.write_text(SWITCH)
    command = f"{sys.executable} '{script}'"

    def calls() -> list[str]:
        return log.read_text().split() if log.exists() else []

    return command, {"SWITCHED": str(log)}, calls


def events(process: "subprocess.Popen[bytes]") -> list[dict[str, Any]]:
    """What a program that was started with --json says, to its end."""
    out, err = process.communicate(timeout=LONG_S)
    assert b"Traceback" not in err, err
    return [json.loads(line) for line in out.splitlines()]


def await_event(
    process: "subprocess.Popen[bytes]", enough: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Read what a program says up to the event that is waited for."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if enough(event):
            return event
    raise AssertionError("it ended before")


def is_listening(event: dict[str, Any]) -> bool:
    return event["event"] == "progress"


def is_heard(event: dict[str, Any]) -> bool:
    return event["event"] == "progress" and event["done"] > 1.0


def only(told: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = (event for event in told if event["event"] == name)
    return found


@pytest.fixture(scope="session")
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is measured here is not the compiler."""
    for profile in ("phone", "cable", "stereo"):
        folder = tmp_path_factory.mktemp("warm")
        command = (sys.executable, "-m", "dialtone", "loopback", ROOT / "LICENSE", "-p", profile)
        subprocess.run([*map(str, command), "-d", str(folder)], capture_output=True, check=True)


pytestmark = pytest.mark.usefixtures("_warm")


def photo_for(profile: str, folder: Path) -> Path:
    """A photo that takes a few seconds."""
    if profile != "phone":
        return PHOTO
    small = folder / "small.jpg"
    with Image.open(PHOTO) as photo:
        photo.convert("RGB").resize((192, 128)).save(small, quality=80)
    return small


@pytest.mark.parametrize(
    ("profile", "device"), [("phone", "cable"), ("cable", "CABL"), ("stereo", None)]
)
def test_a_photo_arrives_exact_beside_a_busy_core(start, busy, tmp_path, profile, device):
    photo = photo_for(profile, tmp_path)
    to = ("--device", device) if device else ()
    inbox = ("-d", tmp_path / "in", "--once", "--timeout", LONG_S / 2)
    receiver = start("receive", *inbox, *to, "--json")
    await_event(receiver, is_listening)
    sender = start("send", photo, "--plain", "-p", profile, *to, "--json")
    sent = only(events(sender), "sent")
    heard = events(receiver)
    overruns = max(event["overruns"] for event in heard if is_listening(event))
    received = only(heard, "received")
    assert (sender.returncode, receiver.returncode) == (0, 0)
    assert Path(received["file"]).read_bytes() == photo.read_bytes()
    assert (received["profile"], received["packets_lost"]) == (profile, 0)
    assert (sent["underruns"], overruns) == (0, 0)
    assert sent["device"] == ("cable" if device else "default")
    # Nothing was cut out, held up or heard twice on the way: that would look like another clock.
    assert abs(received["clock_ppm"]) < 1
    assert 0.5 * sent["air_seconds"] < received["air_seconds"] < sent["air_seconds"]


def test_devices_are_listed_and_chosen_by_number(start, small, tmp_path):
    rows = [event for event in events(start("devices", "--json")) if "number" in event]
    spare = next(row for row in rows if row["name"] == "spare")
    assert (spare["inputs"] > 0, spare["outputs"] > 0) == (True, True)
    assert {8000, 48000, 192000} <= set(spare["rates"])
    assert [row["rates"] for row in rows if row["name"] == "slow"] == [[44100]]
    assert [row["name"] for row in rows if row["default_output"]] == ["default"]
    number = ("--device", spare["number"])
    inbox = ("-d", tmp_path / "in", "--once", "--timeout", SOON_S)
    receiver = start("receive", *number, *inbox, "--json")
    await_event(receiver, is_listening)
    with Capture("cable") as other:
        sent = only(
            events(start("send", small, "--plain", "-p", "cable", *number, "--json")), "sent"
        )
        assert not other.read(1.0).any()
    assert sent["device"] == "spare"
    assert only(events(receiver), "received")["bytes"] == 2000


@pytest.mark.parametrize("command", [("send", PHOTO, "--plain"), ("receive",)])
def test_a_device_that_is_not_there(start, command):
    began = time.monotonic()
    process = start(*command, "--device", "nowhere", "--json")
    error = only(events(process), "error")
    assert process.returncode == error["exit_code"] == 4
    assert "'nowhere'" in error["error"]
    assert "cable" in error["hint"]
    assert time.monotonic() - began < SOON_S


def test_without_a_sound_server(sound_server, start):
    sound_server.stop()
    for command in (("send", PHOTO, "--plain"), ("receive",)):
        process = start(*command, "--json")
        error = only(events(process), "error")
        assert process.returncode == error["exit_code"] == 4
        assert error["hint"]


@pytest.mark.parametrize("how", ["stop", "hold"])
def test_a_server_that_dies_while_sending(sound_server, start, switch, how):
    command, environment, calls = switch
    process = start("send", PHOTO, "--plain", "--ptt", command, "--json", env=environment)
    await_event(process, is_heard)
    getattr(sound_server, how)()
    began = time.monotonic()
    error = only(events(process), "error")
    assert time.monotonic() - began < SOON_S
    sound_server.stop()
    assert process.returncode == error["exit_code"] == 4
    assert "the sound device" in error["error"]
    assert calls() == ["on", "off"]


def test_a_server_that_dies_while_receiving(sound_server, start, tmp_path):
    inbox = ("-d", tmp_path / "in", "--json")
    receiver = start("receive", *inbox)
    await_event(receiver, is_listening)
    sender = start("send", PHOTO, "--plain", "--json")
    await_event(receiver, lambda event: is_listening(event) and bool(event["transfers"]))
    sound_server.stop()
    began = time.monotonic()
    error = only(events(receiver), "error")
    assert time.monotonic() - began < SOON_S
    assert receiver.returncode == error["exit_code"] == 4
    assert "are kept for the next time" in error["error"]
    sender.kill()


def await_peak(capture: Capture, enough: Callable[[float], bool]) -> None:
    """Listen until the peak of half a second is enough."""
    ends = time.monotonic() + SOON_S
    while time.monotonic() < ends:
        chunks: list[Any] = []
        while sum(map(len, chunks)) < capture.sample_rate / 2:
            chunks.append(capture.read(0.1))
        if enough(float(abs(np.concatenate(chunks)).max())):
            return
    raise AssertionError("the sound does not change")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_sound_ends_at_once(start, switch, number):
    command, environment, calls = switch
    options = ("--repeat", 0, "-p", "cable", "--ptt", command, "--json")
    with Capture(None) as capture:
        process = start("send", ROOT / "LICENSE", "--plain", *options, env=environment)
        await_event(process, is_heard)
        await_peak(capture, lambda peak: peak > 0.1)
        assert calls() == ["on"]
        process.send_signal(number)
        await_peak(capture, lambda peak: peak == 0)
    told = events(process)
    assert calls() == ["on", "off"]
    if number == signal.SIGINT:
        assert process.returncode == only(told, "error")["exit_code"] == 130
        assert "interrupted after" in only(told, "error")["error"]
    else:
        assert process.returncode == 143


def test_a_switch_goes_on_before_the_sound_and_off_behind_it(start, small, switch):
    command, environment, calls = switch
    process = start(
        "send", small, "--plain", "-p", "cable", "--vox", 1, "--ptt", command, "--json",
        env=environment,
    )  # fmt: skip
    with Capture(None) as capture:
        peak = 0.0
        while process.poll() is None:
            chunk = capture.read(0.2)
            if not peak and chunk.any():
                assert calls() == ["on"]
            peak = max(peak, float(abs(chunk).max(initial=0.0)))
    assert only(events(process), "sent")["air_seconds"] > 1
    assert peak > 0.1
    assert calls() == ["on", "off"]


def test_a_switch_that_fails_stops_everything(start, small, switch):
    command, environment, calls = switch
    with Capture(None) as capture:
        process = start(
            "send", small, "--plain", "--ptt", command, "--json", env=environment | {"SWITCH": "3"}
        )
        told = events(process)
        assert not capture.read(1.0).any()
    assert process.returncode == only(told, "error")["exit_code"] == 4
    assert "code 3" in only(told, "error")["error"]
    assert calls() == ["on", "off"]


def test_a_card_of_another_rate_gets_what_it_can_carry(start, small, tmp_path):
    receiver = start("receive", "-d", tmp_path / "in", "--once", "--timeout", SOON_S, "--json")
    await_event(receiver, is_listening)
    slow = ("--device", "slow", "--plain", "--json")
    sent = only(events(start("send", small, *slow)), "sent")
    assert (sent["profile"], sent["device_rate"]) == ("phone", 44100)
    received = only(events(receiver), "received")
    assert (received["bytes"], received["packets_lost"]) == (2000, 0)
    refused = start("send", small, *slow, "-p", "cable")
    error = only(events(refused), "error")
    assert refused.returncode == 4
    assert "44.1 kHz" in error["error"]
    assert "22.7 kHz" in error["error"]


def test_what_was_calibrated_is_taken(start, small, tmp_path, monkeypatch):
    monkeypatch.setenv("DIALTONE_HOME", str(tmp_path / ".home"))
    save("spare", Defaults("cable", 10, -6.0), {})
    told = events(start("send", small, "--plain", "--device", "spare", "--json"))
    sent = only(told, "sent")
    assert (sent["profile"], sent["speed"], sent["gain_db"]) == ("cable", 10, -6.0)
    with Capture("spare") as capture:
        options = ("-p", "cable", "--device", "spare", "--gain", -20, "--json")
        process = start("send", small, "--plain", *options)
        chunks = []
        while process.poll() is None:
            chunks.append(capture.read(0.2))
    sound = np.concatenate(chunks)[:, 0]
    played = sound[np.flatnonzero(sound)[0] : np.flatnonzero(sound)[-1]]
    # The waveform's rms is -13 dBFS, its first 20 ms are faded in.
    assert 10 * np.log10(np.mean(played**2)) == pytest.approx(-33, abs=0.7)


def test_a_timeout_ends_a_reception(start, tmp_path):
    began = time.monotonic()
    process = start("receive", "-d", tmp_path / "in", "--timeout", 1.5, "--json")
    error = only(events(process), "error")
    assert process.returncode == error["exit_code"] == 1
    assert "no Dialtone signal found" in error["error"]
    assert time.monotonic() - began < SOON_S


def test_ctrl_c_keeps_what_was_received(start, tmp_path):
    receiver = start("receive", "-d", tmp_path / "in", "--json")
    await_event(receiver, is_listening)
    sender = start("send", PHOTO, "--plain", "--json")
    await_event(receiver, lambda event: is_listening(event) and bool(event["transfers"]))
    receiver.send_signal(signal.SIGINT)
    error = only(events(receiver), "error")
    sender.kill()
    assert receiver.returncode == 130
    assert "are kept for the next time" in error["error"]
    assert any((tmp_path / "in" / ".dialtone").iterdir())


def test_a_sound_that_breaks_off_is_counted(sound_server):
    tone = np.full(14400, 0.5, np.float32)
    with Capture(None) as capture, Playback(None, 48000, 1) as playback:
        playback.write(tone)
        heard = 0.0
        while heard < 1.0:  # long after the tone
            heard += len(capture.read(0.2)) / capture.sample_rate
        assert playback.underruns == 0  # not told yet: nothing was written since
        playback.write(tone)
        playback.drain()
        assert playback.underruns == 1
        assert playback.played_s == pytest.approx(0.6)


def sound_process() -> int:
    """The number of the only sound process of this one."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    (found,) = (
        int(child)
        for child in children
        if b"dialtone.soundcard.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    )
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("playing", [True, False])
def test_a_sound_process_that_dies_or_hangs(sound_server, number, playing):
    def work() -> None:
        if isinstance(card, Playback):
            card.write(np.zeros(4800, np.float32))
        else:
            card.read(0.2)

    with Playback(None, 48000, 1) if playing else Capture(None) as card:
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            work()
        os.kill(sound_process(), number)
        began = time.monotonic()
        with pytest.raises(DeviceLostError):  # noqa: PT012  until it is noticed
            while time.monotonic() - began < SOON_S:
                work()
        if playing:
            assert isinstance(card, Playback)
            card.abort()
    assert time.monotonic() - began < 2 * SOON_S
