"""Inputs that break a promise are found and written down; the programme runs and tells of it."""

import importlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("fuzz")


@pytest.fixture
def worker(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("fuzzing.worker")


def run(worker, folder, target, *inputs):
    """The findings of a target, which is not to end the process."""
    runner = worker.Runner("some", target, 1 << 30, folder / "findings")
    for data in inputs:
        runner(data)
    assert runner.tally.inputs == len(inputs)
    return runner.tally


def test_the_programme_runs(tool, tmp_path, capsys):
    options = ["--inputs", "400", "--target", "records", "--target", "packet"]
    assert tool.main([*options, "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "| records | 182 | " in out
    assert "| packet | 218 | " in out
    assert "400 inputs in" in out
    assert not any((tmp_path / "findings").iterdir())


def test_an_error_is_found_once_for_each_cause(worker, tmp_path):
    def target(data, folder):
        if data == b"bad":
            raise KeyError(data)
        assert len(data) < 4

    tally = run(worker, tmp_path, target, b"bad", b"good", b"bad", b"fine")
    assert len(tally.findings) == 2
    written = sorted(path.read_bytes() for path in (tmp_path / "findings").glob("some-*[!t]"))
    assert written == [b"bad", b"good"]
    assert any("KeyError" in path.read_text() for path in (tmp_path / "findings").glob("*.txt"))


def test_a_slow_input_is_found(worker, tmp_path):
    def target(data, folder):
        end = time.thread_time() + len(data) / 1000
        while time.thread_time() < end:
            pass

    tally = run(worker, tmp_path, target, bytes(1), bytes(150), bytes(2))
    assert len(tally.findings) == 1
    assert tally.slowest_ms >= 150
    assert [p.read_bytes() for p in (tmp_path / "findings").glob("some-*[!t]")] == [bytes(150)]


def test_a_large_allocation_is_found(tmp_path):
    """In a process of its own, whose memory stays bounded."""
    program = """
import sys
from pathlib import Path
from fuzzing.worker import Runner
runner = Runner("some", lambda data, _: bytearray(len(data) << 20), 1 << 30, Path(sys.argv[1]))
runner.limit_memory()
for size in (1, 20, 100):
    runner(bytes(size))
print(runner.tally.findings)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "findings"],
        cwd=TOOLS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("MemoryError") == 1
    assert [len(p.read_bytes()) for p in (tmp_path / "findings").glob("some-*[!t]")] == [100]


def test_a_process_that_ends_is_a_finding(tool, tmp_path):
    *_, tally = tool.run("no target", 10, tmp_path, 1)
    assert len(tally.findings) == 1
    assert "the process ended with" in tally.findings[0]


def test_distilled_inputs_reach_as_much(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(TOOLS)
    corpus = importlib.import_module("fuzzing.corpus")
    source, to = tmp_path / "source", tmp_path / "to"
    source.mkdir()
    inputs = [bytes([0, 3, 1, 1, 2]), bytes([0, 3, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0]), b"\1" * 9]
    for number, data in enumerate(inputs):
        (source / str(number)).write_bytes(data)
    corpus.distil("records", [source], to)
    kept = [path.read_bytes() for path in to.iterdir()]
    assert set(kept) < set(inputs)
    target, _ = corpus.TARGETS["records"]

    def steps(some):
        return set().union(*(corpus.reached(target, data) for data in some))

    assert steps(kept) == steps(inputs)
