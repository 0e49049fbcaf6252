"""Calibration over a sound server's cable: exact, and saved for `send`."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., "subprocess.Popen[bytes]"]

LONGEST_S = 150


def test_a_perfect_cable(start: Start, tmp_path: Path) -> None:
    report = tmp_path / "report.png"
    process = start("calibrate", "--device", "cable", "--level", "-3", "-o", report, "--json")
    out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, err.decode()
    said = [json.loads(line) for line in out.splitlines()]
    found = said[-1]
    assert found["event"] == "calibrated"
    assert found["good"]
    assert (found["output"], found["input"]) == ("cable", "cable")
    assert found["sides"] == "apart"
    assert found["level_db"] == -3
    assert found["peak_dbfs"] == pytest.approx(-3, abs=0.1)
    assert found["clock_ppm"] == pytest.approx(0, abs=0.5)
    assert found["slips"] == 0
    assert found["clipped"] == 0
    assert found["profile"] == "stereo"
    assert found["net_bps"] > 500_000
    assert all(each["arrived"] for each in found["tried"])
    assert report.stat().st_size > 10_000
    saved = json.loads(Path(found["saved"]).read_text())
    assert saved["device"] == "cable"
    assert saved["level_dbfs"] == -3

    photo = tmp_path / "data.bin"
    photo.write_bytes(bytes(range(256)) * 4)
    planned = start("send", photo, "--plain", "--device", "cable", "--dry-run", "--json")
    out, err = planned.communicate(timeout=LONGEST_S)
    assert planned.returncode == 0, err.decode()
    (plan,) = (json.loads(line) for line in out.splitlines())
    assert (plan["profile"], plan["speed"]) == (found["profile"], found["speed"])


def test_without_a_cable_nothing_is_heard(start: Start, tmp_path: Path) -> None:
    process = start("calibrate", "--output", "cable", "--input", "spare")
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 1
    assert b"error: nothing was heard: is the cable in?" in err
    assert not list((tmp_path / ".home").rglob("*.json"))


def test_listening_tells_the_level(start: Start) -> None:
    process = start("calibrate", "--listen", "--device", "cable", "--timeout", "1", "--json")
    out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, err.decode()
    heard: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert heard["event"] == "heard"
    assert heard["input"] == "cable"
    assert not heard["good"]
    assert "nothing is heard" in heard["verdict"]


def test_ctrl_c_ends_a_calibration(start: Start, tmp_path: Path) -> None:
    process = start("calibrate", "--device", "cable")
    assert process.stderr is not None
    for line in process.stderr:
        if b"listening to cable" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert not list((tmp_path / ".home").rglob("*.json"))


def test_a_device_that_is_not_there(start: Start) -> None:
    process = start("calibrate", "--device", "nowhere")
    _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 4
    assert b"there is no sound device 'nowhere'" in err
