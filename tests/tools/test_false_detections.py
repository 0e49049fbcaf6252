"""The programme of sounds that are no signals runs, and tells a signal when there is one."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

import modem

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    """tools/false_detections.py, without other modem programs."""
    monkeypatch.syspath_prepend(TOOLS)
    module = importlib.import_module("false_detections")
    monkeypatch.setattr(module.peers, "find", lambda: ([], []))
    return module


def test_nothing_is_found_in_a_short_programme(tool, capsys):
    assert tool.main(["--hours", "0.02", "--processes", "1"]) == 0
    last = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| all"))
    _, _, hours, _, _, found, _ = (cell.strip() for cell in last.split("|"))
    assert float(hours) >= 0.02
    assert found == "0"


def test_a_signal_in_a_folder_is_told(tool, tmp_path, capsys):
    profile = modem.profiles["phone"]
    tx = modem.Transmitter(profile)
    signal = np.concatenate((tx.process([bytes(tx.packet_bytes)]), tx.flush()))
    folder = tmp_path / "calls"
    folder.mkdir()
    both = np.stack((signal, np.zeros_like(signal)), axis=1)
    soundfile.write(folder / "call.wav", both, profile.sample_rate)
    quiet = [str(folder), "--hours", "0.001", "--processes", "1"]
    assert tool.main(quiet) == 1
    told = capsys.readouterr().out
    assert "| calls, as it is | 0.00 | 0 | 0.0 | 1 |" in told
    assert "calls, as it is, seed (0,), 8000 Hz: phone, speed" in told


def test_an_empty_folder_is_refused(tool, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path)])
    assert "no sound files" in capsys.readouterr().err


def test_sounds_have_their_length_and_repeat(tool):
    programme = tool.programme(0.02, 5, [], [])
    again = tool.programme(0.02, 5, [], [])
    other = tool.programme(0.02, 6, [], [])
    alike = []
    for job, same, unlike in zip(programme, again, other, strict=True):
        x = tool.sound(job)
        assert x.shape == (round(job.seconds * job.rate),)
        assert np.isfinite(x).all()
        assert np.abs(x).max() > 0
        np.testing.assert_array_equal(x, tool.sound(same))
        if np.array_equal(x, tool.sound(unlike)):
            alike.append(job.kind)
    assert set(alike) <= {"fax", "ring-back, busy"}  # they may begin with the same tone


def test_recordings_are_heard_whole_and_varied(tool, tmp_path):
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "long.wav", rng.normal(0, 0.1, 70 * 16000), 16000)
    soundfile.write(tmp_path / "short.flac", rng.normal(0, 0.1, (22050, 2)), 22050)
    jobs = [job for job in tool.programme(0.5, 0, [tmp_path], []) if tmp_path.name in job.kind]
    whole = [job for job in jobs if job.kind.endswith("as it is")]
    varied = [job for job in jobs if job.kind.endswith("varied")]
    assert [(round(job.seconds), job.rate) for job in whole] == [
        (60, 16000), (10, 16000), (1, 22050)
    ]  # fmt: skip
    assert [tool.sound(job).shape for job in whole[1:]] == [(160000,), (22050, 2)]
    assert sum(job.seconds for job in jobs) == pytest.approx(1800 / 5)
    assert tool.sound(varied[0]).shape == (round(varied[0].seconds * varied[0].rate),)
