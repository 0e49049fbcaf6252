"""The benchmark of the Huffman coder measures what it says."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    """tools/huffman_bench.py."""
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("huffman_bench")


def test_entropy_is_that_of_the_formula(tool):
    assert tool.entropy_bytes(b"aaaabbcd" * 4) == pytest.approx(32 * 1.75 / 8)
    assert tool.entropy_bytes(bytes(range(256))) == 256
    assert tool.entropy_bytes(b"aaa") == 0


def test_files_become_rows_of_both_coders(tool, tmp_path, capsys):
    rng = np.random.default_rng(2)
    noise = tmp_path / "noise.bin"
    noise.write_bytes(rng.bytes(70000))
    Image.fromarray(rng.integers(0, 4, (40, 50, 3), np.uint8)).save(tmp_path / "four.png")
    (tmp_path / "empty").touch()
    files = [str(noise), str(tmp_path / "four.png"), str(tmp_path / "empty")]
    assert tool.main([*files, "--rounds", "1", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["sample"], row["coder"]) for row in rows] == [
        (name, coder) for name in ("noise.bin", "four.png") for coder in ("ours", "zlib")
    ]
    assert [row["bytes"] for row in rows] == [70000, 70000, 6000, 6000]
    ours, _, picture, _ = rows
    assert ours["size"] == 70002 / 70000  # two chunks, a byte each
    assert 0.25 < picture["size"] < 0.27  # four values a byte
    assert min(row["encode"] for row in rows) > 0
    assert min(row["decode"] for row in rows) > 0


def test_the_made_text_is_like_written_text(tool):
    text = tool.encyclopaedia(30000)
    assert text == tool.encyclopaedia(30000)
    assert len(text) == 30000
    assert 4.5 < tool.entropy_bytes(text) * 8 / len(text) < 5.5  # enwik8 has 5.08
    row = tool.measure("text", text, tool.CODERS[0], 1)
    assert row.of_chunks < 0.5


def test_a_missing_file_is_told_and_the_table_has_a_line_for_each_row(tool, tmp_path, capsys):
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path / "none")])
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "a").write_bytes(b"abracadabra" * 9)
    tool.main([str(tmp_path / "a"), "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| a | 99 | ours | ")


def test_a_coder_that_loses_bytes_ends_it(tool):
    with pytest.raises(SystemExit, match="lossy does not bring text back"):
        tool.measure("text", b"text", tool.Coder("lossy", bytes, lambda _: b""), 1)
