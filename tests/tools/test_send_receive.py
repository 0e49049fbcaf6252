"""Files through sound and back, and every way in which that can fail."""

from pathlib import Path

import numpy as np
import pytest
import soundfile


def files(folder: Path) -> list[str]:
    """What lies in a folder, the spool left out."""
    if not folder.exists():
        return []
    return sorted(path.name for path in folder.iterdir() if path.name != ".dialtone")


def test_a_file_arrives_byte_for_byte(dialtone, recordings, data, key, tmp_path):
    answer = dialtone(
        "receive", recordings / "sealed.wav", "-d", tmp_path / "in", "--passphrase-file", key,
        "--json",
    )  # fmt: skip
    assert answer.code == 0
    assert (tmp_path / "in" / "file.bin").read_bytes() == data
    received = answer.event("received")
    assert received["file"] == str(tmp_path / "in" / "file.bin")
    assert received["bytes"] == len(data)
    assert received["profile"] == "phone"
    assert received["protection"] == "encrypted"
    assert abs(received["clock_ppm"]) < 1
    assert received["snr_db"] > 40
    assert received["goodput_bps"] == pytest.approx(
        8 * len(data) / received["air_seconds"], rel=1e-3
    )


def test_for_people_everything_is_on_stderr(dialtone, recordings, tmp_path):
    answer = dialtone("receive", recordings / "plain.wav", "-d", tmp_path)
    assert (answer.code, answer.out) == (0, "")
    assert str(tmp_path / "file.bin") in answer.err
    assert "kbit/s" in answer.err
    assert "SNR" in answer.err


def test_sent_event_tells_the_truth(dialtone, recordings, data, tmp_path):
    target = tmp_path / "x.wav"
    answer = dialtone("send", recordings / "file.bin", "--plain", "-o", target, "--json")
    sent = answer.event("sent")
    info = soundfile.info(target)
    assert sent["bytes"] == len(data)
    assert sent["air_seconds"] == pytest.approx(info.duration, abs=1e-3)
    assert sent["goodput_bps"] == pytest.approx(8 * len(data) / info.duration, rel=1e-3)
    assert sent["packets"] > 0
    assert len(sent["transfer"]) == 8


def test_dry_run_knows_the_air_time_and_writes_nothing(dialtone, recordings, tmp_path):
    target = tmp_path / "x.wav"
    options = ("send", recordings / "file.bin", "--plain", "-p", "cable", "-s", "3", "--json")
    planned = dialtone(*options, "--dry-run", "-o", target)
    assert planned.code == 0
    assert not target.exists()
    plan = planned.event("planned")
    sent = dialtone(*options, "-o", target).event("sent")
    assert plan["air_seconds"] == pytest.approx(sent["air_seconds"], abs=1e-6)
    assert (plan["packets"], plan["profile"], plan["speed"]) == (sent["packets"], "cable", 3)


def test_without_the_passphrase_nothing_opens_but_everything_is_kept(
    dialtone, recordings, data, key, tmp_path
):
    inbox = tmp_path / "in"
    answer = dialtone("receive", recordings / "sealed.wav", "-d", inbox, "--json")
    assert answer.code == 3
    error = answer.event("error")
    assert "passphrase" in error["error"]
    assert "--passphrase-file" in error["hint"]
    assert files(inbox) == []

    # Any recording, even one without a signal, brings the kept packets out with the right key.
    speech = tmp_path / "speech.wav"
    soundfile.write(speech, np.random.default_rng(1).normal(0, 0.1, 8000), 8000)
    again = dialtone("receive", speech, "-d", inbox, "--passphrase-file", key)
    assert again.code == 0
    assert (inbox / "file.bin").read_bytes() == data


def test_a_wrong_passphrase_is_said_once_and_exits_3(dialtone, recordings, tmp_path):
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("battery staple")
    for _ in range(2):  # the second time the inbox knows the transfer already
        answer = dialtone(
            "receive", recordings / "sealed.wav", "-d", tmp_path / "in", "--passphrase-file", wrong
        )
        assert answer.code == 3
        assert answer.err.count("error:") == 1
        assert files(tmp_path / "in") == []


def test_a_passphrase_does_no_harm_to_plain_transfers(dialtone, recordings, data, key, tmp_path):
    answer = dialtone("receive", recordings / "plain.wav", "-d", tmp_path, "--passphrase-file", key)
    assert answer.code == 0
    assert (tmp_path / "file.bin").read_bytes() == data


def test_the_key_in_the_header_opens_for_anybody(dialtone, recordings, data, tmp_path):
    target = tmp_path / "x.wav"
    assert dialtone("send", recordings / "file.bin", "--key-in-header", "-o", target).code == 0
    answer = dialtone("receive", target, "-d", tmp_path / "in", "--json")
    assert answer.event("received")["protection"] == "clear key"
    assert (tmp_path / "in" / "file.bin").read_bytes() == data


def test_line_ends_are_no_part_of_a_passphrase(dialtone, recordings, data, tmp_path):
    key = tmp_path / "windows.txt"
    key.write_bytes(b"correct horse\r\n")
    answer = dialtone(
        "receive", recordings / "sealed.wav", "-d", tmp_path / "in", "--passphrase-file", key
    )
    assert answer.code == 0


@pytest.mark.parametrize("length", [0, 1, 700])
def test_small_files(dialtone, tmp_path, length):
    file = tmp_path / "small.bin"
    file.write_bytes(bytes(range(256)) * 3)
    file.write_bytes(file.read_bytes()[:length])
    assert dialtone("send", file, "--plain", "-o", tmp_path / "x.flac").code == 0
    assert dialtone("receive", tmp_path / "x.flac", "-d", tmp_path / "in").code == 0
    assert (tmp_path / "in" / "small.bin").read_bytes() == file.read_bytes()


def test_an_mp3_is_verified(dialtone, recordings, data, key, tmp_path):
    target = tmp_path / "x.mp3"
    answer = dialtone(
        "send", recordings / "file.bin", "--passphrase-file", key, "-o", target, "--json"
    )
    assert answer.code == 0
    assert answer.event("sent")["profile"] == "mp3"
    assert files(tmp_path) == ["key.txt", "x.mp3"]
    answer = dialtone("receive", target, "-d", tmp_path / "in", "--passphrase-file", key)
    assert answer.code == 0
    assert (tmp_path / "in" / "file.bin").read_bytes() == data


@pytest.mark.parametrize(("kbps", "least_bps"), [(64, 9_000), (320, 40_000)])
def test_the_bit_rate_of_an_mp3_decides_the_speed(dialtone, recordings, tmp_path, kbps, least_bps):
    target = tmp_path / "x.mp3"
    answer = dialtone(
        "send",
        recordings / "file.bin",
        "-p",
        "mp3",
        "--plain",
        "--mp3-kbps",
        kbps,
        "-o",
        target,
        "--json",
    )
    assert answer.code == 0
    assert answer.event("sent")["goodput_bps"] > least_bps
    assert dialtone("receive", target, "-d", tmp_path / "in").code == 0


@pytest.mark.parametrize(("spec", "profile"), [("phone", "phone"), ("awgn=25,skew=-50", "cable")])
def test_for_chooses_what_gets_through(dialtone, recordings, tmp_path, spec, profile):
    target = tmp_path / "x.wav"
    answer = dialtone(
        "send", recordings / "file.bin", "--plain", "--for", spec, "-o", target, "--json"
    )
    assert answer.code == 0
    assert answer.event("sent")["profile"] in (profile, "mp3")
    heard = tmp_path / "heard.wav"
    assert dialtone("channel", target, heard, "--channel", spec, "--seed", 9).code == 0
    assert dialtone("receive", heard, "-d", tmp_path / "in").code == 0


def test_for_says_when_nothing_gets_through(dialtone, recordings, tmp_path):
    answer = dialtone(
        "send", recordings / "file.bin", "--plain", "--for", "awgn=-30", "-o", tmp_path / "x.wav"
    )
    assert answer.code == 2
    assert "no speed gets through" in answer.err


def test_an_mp3_that_cannot_be_read_back_is_not_left(dialtone, recordings, tmp_path):
    target = tmp_path / "x.mp3"
    answer = dialtone(
        "send", recordings / "file.bin", "--plain", "-s", "max", "--mp3-kbps", 32, "-o", target
    )
    assert answer.code == 1
    assert "bit rate" in answer.err or "--mp3-kbps" in answer.err
    assert files(tmp_path) == []


def test_a_truncated_mp3_is_incomplete(dialtone, recordings, tmp_path):
    whole = tmp_path / "x.mp3"
    assert dialtone("send", recordings / "file.bin", "--plain", "-s", 1, "-o", whole).code == 0
    cut = tmp_path / "cut.mp3"
    sound = whole.read_bytes()
    cut.write_bytes(sound[: len(sound) // 2])
    answer = dialtone("receive", cut, "-d", tmp_path / "in", "--json")
    assert answer.code == 1
    error = answer.event("error")
    assert "incomplete" in error["error"]
    assert files(tmp_path / "in") == []
    assert dialtone("receive", whole, "-d", tmp_path / "in").code == 0


def test_a_superframe_cut_short_is_not_taken_for_noise(dialtone, recordings, tmp_path):
    samples, rate = soundfile.read(recordings / "plain.wav")
    cut = tmp_path / "cut.wav"
    soundfile.write(cut, samples[: rate * 4 // 5], rate)
    answer = dialtone("receive", cut, "-d", tmp_path / "in", "--json")
    assert answer.code == 1
    assert "too little of it" in answer.event("error")["error"]
    assert files(tmp_path / "in") == []


def test_speech_and_silence_hold_nothing(dialtone, tmp_path):
    noise = np.random.default_rng(3).normal(0, 0.1, 16000 * 3)
    for name, samples in (("noise", noise), ("silence", np.zeros(8000))):
        recording = tmp_path / f"{name}.wav"
        soundfile.write(recording, samples, 16000)
        answer = dialtone("receive", recording, "-d", tmp_path / "in", "--json")
        assert answer.code == 1
        assert "no Dialtone signal found in" in answer.event("error")["error"]
        assert not (tmp_path / "in").exists()


def test_halves_of_two_recordings_make_a_whole(dialtone, recordings, data, tmp_path):
    file = tmp_path / "big.bin"
    file.write_bytes(data * 4)  # several superframes
    sound = tmp_path / "x.wav"
    assert dialtone("send", file, "--plain", "--repair", 10, "-o", sound).code == 0
    samples, rate = soundfile.read(sound)
    middle = len(samples) // 2
    soundfile.write(tmp_path / "a.wav", samples[: middle + rate], rate)
    soundfile.write(tmp_path / "b.wav", samples[middle - rate :], rate)
    inbox = tmp_path / "in"

    first = dialtone("receive", tmp_path / "a.wav", "-d", inbox, "--json")
    assert first.code == 1
    assert 0 < first.event("error")["packets"] < first.event("error")["of"]
    assert files(inbox) == []
    second = dialtone("receive", tmp_path / "b.wav", "-d", inbox)
    assert second.code == 0
    assert (inbox / "big.bin").read_bytes() == file.read_bytes()


def test_two_transfers_in_one_stereo_recording_at_another_rate(
    dialtone, recordings, data, key, tmp_path
):
    first, rate = soundfile.read(recordings / "plain.wav")
    second, _ = soundfile.read(recordings / "sealed.wav")
    other = tmp_path / "other.bin"
    other.write_bytes(data[::-1])
    assert dialtone("send", other, "--plain", "-o", tmp_path / "o.wav").code == 0
    third, _ = soundfile.read(tmp_path / "o.wav")
    gap = np.zeros(rate // 2)
    samples = np.concatenate((first, gap, second, gap, third))
    soundfile.write(tmp_path / "all.wav", np.stack((0 * samples, -0.3 * samples), axis=1), rate)
    inbox = tmp_path / "in"

    answer = dialtone("receive", tmp_path / "all.wav", "-d", inbox, "--json")
    assert answer.code == 3  # one of them is encrypted
    assert [e["bytes"] for e in answer.events if e["event"] == "received"] == [3000, 3000]
    assert files(inbox) == ["file.bin", "other.bin"]

    once = dialtone("receive", tmp_path / "all.wav", "-d", tmp_path / "once", "--once")
    assert once.code == 0
    assert files(tmp_path / "once") == ["file.bin"]


def test_timeout_stops_after_so_much_sound(dialtone, recordings, tmp_path):
    samples, rate = soundfile.read(recordings / "plain.wav")
    late = tmp_path / "late.wav"
    soundfile.write(late, np.concatenate((np.zeros(20 * rate), samples)), rate)
    answer = dialtone("receive", late, "-d", tmp_path / "in", "--timeout", 5)
    assert answer.code == 1
    assert "no Dialtone signal" in answer.err
    assert dialtone("receive", late, "-d", tmp_path / "in").code == 0


def test_the_output_may_not_replace_the_file(dialtone, recordings, tmp_path):
    sound = tmp_path / "x.wav"
    sound.write_bytes((recordings / "plain.wav").read_bytes())
    before = sound.read_bytes()
    assert dialtone("send", sound, "--plain", "-o", sound).code == 2
    assert sound.read_bytes() == before


@pytest.mark.parametrize("profile", ["phone", "mp3", "cable"])
def test_loopback_through_the_bundle(dialtone, recordings, profile, tmp_path):
    answer = dialtone(
        "loopback", recordings / "file.bin", "-p", profile, "--channel", profile, "--seed", 3,
        "--noise-before", 0.5, "-d", tmp_path, "--json",
    )  # fmt: skip
    assert answer.code == 0
    result = answer.event("loopback")
    assert result["exact"] is True
    assert result["profile"] == profile
    assert (tmp_path / "file.bin").read_bytes() == (recordings / "file.bin").read_bytes()


def test_loopback_that_fails_says_so(dialtone, recordings):
    answer = dialtone("loopback", recordings / "file.bin", "--channel", "awgn=-10", "--json")
    assert answer.code == 1
    assert answer.event("loopback")["exact"] is False
    assert answer.event("error")["exit_code"] == 1
