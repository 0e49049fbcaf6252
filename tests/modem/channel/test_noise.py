"""Levels of added noise, measured."""

import numpy as np
import pytest

from modem.channel import parse
from modem.channel.signal import Signal, active_power

FS = 48000


def rms_db(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(x, dtype=float))))


def ofdm_like(seconds: float) -> np.ndarray:
    return (0.1 * np.random.default_rng(9).standard_normal(round(seconds * FS))).astype("f4")


@pytest.mark.parametrize("snr_db", [-10, 0, 20, 40, 60])
def test_awgn_has_the_snr_in_the_full_band(snr_db: int) -> None:
    x = ofdm_like(4)
    out, _ = parse(f"awgn={snr_db}").apply(x, FS)
    assert rms_db(x) - rms_db(out.astype(float) - x) == pytest.approx(snr_db, abs=0.05)


def test_silence_around_the_signal_does_not_count_for_its_power() -> None:
    x = ofdm_like(4)
    quiet = np.zeros(10 * FS, "f4")
    padded = np.concatenate((quiet, x, quiet))
    out, _ = parse("awgn=30").apply(padded, FS)
    noise = out - padded
    assert rms_db(x) - rms_db(noise) == pytest.approx(30, abs=0.1)
    assert rms_db(noise[: 5 * FS]) == pytest.approx(rms_db(noise), abs=0.1)


def test_active_power_of_a_keyed_tone_is_that_of_the_tone() -> None:
    t = np.arange(10 * FS) / FS
    keyed = np.where(t % 2 < 0.5, 0.2 * np.sin(2 * np.pi * 1000 * t), 0).astype("f4")
    assert active_power(Signal(keyed, FS)) == pytest.approx(0.02, rel=0.02)
    assert active_power(Signal(np.zeros(0, "f4"), FS)) == 0
    assert active_power(Signal(np.zeros(FS, "f4"), FS)) == 0


def test_silence_stays_silent_under_awgn() -> None:
    out, _ = parse("awgn=10").apply(np.zeros(FS, "f4"), FS)
    assert not out.any()


@pytest.mark.parametrize("level", [-80, -45, -10])
def test_noise_has_the_absolute_level_and_is_white(level: int) -> None:
    out, _ = parse(f"noise={level}").apply(np.zeros(8 * FS, "f4"), FS)
    assert rms_db(out) == pytest.approx(level, abs=0.05)
    bands = (np.abs(np.fft.rfft(out)) ** 2)[1:].reshape(20, -1).mean(axis=1)
    assert 10 * np.log10(bands.max() / bands.min()) < 0.3


def test_hum_sits_on_the_harmonics_of_50_hz() -> None:
    out, _ = parse("hum=-30").apply(np.zeros(4 * FS, "f4"), FS)
    assert rms_db(out) == pytest.approx(-30, abs=0.01)
    power = np.abs(np.fft.rfft(out)) ** 2
    lines = power[200::200].sum()
    assert lines / power.sum() > 0.9999
    assert power[200] == power.max()
    default, _ = parse("hum").apply(np.zeros(FS, "f4"), FS)
    assert rms_db(default) == pytest.approx(-40, abs=0.01)
