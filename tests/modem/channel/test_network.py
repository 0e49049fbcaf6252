"""Drop-outs and lost packets: how many, where, and what stands in for them."""

import numpy as np
import pytest

from modem.channel import parse

FS = 8000


def test_dropouts_have_their_length_and_period() -> None:
    x = np.ones(60 * FS, "f4")
    out, _ = parse("dropout=50ms/2s", 3).apply(x, FS)
    edges = np.flatnonzero(np.diff(out))
    starts, ends = edges[::2], edges[1::2]
    np.testing.assert_array_equal(ends - starts, 400)
    np.testing.assert_allclose(np.diff(starts), 2 * FS, atol=1)
    assert len(starts) == 30
    assert starts[0] < 2 * FS


def test_the_first_dropout_comes_at_any_time_of_the_period() -> None:
    x = np.ones(4 * FS, "f4")
    first = [int(np.argmin(parse("dropout=50ms/2s", seed).apply(x, FS)[0])) for seed in range(40)]
    assert min(first) < 0.3 * FS
    assert max(first) > 1.7 * FS


@pytest.mark.parametrize("percent", [0, 1, 5, 20, 100])
def test_so_many_packets_are_lost(percent: int) -> None:
    rng = np.random.default_rng(0)
    packets = 20000
    x = rng.standard_normal(packets * 160).astype("f4")
    out, _ = parse(f"loss={percent}%", 1).apply(x, FS)
    changed = (out != x).reshape(packets, 160)
    # The overlap with the next packet is shorter than half of one.
    share = changed[:, 80:].any(axis=1).mean()
    spread = 4 * np.sqrt(percent / 100 * (1 - percent / 100) / packets)
    assert share == pytest.approx(percent / 100, abs=spread + 1e-9)


def test_a_lost_packet_of_a_voiced_sound_is_hardly_heard() -> None:
    t = np.arange(4 * FS) / FS
    x = sum(np.cos(2 * np.pi * 125 * k * t) for k in range(1, 8)).astype("f4") * 0.05
    out, _ = parse("loss=3%", 2).apply(x, FS)
    changed = out != x
    assert changed.any()
    error = np.mean((out - x)[changed] ** 2) / np.mean(x**2)
    assert 10 * np.log10(error) < -10


def test_a_long_loss_fades_to_silence() -> None:
    x = np.random.default_rng(0).standard_normal(FS).astype("f4")
    lossy, _ = parse("loss=60%", 5).apply(x, FS)
    packets = (lossy != x).reshape(50, 160)[:, 80:].all(axis=1)
    marks = "".join("x" if lost else "." for lost in packets)
    longest = max(marks.split("."), key=len)
    first = marks.index(longest)
    assert len(longest) >= 5
    assert np.abs(lossy[(first + 3) * 160 : (first + len(longest)) * 160]).max() < 1e-9


def test_loss_before_any_history_is_silence() -> None:
    out, _ = parse("loss=100%").apply(np.ones(FS, "f4"), FS)
    assert not out.any()
