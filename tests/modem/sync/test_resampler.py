"""The resampler against sines at their exact places, and against the cutting of its input."""

import numpy as np
import pytest

from modem import ConfigError
from modem.sync.resampler import Resampler, interpolate, interpolation_table

# input rate, output rate, passband: those of the detector, and of reading profiles.
RATES = [
    (44100, 48000, 19500.0),
    (48000, 8000, 3400.0),
    (8000, 8000, 3400.0),
    (96000, 48000, 22700.0),
    (192000, 8000, 3400.0),
    (11025, 8000, 3400.0),
    (48000, 48000, 19500.0),
]


def sine(rate: int, hz: float, count: int) -> np.ndarray:
    return np.sin(2 * np.pi * hz / rate * np.arange(count) + 0.3)


@pytest.mark.parametrize(("input_rate", "output_rate", "passband"), RATES)
@pytest.mark.parametrize("share", [0.003, 0.31, 0.77, 1.0])
def test_sines_of_the_passband_come_out_exact(
    input_rate: int, output_rate: int, passband: float, share: float
) -> None:
    hz = share * passband
    x = sine(input_rate, hz, input_rate // 4).astype(np.float32)
    found = Resampler(input_rate, output_rate, passband).process(x)
    margin = 300
    expected = sine(output_rate, hz, found.size)
    assert found.size > margin + 1000
    error = (found - expected)[margin:]
    assert 10 * np.log10(0.5 / np.mean(error**2)) > 80


@pytest.mark.parametrize(
    ("input_rate", "output_rate", "passband"),
    [rates for rates in RATES if rates[1] - rates[2] < rates[0] / 2],
)
def test_nothing_aliases_into_the_passband(
    input_rate: int, output_rate: int, passband: float
) -> None:
    """Every tone whose alias would fall into the passband comes out below -80 dB."""
    lowest = output_rate - passband
    loudest = []
    for hz in np.linspace(lowest, input_rate / 2 * 0.999, 9):
        x = sine(input_rate, float(hz), input_rate // 8).astype(np.float32)
        found = Resampler(input_rate, output_rate, passband).process(x)[300:]
        spectrum = np.abs(np.fft.rfft(found * np.hanning(found.size))) * 4 / found.size
        inside = np.fft.rfftfreq(found.size, 1 / output_rate) <= passband
        loudest.append(20 * np.log10(spectrum[inside].max()))
    assert max(loudest) < -80


@pytest.mark.parametrize(("input_rate", "output_rate", "passband"), RATES)
def test_output_does_not_depend_on_the_cutting(
    input_rate: int, output_rate: int, passband: float
) -> None:
    x = np.random.default_rng(1).normal(size=4001).astype(np.float32)
    whole = Resampler(input_rate, output_rate, passband).process(x)
    for size in (1, 7, 997):
        stage = Resampler(input_rate, output_rate, passband)
        parts = [stage.process(x[i : i + size]) for i in range(0, x.size, size)]
        parts.insert(len(parts) // 2, stage.process(x[:0]))
        joined = np.concatenate(parts)
        assert joined.size == whole.size
        np.testing.assert_allclose(joined, whole, atol=5e-6)


def test_a_long_stream_stays_in_step() -> None:
    """After ten minutes output n still lies at n / output_rate."""
    stage = Resampler(44100, 8000, 3400.0)
    zeros = np.zeros(44100, np.float32)
    made = sum(stage.process(zeros).size for _ in range(600))
    start = 600 * 44100
    x = np.sin(2 * np.pi * 1000.0 / 44100 * (start + np.arange(44100))).astype(np.float32)
    found = stage.process(x)
    expected = np.sin(2 * np.pi * 1000.0 / 8000 * (made + np.arange(found.size)))
    np.testing.assert_allclose(found[100:], expected[100:], atol=1e-4)


def test_interpolation_reads_a_delayed_signal_between_samples() -> None:
    """Rows of any start and step, as the receiver reads OFDM symbols."""
    rate, hz = 48000, 9100.0
    x = sine(rate, hz, 3000).astype(np.float32)
    table = interpolation_table(rate, rate, 19500.0)
    starts = np.array([100.25, 777.031, 1500.0])
    steps = np.array([1.0, 1.00013, 0.98])
    out = np.empty((3, 500), np.float32)
    interpolate(x, table, starts, steps, out)
    times = starts[:, None] + steps[:, None] * np.arange(500)
    np.testing.assert_allclose(out, np.sin(2 * np.pi * hz / rate * times + 0.3), atol=1e-4)


def test_positions_outside_read_zeros() -> None:
    x = np.ones(100, np.float32)
    table = interpolation_table(8000, 8000, 3400.0)
    out = np.empty((2, 5), np.float32)
    interpolate(x, table, np.array([-500.0, 600.5]), np.ones(2), out)
    assert not out.any()
    inside = np.empty((1, 1), np.float32)
    interpolate(x, table, np.array([50.37]), np.ones(1), inside)
    assert inside[0, 0] == pytest.approx(1, abs=1e-5)


def test_a_position_a_hair_below_a_sample_stays_within_the_table() -> None:
    x = np.arange(100, dtype=np.float32)
    table = np.full((600, 16), np.nan, np.float32)
    table[:513] = interpolation_table(8000, 8000, 3400.0)[:, :16]
    out = np.empty((1, 1), np.float32)
    interpolate(x, table[:513], np.array([-1e-20]), np.ones(1), out)
    assert np.isfinite(out).all()


def test_impossible_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="-1"):
        interpolation_table(48000, -1, 3400.0)
    with pytest.raises(ConfigError, match="0"):
        Resampler(0, 8000, 3400.0)
