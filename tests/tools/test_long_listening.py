"""The hours of sound through the daemon run, and tell a signal when there is one."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    """tools/long_listening.py, with short pieces of sound."""
    monkeypatch.syspath_prepend(TOOLS)
    module = importlib.import_module("long_listening")
    monkeypatch.setattr(module, "_PIECE_S", 1.0)
    monkeypatch.setattr(module, "_SILENCE_S", 0.5)
    return module


def test_a_few_minutes(tool, capsys):
    """The share of a core is not judged: other tests run beside."""
    tool.main(["--hours", "0.06"])
    said = capsys.readouterr().out
    assert said.startswith("0.1 h of sound")
    assert "events that told of a signal: 0" in said
    resident = [float(number) for number in re.findall(r"(\d+) MB", said)]
    assert max(resident) < 250


def test_a_signal_is_told(tool, recordings, capsys):
    samples, rate = soundfile.read(recordings / "plain.wav", dtype="float32")
    assert tool.RATE % rate == 0
    faster = np.repeat(samples, tool.RATE // rate)  # with images, which do no harm
    result = tool.measure(iter([(faster * 32767).astype("<i2").tobytes()]), 10.0)
    assert any("received" in sentence for sentence in result.told)
    assert any(fault.startswith("it told of a signal") for fault in result.faults())
