"""Inputs that tools/fuzz.py once found, and the few that reach most: none breaks a promise.

tests/framing/corpus/TARGET holds them; `python tools/fuzz.py --keep` adds to it.
"""

import importlib
import time
import tracemalloc
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "corpus"
TOOLS = Path(__file__).parents[2] / "tools"
NAMES = sorted(path.name for path in CORPUS.iterdir())


@pytest.fixture
def targets(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    monkeypatch.setattr("os.fsync", lambda _: None)  # hundreds of transfers
    return importlib.import_module("fuzzing.targets").TARGETS


def _folder(parent, name):
    folder = parent / name
    folder.mkdir()
    return folder


def test_all_targets_have_a_corpus(targets):
    assert sorted(targets) == NAMES
    assert sum(path.stat().st_size for path in CORPUS.glob("*/*")) <= 300_000


@pytest.mark.parametrize("name", NAMES)
def test_nothing_breaks(targets, tmp_path, name):
    target, _ = targets[name]
    target(b"", _folder(tmp_path, "first"))  # keys and kernels are made
    for path in sorted((CORPUS / name).iterdir()):
        folder = _folder(tmp_path, path.name)
        begun = time.thread_time()
        target(path.read_bytes(), folder)
        assert time.thread_time() - begun < 2  # a bound for hangs; the tool's is 0.1


@pytest.mark.parametrize("name", NAMES)
def test_nothing_takes_much_memory(targets, tmp_path, name):
    """The largest few: tracing makes everything slow."""
    target, _ = targets[name]
    target(b"", _folder(tmp_path, "first"))
    tracemalloc.start()
    try:
        for path in sorted((CORPUS / name).iterdir(), key=lambda path: -path.stat().st_size)[:5]:
            folder = _folder(tmp_path, path.name)
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            target(path.read_bytes(), folder)
            assert tracemalloc.get_traced_memory()[1] - before < 64 << 20
    finally:
        tracemalloc.stop()
