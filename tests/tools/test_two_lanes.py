"""Both sides of a stereo cable and bands above 22.7 kHz, through the whole program."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dialtone import probe, profiles, report
from dialtone.analysis import analyse
from dialtone.audio import open_audio
from dialtone.errors import Failure
from matplotlib.figure import Figure

import modem
from modem.channel import parse

DEADLINE_S = 60


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """A folder with both sides of a transmission over `stereo`, and its left side alone."""
    from dialtone.__main__ import run

    folder = tmp_path_factory.mktemp("sounds")
    options = ["--plain", "-p", "stereo", "-o", str(folder / "both.wav")]
    assert run(["send", str(recordings / "file.bin"), *options]) == 0
    samples, rate = soundfile.read(folder / "both.wav", dtype="int16")
    soundfile.write(folder / "left.wav", samples[:, 0], rate)
    return folder


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("profile", ["stereo", "stereo192", "cable96"])
def test_a_file_of_the_profile_s_rate_and_sides(
    dialtone, recordings, data, tmp_path, profile, suffix
):
    target = tmp_path / f"x{suffix}"
    sent = dialtone(
        "send", recordings / "file.bin", "--plain", "-p", profile, "-o", target, "--json"
    ).event("sent")
    info = soundfile.info(target)
    assert info.samplerate == modem.profiles[profile].sample_rate
    assert info.channels == modem.profiles[profile].lanes
    assert sent["air_seconds"] == pytest.approx(info.duration, abs=1e-6)
    received = dialtone("receive", target, "-d", tmp_path / "in", "--json").event("received")
    assert received["profile"] == profile
    assert received["snr_db"] > 70  # 16 bits are enough for every speed
    assert (tmp_path / "in" / "file.bin").read_bytes() == data


def test_air_time_is_known_before(dialtone, recordings):
    options = ("send", recordings / "file.bin", "--plain", "-p", "stereo", "--json")
    plan = dialtone(*options, "--dry-run").event("planned")
    sent = dialtone(*options, "-o", "/dev/null").event("sent")
    assert plan["air_seconds"] == pytest.approx(sent["air_seconds"], abs=1e-6)


def test_a_mono_recording_is_told_what_it_lacks(dialtone, sounds, tmp_path):
    answer = dialtone("receive", sounds / "left.wav", "-d", tmp_path / "in", "--json")
    assert answer.code == 1
    reason = "a transmission of profile stereo needs a stereo recording"
    assert answer.event("error")["error"] == answer.event("lost")["reason"] == reason
    assert dialtone("receive", sounds / "left.wav", "-d", tmp_path / "in").err.count(reason) == 1


def test_a_slow_recording_is_told_what_it_lacks(dialtone, recordings, tmp_path):
    fast, slow = tmp_path / "fast.wav", tmp_path / "slow.wav"
    options = ("--plain", "-p", "cable96", "-o", fast)
    assert dialtone("send", recordings / "file.bin", *options).code == 0
    assert dialtone("channel", fast, slow, "--channel", "rate=48000").code == 0
    answer = dialtone("receive", slow, "-d", tmp_path / "in")
    assert answer.code == 1
    assert "profile cable96 needs a recording of 96000 Hz, not of 48000 Hz" in answer.err


def test_what_could_not_be_read_is_noted_beside_what_was(dialtone, recordings, sounds, tmp_path):
    read, rate = soundfile.read(recordings / "plain.wav", dtype="float32")
    soundfile.write(tmp_path / "phone.wav", read, rate)
    assert dialtone(
        "channel", tmp_path / "phone.wav", tmp_path / "p48.wav", "--channel", "rate=48000"
    ).code == 0  # fmt: skip
    first, _ = soundfile.read(tmp_path / "p48.wav", dtype="float32")
    second, rate = soundfile.read(sounds / "left.wav", dtype="float32")
    soundfile.write(tmp_path / "two.wav", np.concatenate((first, second)), rate)
    answer = dialtone("receive", tmp_path / "two.wav", "-d", tmp_path / "in")
    assert answer.code == 0
    assert "note: a transmission of profile stereo needs a stereo recording" in answer.err


def test_pipe_with_both_sides_interleaved(start, recordings, data, tmp_path):
    options = ("--plain", "-p", "stereo192", "-o", "-")
    sender = start("send", recordings / "file.bin", *options)
    receiver = start(
        "receive", "-", "--channels", 2, "-d", tmp_path / "in", stdin=sender.stdout
    )  # fmt: skip
    sender.stdout.close()
    _, said = receiver.communicate(timeout=DEADLINE_S)
    assert (receiver.returncode, sender.wait(DEADLINE_S)) == (0, 0), said
    assert (tmp_path / "in" / "file.bin").read_bytes() == data


def test_interleaved_sides_taken_for_one_are_told_apart(start, sounds, tmp_path):
    samples, _ = soundfile.read(sounds / "both.wav", dtype="int16")
    receiver: subprocess.Popen[bytes] = start("receive", "-", "-d", tmp_path / "in")
    _, said = receiver.communicate(samples.tobytes(), timeout=DEADLINE_S)
    assert receiver.returncode == 1
    assert b"needs a stereo recording" in said
    assert b"--channels" in said


@pytest.mark.parametrize(
    ("profile", "spec"),
    [("stereo", "cable,crosstalk=-30"), ("stereo192", "awgn=50,skew=100"), ("cable192", "cable")],
)
def test_loopback(dialtone, recordings, profile, spec):
    answer = dialtone(
        "loopback", recordings / "file.bin", "-p", profile, "--channel", spec, "--seed", 3,
        "--noise-before", 0.3, "--json",
    )  # fmt: skip
    assert answer.code == 0
    result = answer.event("loopback")
    assert (result["exact"], result["profile"]) == (True, profile)
    expected_db = 50 if "50" in spec else 40
    if "crosstalk" not in spec:
        assert result["snr_db"] == pytest.approx(expected_db, abs=1.0)


def test_a_simulated_channel_keeps_both_sides(dialtone, sounds, tmp_path):
    heard = tmp_path / "heard.wav"
    spec = "crosstalk=-25,skew=60,awgn=35"
    assert dialtone("channel", sounds / "both.wav", heard, "--channel", spec).code == 0
    assert soundfile.info(heard).channels == 2
    assert dialtone("receive", heard, "-d", tmp_path / "in").code == 0
    answer = dialtone("channel", sounds / "left.wav", heard, "--channel", spec)
    assert answer.code == 2
    assert "stereo signal" in answer.err


def test_only_what_every_device_carries_is_chosen_unasked(
    dialtone, recordings, tmp_path, monkeypatch
):
    asked = []

    def fastest(spec, candidates):
        asked.append({profile.name for profile in candidates})
        raise Failure("enough")

    monkeypatch.setattr(probe, "fastest", fastest)
    options = ("send", recordings / "file.bin", "--plain", "--for", "cable", "-o", tmp_path / "x")
    for more in ((), ("-p", "stereo96")):
        assert dialtone(*options[:-1], tmp_path / "x.wav", *more).code == 2
    assert asked == [{"phone", "mp3", "cable", "air"}, {"stereo96"}]
    assert profiles.choose(None, None, "x.wav")[0].name == "phone"


def test_a_speed_is_tried_out_on_both_sides():
    profile = modem.profiles["stereo"]
    trial = probe.try_out(profile, profile.speeds[7], parse("awgn=20,crosstalk=-40"))
    assert trial.whole
    assert trial.snr_db == pytest.approx(20, abs=1.0)


def test_inspect_draws_both_lanes(dialtone, sounds, tmp_path):
    answer = dialtone("inspect", sounds / "both.wav", "-o", tmp_path / "x.png", "--json")
    seen = answer.event("inspected")
    assert seen["good"] is True
    assert "profile stereo:" in seen["verdict"]
    assert any("48 kHz, stereo" in line for line in seen["details"])
    assert (tmp_path / "x.png").stat().st_size > 10_000


def test_the_snr_of_both_lanes_is_drawn(sounds):
    with open_audio(sounds / "both.wav") as source:
        analysis = analyse(source, "both.wav")
    axes = Figure().subplots()
    report._carriers(axes, analysis)
    legend = axes.get_legend()
    assert legend is not None
    speed = modem.profiles["stereo"].default_speed
    assert [text.get_text() for text in legend.get_texts()] == [
        "left", "right", f"speed {speed} needs"
    ]  # fmt: skip
    for line in axes.get_lines()[:2]:
        kilohertz, snr_db = line.get_data()
        assert (min(kilohertz), max(kilohertz)) == pytest.approx((0.2, 22.7), abs=0.05)
        assert np.nanmedian(snr_db) > 70


def test_inspect_says_what_a_mono_recording_lacks(dialtone, sounds, tmp_path):
    answer = dialtone("inspect", sounds / "left.wav", "-o", tmp_path / "x.png", "--json")
    seen = answer.event("inspected")
    assert seen["good"] is False
    assert seen["verdict"] == "A transmission of profile stereo needs a stereo recording."
