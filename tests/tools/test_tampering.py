"""The tool that damages transfers runs, and tells a receiver that takes damaged ones."""

import importlib
import json
from pathlib import Path

import pytest

from framing.cipher import Unencrypted

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    module = importlib.import_module("tampering")
    monkeypatch.setattr(module, "_QUICK_CASES", 1)
    monkeypatch.setattr(module, "WAYS", (module.WAYS[0], module.WAYS[5]))
    return module


def test_a_small_programme(tool, capsys):
    assert tool.main(["--quick", "--bytes", "9000", "--processes", "1"]) == 0
    said = capsys.readouterr().out
    rows = {
        row.split("|")[1].strip(): row.split("|")[2:6] for row in said.splitlines() if "|" in row
    }
    assert [check.name for check in tool.CHECKS] == [*rows][2:-1]
    alone = {"chunks swapped"}  # there is one chunk
    assert all(int(rows[check.name][0]) > 0 or check.name in alone for check in tool.CHECKS)
    cases, exact, incomplete, refused = map(int, rows["all"])
    assert cases == exact + incomplete + refused


def test_as_json(tool, capsys, monkeypatch):
    monkeypatch.setattr(tool, "CHECKS", tool.CHECKS[1:3])
    assert tool.main(["--quick", "--bytes", "9000", "--processes", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["what"] for row in rows] == ["packet lost, no repairs", "bit of the key header"]
    assert rows[1]["cases"] == sum(rows[1]["errors"].values())


def test_a_receiver_that_checks_nothing_is_told(tool, capsys, monkeypatch):
    monkeypatch.setattr(Unencrypted, "_tag", lambda *_: bytes(16))
    assert tool.main(["--quick", "--bytes", "9000", "--processes", "1"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_all_cases_are_in_the_programme_once(tool):
    materials = [tool.prepare(way, 9000) for way in tool.WAYS]
    seen = {}
    for job in tool.programme(materials, quick=False):
        seen.setdefault((job.check, job.way), []).extend(job.numbers)
    for (check, way), numbers in seen.items():
        assert numbers == list(range(tool.CHECKS[check].count(materials[way])))
    assert {check for check, _ in seen} >= {*range(len(tool.CHECKS))} - {17}  # one chunk: no swaps
