"""Square QAM against geometry, brute force, the closed form of its bit error rate and the bit-wise
mutual information of its shaped levels."""

from math import erfc, log10, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from modem import ConfigError
from modem.constellation import amplitudes, hard_decide, map_bits, soft_demap
from modem.ladder import shape_of

ORDERS = range(2, 15, 2)


def labels(order: int) -> np.ndarray:
    """(2**order, order) all labels as bits, first bit highest."""
    shifts = np.arange(order - 1, -1, -1)
    return ((np.arange(1 << order)[:, None] >> shifts) & 1).astype(np.uint8)


def noisy(order: int, count: int, noise_var: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random bits (count, order) and their symbols in white noise."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, order), dtype=np.uint8)
    noise = rng.normal(size=(count, 2)) @ (1, 1j) * np.sqrt(noise_var / 2)
    return bits, (map_bits(bits, order) + noise).astype(np.complex64)


def bit_error_rates(order: int, esn0: float) -> np.ndarray:
    """(order/2,) error probability of each bit of one dimension.

    Cho & Yoon, On the general BER expression of one- and two-dimensional amplitude modulations,
    IEEE Trans. Commun. 50, 2002, eq. (9), with the log2(M) * Eb/N0 of eq. (14) written as Es/N0.
    """
    levels = 1 << (order // 2)
    rates = []
    for k in range(1, order // 2 + 1):
        total = 0.0
        for i in range(levels - (levels >> k)):
            turn = i * 2 ** (k - 1) // levels
            weight = (-1) ** turn * (2 ** (k - 1) - int(i * 2 ** (k - 1) / levels + 0.5))
            total += weight * erfc((2 * i + 1) * sqrt(3 * esn0 / (2 * ((1 << order) - 1))))
        rates.append(total / levels)
    return np.array(rates)


def snr_for(order: int, rate: float) -> float:
    """Es/N0 at which the mean bit error rate is this; by bisection."""
    low, high = 1e-3, 1e6
    for _ in range(60):
        middle = sqrt(low * high)
        low, high = (
            (middle, high) if bit_error_rates(order, middle).mean() > rate else (low, middle)
        )
    return low


@pytest.mark.parametrize("order", ORDERS)
def test_neighbours_differ_in_one_bit(order: int) -> None:
    points = map_bits(labels(order), order)
    step = 2 * np.abs(points.real).min()
    grid = np.round(np.stack((points.real, points.imag)) / step - 0.5).astype(int)
    side = 1 << (order // 2)
    grid -= grid.min()
    table = np.full((side, side), -1)
    table[grid[0], grid[1]] = np.arange(points.size)
    assert (table >= 0).all()
    for difference in (table[1:] ^ table[:-1], table[:, 1:] ^ table[:, :-1]):
        assert all(int(value).bit_count() == 1 for value in difference.ravel())


@pytest.mark.parametrize("order", ORDERS)
def test_points_have_unit_power_and_no_mean(order: int) -> None:
    points = map_bits(labels(order), order)
    assert np.mean(np.abs(points.astype(complex)) ** 2) == pytest.approx(1, abs=1e-6)
    assert abs(points.mean()) < 1e-6
    assert np.unique(points).size == 1 << order


def test_the_first_labels_are_those_of_3gpp() -> None:
    # TS 38.211 5.1.3 to 5.1.5, with b(0) b(2) ... for I in the first half of our label.
    np.testing.assert_allclose(amplitudes(4) * sqrt(10), [1, 3, -1, -3], rtol=1e-6)
    np.testing.assert_allclose(amplitudes(6) * sqrt(42), [3, 1, 5, 7, -3, -1, -5, -7], rtol=1e-6)
    assert map_bits(np.zeros((1, 2), np.uint8), 2)[0] == pytest.approx((1 + 1j) / sqrt(2))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("rate", [0.05, 0.003])
def test_uncoded_error_rate_of_every_bit_is_that_of_theory(order: int, rate: float) -> None:
    count = 40_000 if rate > 0.01 else 120_000
    esn0 = snr_for(order, rate)
    bits, symbols = noisy(order, count, 1 / esn0, seed=order)
    llr = soft_demap(symbols, np.full(count, 1 / esn0, np.float32), order)
    wrong = ((llr < 0) != bits).reshape(count, 2, order // 2).sum(axis=(0, 1))
    expected = 2 * count * bit_error_rates(order, esn0)
    assert (np.abs(wrong - expected) < 4.5 * np.sqrt(expected)).all(), (wrong, expected)


@pytest.mark.parametrize("shape", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("order", ORDERS)
def test_llrs_are_those_of_a_search_over_all_points(order: int, shape: float) -> None:
    count = 24 if order == 14 else 200
    _, symbols = noisy(order, count, 0.05, seed=order)
    noise_var = np.random.default_rng(1).uniform(0.001, 3, count).astype(np.float32)
    label = labels(order).astype(bool)
    points = map_bits(labels(order), order, shape).astype(complex)
    distance = np.abs(symbols[:, None].astype(complex) - points) ** 2
    expected = np.stack(
        [
            distance[:, label[:, j]].min(axis=1) - distance[:, ~label[:, j]].min(axis=1)
            for j in range(order)
        ],
        axis=1,
    )
    found = soft_demap(symbols, noise_var, order, shape)
    np.testing.assert_allclose(found * noise_var[:, None], expected, atol=2e-6, rtol=2e-5)


def test_qpsk_llrs_are_true_log_odds() -> None:
    """Of bits with |llr| near L a share of 1 / (1 + exp(L)) is wrong: this fixes sign and scale."""
    noise_var = 0.7
    bits, symbols = noisy(2, 200_000, noise_var, seed=3)
    llr = soft_demap(symbols, np.full(len(bits), noise_var, np.float32), 2)
    wrong = (llr < 0) != bits
    for low in (0.0, 0.5, 1.0, 2.0, 3.0, 4.0):
        near = (np.abs(llr) >= low) & (np.abs(llr) < low + 0.5)
        expected = np.sum(1 / (1 + np.exp(np.abs(llr[near]).astype(float))))
        assert abs(wrong[near].sum() - expected) < 4.5 * np.sqrt(expected)


@pytest.mark.parametrize("order", ORDERS)
def test_hard_decisions_are_the_nearest_points(order: int) -> None:
    points = map_bits(labels(order), order)
    np.testing.assert_allclose(hard_decide(points, order), points, atol=1e-6)
    count = 100 if order == 14 else 400
    _, symbols = noisy(order, count, 0.5, seed=order)  # many lie outside the square
    nearest = points[np.argmin(np.abs(symbols[:, None] - points), axis=1)]
    np.testing.assert_allclose(hard_decide(symbols, order), nearest, atol=1e-6)
    square = symbols.reshape(4, -1)
    np.testing.assert_array_equal(hard_decide(square, order).ravel(), hard_decide(symbols, order))


def test_impossible_orders_are_refused() -> None:
    for order in (0, 1, 3, 26, -2):
        with pytest.raises(ConfigError, match=str(order)):
            amplitudes(order)
    for shape in (-0.1, 1.0):
        with pytest.raises(ConfigError, match=str(shape)):
            amplitudes(4, shape)


def test_shaped_levels_are_quantiles_of_a_gaussian_that_is_cut_off() -> None:
    """Levels in ascending order have equal shares of the Gaussian between them."""
    shape = 0.9
    levels = np.sort(amplitudes(8, shape).astype(float))
    scale = minimize_scalar(
        lambda a: np.ptp(np.diff(norm.cdf(a * levels))), bounds=(0.5, 4), method="bounded"
    ).x
    np.testing.assert_allclose(np.diff(norm.cdf(scale * levels)), shape / levels.size, rtol=1e-3)
    assert np.mean(levels**2) == pytest.approx(0.5)


def needed_db(order: int, shape: float, bits: float) -> float:
    """SNR at which the bit-wise mutual information is so many bits; Gauss-Hermite integration of
    Caire, Taricco & Biglieri, Bit-interleaved coded modulation, IEEE Trans. IT 44, 1998."""
    half = order // 2
    levels = amplitudes(order, shape).astype(float) * sqrt(2)
    ones = (np.arange(levels.size)[:, None] >> np.arange(half)) & 1 == 1
    points, weights = np.polynomial.hermite_e.hermegauss(31)

    def missing(snr_db: float) -> float:
        sigma = 10 ** (-snr_db / 20)
        received = levels[:, None] + sigma * points
        likelihood = np.exp(-((received[..., None] - levels) ** 2) / (2 * sigma**2)) + 1e-300
        total = likelihood.sum(axis=-1)
        information = 0.0
        for j in range(half):
            same = ones[:, j][:, None] == ones[:, j]
            own = np.einsum("ikj,ij->ik", likelihood, same)
            loss = (np.log2(total / own) * weights).sum(axis=1) / weights.sum()
            information += 1 - loss.mean()
        return 2 * information - bits

    return float(brentq(missing, 0, 60))


@pytest.mark.parametrize(("order", "rate"), [(6, 0.7), (8, 0.65), (8, 0.75), (10, 0.7), (10, 0.8)])
def test_shaped_levels_come_within_1_db_of_shannon(order: int, rate: float) -> None:
    bits = order * rate
    shannon_db = 10 * log10(2**bits - 1)
    shaped = needed_db(order, shape_of(order, rate), bits)
    assert shaped - shannon_db < 0.9
    assert needed_db(order, 0.0, bits) - shaped > 0.2
    best = min(needed_db(order, shape, bits) for shape in np.arange(0.7, 0.99, 0.01))
    assert shaped - best < 0.05
