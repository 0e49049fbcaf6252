"""The tool that measures where the receiver's time goes: on a short case, and what it draws."""

import importlib.util
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[2] / "tools" / "receiver_profile.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("receiver_profile", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rows(tool):
    cases = (
        tool.Case("short", "phone", 20, "awgn=30"),
        tool.Case("noise", "phone", 0, "noise=-30"),
    )
    return [tool.measure(case, seconds=0.5, repeats=1) for case in cases]


def test_every_stage_has_its_share(tool, rows):
    sent, noise = rows
    for row in rows:
        assert sum(row.shares.values()) == pytest.approx(1)
        assert row.times_real > 1
    assert all(sent.shares[stage] > 0 for stage in tool.STAGES)
    assert {stage for stage, share in noise.shares.items() if share} <= {"detection", tool.REST}


def test_functions_are_put_back(tool, rows):
    from modem.fec.ldpc import LdpcCode

    assert not hasattr(LdpcCode.decode, "__wrapped__")


def test_a_speed_that_does_not_get_through_is_named(tool):
    with pytest.raises(SystemExit, match=r"0 of .* packets arrived at speed 50"):
        tool.measure(tool.Case("noisy", "phone", 50, "awgn=10"), seconds=0.1, repeats=1)


def test_table_and_figure_show_every_case(tool, rows, tmp_path, capsys):
    tool.print_table(rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| | short | noise |"
    assert len(lines) == 4 + len(tool.STAGES)
    tool.draw(rows, tmp_path / "profile.png")
    assert (tmp_path / "profile.png").read_bytes().startswith(b"\x89PNG")
