"""Silence, cuts and sides."""

import numpy as np
import pytest

from modem.channel import parse

FS = 1000
X = np.arange(1, 5001, dtype="f4")


def test_silence_goes_in_front_and_behind() -> None:
    out, _ = parse("silence=1.5").apply(X, FS)
    np.testing.assert_array_equal(out, np.concatenate((np.zeros(1500), X)))
    out, _ = parse("silence=0.5/250ms").apply(X, FS)
    np.testing.assert_array_equal(out, np.concatenate((np.zeros(500), X, np.zeros(250))))


def test_cut_takes_seconds_off_both_ends() -> None:
    np.testing.assert_array_equal(parse("cut=3/0").apply(X, FS)[0], X[3000:])
    np.testing.assert_array_equal(parse("cut=1").apply(X, FS)[0], X[1000:])
    np.testing.assert_array_equal(parse("cut=0/3").apply(X, FS)[0], X[:2000])
    np.testing.assert_array_equal(parse("cut=1/1").apply(X, FS)[0], X[1000:4000])
    assert parse("cut=3/3").apply(X, FS)[0].size == 0


def test_stereo_puts_the_signal_on_one_side() -> None:
    left, _ = parse("stereo=left").apply(X, FS)
    right, _ = parse("gain=0,stereo=right,invert").apply(X, FS)
    np.testing.assert_array_equal(left, np.stack((X, 0 * X), axis=1))
    np.testing.assert_array_equal(right, np.stack((0 * X, -X), axis=1))


def test_crosstalk_brings_the_other_side_at_its_level() -> None:
    left, right = X / 5000, np.cos(X)
    out, _ = parse("crosstalk=-20").apply(np.stack((left, right), axis=1), FS)
    assert out[:, 0] == pytest.approx(left + 0.1 * right, abs=1e-6)
    assert out[:, 1] == pytest.approx(right + 0.1 * left, abs=1e-6)


def test_a_silent_track_of_a_tape_is_as_long_as_the_other() -> None:
    heard, _ = parse("stereo=right,tape=poor").apply(X / 5000, FS)
    assert heard.shape == (round(X.size / 1.03), 2)
    assert not heard[:, 0].any()
    assert heard[:, 1].any()
