"""Delay tracking against the Cramer-Rao bound, and the line through its estimates."""

import numpy as np
import pytest

from modem import profiles
from modem.sync.clock import fit_line, reliability, steady, track_delays
from modem.waveforms.ofdm import Numerology

NAMES = list(profiles)


def pilots_of(
    waveform: Numerology, delays: np.ndarray, gains: np.ndarray, snr_db: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Received over expected pilots of symbols with these delays and gains, in white noise."""
    bins = waveform.carriers[waveform.pilot_index(delays.size, waveform.carriers.size)]
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(*bins.shape, 2)) @ (1, 1j) * 10 ** (-snr_db / 20) / np.sqrt(2)
    turn = np.exp(-2j * np.pi / waveform.fft_size * delays[:, None] * bins)
    return (gains[:, None] * turn + noise).astype(np.complex64), bins


def track(
    pilots: np.ndarray, bins: np.ndarray, fft_size: int, reach: float = 2.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    symbols = len(pilots)
    delays, gains = np.empty(symbols), np.empty(symbols, np.complex128)
    quality = np.empty(symbols, np.float32)
    track_delays(pilots, bins, fft_size, reach, delays, gains, quality)
    return delays, gains, quality


def bound(bins: np.ndarray, fft_size: int, snr_db: float) -> np.ndarray:
    """(symbols,) Cramer-Rao bound on the variance of the delay of a known signal with unknown
    complex gain: 1 / (2 SNR (2 pi / N)**2 sum (k - mean k)**2). Kay, Estimation Theory, ch. 3."""
    spread = np.sum((bins - bins.mean(axis=1, keepdims=True)) ** 2, axis=1)
    return 1 / (2 * 10 ** (snr_db / 10) * (2 * np.pi / fft_size) ** 2 * spread)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("snr_db", [5, 15, 30, 45])
def test_delays_reach_the_cramer_rao_bound(name: str, snr_db: int) -> None:
    waveform = profiles[name].numerology
    rng = np.random.default_rng(snr_db)
    true = 0.3 * np.sin(np.arange(600) / 20) + rng.uniform(-0.05, 0.05, 600)
    gains = np.exp(1j * np.cumsum(rng.normal(0, 0.1, 600)))
    pilots, bins = pilots_of(waveform, true, gains, snr_db, seed=snr_db)
    found, _, _ = track(pilots, bins, waveform.fft_size)
    ratio = np.mean((found - true) ** 2 / bound(bins, waveform.fft_size, snr_db))
    # 600 squared Gaussians: 1 +- 0.06; complex64 input is exact to far more than is needed here.
    assert 0.8 < ratio < 1.35
    assert abs(np.mean((found - true) / np.sqrt(bound(bins, waveform.fft_size, snr_db)))) < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_gains_and_coherence_are_those_of_the_pilots(name: str) -> None:
    waveform = profiles[name].numerology
    gains = np.array([1, 0.5j, -2, 0.1 - 0.1j] * 10)
    pilots, bins = pilots_of(waveform, np.full(40, 0.2), gains, 90, seed=1)
    delays, found, quality = track(pilots, bins, waveform.fft_size)
    np.testing.assert_allclose(delays, 0.2, atol=1e-3)
    np.testing.assert_allclose(found, gains, atol=0.01)
    assert quality.min() > 0.999
    silent, _, quality = track(np.zeros_like(pilots), bins, waveform.fft_size)
    assert np.isfinite(silent).all()
    assert not quality.any()
    noise, bins = pilots_of(waveform, np.zeros(200), np.zeros(200), 0, seed=2)
    _, _, quality = track(noise, bins, waveform.fft_size)
    # The largest of a few correlations of p unit phasors with noise: a few times 1 / sqrt(p).
    assert np.median(quality) < 4 / np.sqrt(bins.shape[1])


@pytest.mark.parametrize("slope", [0.0, 0.21, -0.5])
def test_the_loop_follows_a_clock_beyond_its_reach(slope: float) -> None:
    """200 ppm of a symbol of 1056 samples are 0.21 samples a symbol; 100 symbols go 20 samples
    away, ten times the reach of a single step."""
    waveform = profiles["phone"].numerology
    true = slope * np.arange(100)
    pilots, bins = pilots_of(waveform, true, np.ones(100), 20, seed=4)
    found, _, _ = track(pilots, bins, waveform.fft_size, reach=1.5)
    assert np.abs(found - true).max() < 0.1


def test_the_loop_flies_over_a_drop_out() -> None:
    waveform = profiles["mp3"].numerology
    true = 0.1 * np.arange(84)
    pilots, bins = pilots_of(waveform, true, np.ones(84), 25, seed=5)
    rng = np.random.default_rng(6)
    pilots[30:36] = 0.02 * (rng.normal(size=(6, bins.shape[1], 2)) @ (1, 1j))
    found, _, quality = track(pilots, bins, waveform.fft_size)
    good = np.ones(84, bool)
    good[30:36] = False
    assert np.abs(found - true)[good].max() < 0.1
    assert quality[~good].max() < quality[good].min()
    slope, _ = fit_line(found, quality)
    assert slope == pytest.approx(0.1, abs=1e-3)


def test_line_through_clean_delays_is_exact() -> None:
    delays = 0.7 - 0.013 * np.arange(40)
    slope, jump = fit_line(delays, np.full(40, 0.99, np.float32))
    assert slope == pytest.approx(-0.013, abs=1e-9)
    assert jump == 0


def test_line_has_the_variance_of_least_squares() -> None:
    rng = np.random.default_rng(8)
    s = np.arange(60)
    sigma = 0.05
    slopes = [
        fit_line(0.02 * s + rng.normal(0, sigma, 60), np.full(60, 0.95, np.float32))[0]
        for _ in range(300)
    ]
    theory = sigma / np.sqrt(np.sum((s - s.mean()) ** 2))
    assert np.mean(slopes) == pytest.approx(0.02, abs=4 * theory / np.sqrt(300))
    assert 0.85 < np.std(slopes) / theory < 1.25


def test_outliers_do_not_bend_the_line() -> None:
    rng = np.random.default_rng(9)
    delays = 0.02 * np.arange(60) + rng.normal(0, 0.005, 60)
    coherence = np.full(60, 0.97, np.float32)
    clean, _ = fit_line(delays, coherence)
    delays[[3, 17, 40, 58]] += [5, -3, 1.2, 0.7]
    assert fit_line(delays, coherence)[0] == pytest.approx(clean, abs=3e-4)
    # Incoherent symbols do not count at all, however many there are in a row.
    coherence[20:32] = 0.1
    delays[20:32] = rng.normal(0, 30, 12)
    assert fit_line(delays, coherence)[0] == pytest.approx(clean, abs=4e-4)


def test_a_jump_is_told_from_a_slope() -> None:
    rng = np.random.default_rng(10)
    s = np.arange(30)
    coherence = np.full(30, 0.97, np.float32)
    for jump in (-0.8, 0.3):
        delays = 0.05 * s + jump * (s >= 12) + rng.normal(0, 0.002, 30)
        slope, found = fit_line(delays, coherence, 12)
        assert slope == pytest.approx(0.05, abs=1e-3)
        assert found == pytest.approx(jump, abs=0.01)


def test_a_line_of_too_few_symbols_is_level() -> None:
    assert fit_line(np.array([0.3]), np.ones(1, np.float32)) == (0.0, 0.0)
    slope, jump = fit_line(np.array([0.0, 0.1]), np.ones(2, np.float32))
    assert slope == pytest.approx(0.1)
    assert jump == 0


def test_reliability_grows_with_coherence() -> None:
    coherence = np.linspace(0, 1, 50).astype(np.float32)
    weight = reliability(coherence)
    assert (np.diff(weight) > 0).all()
    assert np.isfinite(weight).all()
    # Coherence c of p pilots at SNR g is sqrt(g / (1 + g)) or so: the weight is 1 + g.
    g = 10.0
    assert reliability(np.float32([np.sqrt(g / (1 + g))]))[0] == pytest.approx(1 + g, rel=0.01)


def test_steady_averages_neighbours_and_mistrusts_the_incoherent() -> None:
    values = np.array([1.0, 1, 1, 50, 1, 1, 1, 1])
    coherence = np.array([1, 1, 1, 0, 1, 1, 1, 1], np.float32)
    assert np.abs(steady(values, coherence) - 1).max() < 0.01
    equal = steady(np.arange(9.0) ** 2, np.full(9, 0.5, np.float32), 1)
    assert equal[4] == pytest.approx((9 + 16 + 25) / 3)
    assert equal[0] == pytest.approx(0.5)
