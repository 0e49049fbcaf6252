"""The report says what a recording is; its picture is drawn whatever the recording holds."""

import numpy as np
import pytest
import soundfile
from dialtone.analysis import FFT_SIZE, Columns, analyse
from dialtone.audio import open_audio
from dialtone.verdict import judge
from PIL import Image


def inspected(dialtone, tmp_path, samples, rate=8000):
    recording = tmp_path / "recording.wav"
    soundfile.write(recording, samples, rate, "FLOAT")
    answer = dialtone("inspect", recording, "-o", tmp_path / "report.png", "--json")
    assert answer.code == 0
    with Image.open(tmp_path / "report.png") as image:
        assert image.width > 1000
        assert len(image.convert("L").getcolors()) > 20  # something is drawn
    assert not list(tmp_path.glob(".*"))
    return answer.event("inspected")


def test_a_good_recording(dialtone, recordings, tmp_path):
    samples, rate = soundfile.read(recordings / "plain.wav")
    seen = inspected(dialtone, tmp_path, samples, rate)
    assert seen["good"] is True
    assert "phone" in seen["verdict"]
    assert seen["superframes"] > 0
    assert seen["superframes_failed"] == 0
    assert any("file.bin, complete" in line for line in seen["details"])


def test_an_encrypted_recording_is_told_without_its_name(dialtone, recordings, tmp_path):
    samples, rate = soundfile.read(recordings / "sealed.wav")
    seen = inspected(dialtone, tmp_path, samples, rate)
    assert seen["good"] is True
    assert any("(encrypted), complete" in line for line in seen["details"])
    assert not any("file.bin" in line for line in seen["details"])


def test_too_much_noise_is_named_with_both_figures(dialtone, recordings, tmp_path):
    samples, rate = soundfile.read(recordings / "plain.wav")
    power = np.mean(samples**2)
    noise = np.random.default_rng(4).normal(0, np.sqrt(power / 10**1.8), samples.size)
    seen = inspected(dialtone, tmp_path, samples + noise, rate)
    assert seen["good"] is False
    assert any("too noisy" in line and "needed" in line for line in seen["details"])


def test_a_recording_that_ends_early(dialtone, data, tmp_path):
    file = tmp_path / "big.bin"
    file.write_bytes(data * 8)
    assert dialtone("send", file, "--plain", "-o", tmp_path / "x.wav").code == 0
    samples, rate = soundfile.read(tmp_path / "x.wav")
    seen = inspected(dialtone, tmp_path, samples[: len(samples) * 2 // 3], rate)
    assert seen["good"] is False
    assert any("of" in line and "packets" in line for line in seen["details"])
    assert any("stopped" in line or "ends before" in line for line in seen["details"])


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("silence", "Digital silence"),
        ("faint", "Too quiet"),
        ("noise", "No Dialtone signal"),
        ("tone", "No Dialtone signal"),
        ("short", "Too short"),
    ],
)
def test_why_there_is_nothing(dialtone, tmp_path, kind, words):
    rng = np.random.default_rng(6)
    samples = {
        "silence": np.zeros(16000),
        "faint": rng.normal(0, 1e-5, 16000),
        "noise": rng.normal(0, 0.1, 16000),
        "tone": 0.5 * np.sin(np.arange(16000) * 0.7),
        "short": rng.normal(0, 0.1, 3000),
    }[kind]
    seen = inspected(dialtone, tmp_path, samples)
    assert seen["good"] is False
    assert seen["verdict"].startswith(words)
    assert seen["superframes"] == 0


def test_columns_find_a_tone_and_keep_their_number_bounded():
    rate = 8000
    columns = Columns(rate)
    tone = 0.5 * np.sin(2 * np.pi * 1000 / rate * np.arange(FFT_SIZE * 5000))
    for start in range(0, tone.size, 30_011):
        columns.add(tone[start : start + 30_011, None].astype(np.float32))
    columns.finish()
    power = columns.spectrogram_db
    assert power.shape[0] <= 2048
    assert power.shape[0] * columns.column_s == pytest.approx(tone.size / rate, rel=0.01)
    assert np.argmax(power[100]) == round(1000 / rate * FFT_SIZE)
    assert power[100].max() == pytest.approx(20 * np.log10(0.5), abs=0.1)
    assert columns.rms_dbfs[100] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)


def test_clipping_is_measured(tmp_path):
    tone = np.clip(0.9 * np.sin(np.arange(20000) * 0.3), -0.5, 0.5)
    soundfile.write(tmp_path / "x.wav", tone, 8000)
    with open_audio(tmp_path / "x.wav") as source:
        analysis = analyse(source, "x.wav")
    assert analysis.clipped > 0.5
    assert judge(analysis).good is False
