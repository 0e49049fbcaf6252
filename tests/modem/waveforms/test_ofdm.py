"""OFDM symbols against sums of cosines written out."""

import numpy as np
import pytest

from modem import ConfigError, profiles
from modem.waveforms.ofdm import Numerology

NUMEROLOGIES = list(dict.fromkeys(profile.numerology for profile in profiles.values()))
SMALL = Numerology(8000, 64, 8, 500.0, 3500.0, 4)
all_numerologies = pytest.mark.parametrize("waveform", [*NUMEROLOGIES, SMALL])


def random_cells(waveform: Numerology, symbols: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    shape = (symbols, waveform.carriers.size)
    cells = rng.choice([1, -1, 1j, -1j], shape) * rng.choice([0.6, np.sqrt(2 - 0.36)], shape)
    return cells.astype(np.complex64)


def test_a_symbol_is_a_sum_of_cosines() -> None:
    cells = random_cells(SMALL, 1)[0].astype(complex)
    n = np.arange(-SMALL.prefix, SMALL.fft_size)
    angle = 2 * np.pi * np.outer(SMALL.carriers, n) / SMALL.fft_size
    expected = np.sum(
        cells.real[:, None] * np.cos(angle) - cells.imag[:, None] * np.sin(angle), axis=0
    ) * np.sqrt(2 / cells.size)
    found = SMALL.modulate(cells[None].astype(np.complex64), SMALL.prefix)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@all_numerologies
def test_carriers_are_the_bins_inside_the_band(waveform: Numerology) -> None:
    hz = np.arange(waveform.fft_size // 2) * waveform.sample_rate / waveform.fft_size
    inside = np.flatnonzero((hz >= waveform.low_hz) & (hz <= waveform.high_hz))
    np.testing.assert_array_equal(waveform.carriers, inside)


@all_numerologies
@pytest.mark.parametrize("prefix", [0, 3])
def test_demodulation_undoes_modulation(waveform: Numerology, prefix: int) -> None:
    cells = random_cells(waveform, 5)
    samples = waveform.modulate(cells, prefix)
    assert samples.dtype == np.float32
    assert samples.shape == (5 * (waveform.fft_size + prefix),)
    windows = samples.reshape(5, -1)[:, prefix:]
    np.testing.assert_allclose(waveform.demodulate(windows), cells, atol=3e-5)


@all_numerologies
def test_cells_of_unit_power_give_an_rms_of_one(waveform: Numerology) -> None:
    cells = random_cells(waveform, 8)
    cells /= np.sqrt(np.mean(np.abs(cells) ** 2, axis=1, keepdims=True))
    samples = waveform.modulate(cells, 0).reshape(8, -1)
    np.testing.assert_allclose(np.sqrt(np.mean(samples**2, axis=1)), 1, atol=1e-5)


@all_numerologies
def test_the_prefix_repeats_the_end(waveform: Numerology) -> None:
    size, prefix = waveform.fft_size, waveform.prefix
    rows = waveform.modulate(random_cells(waveform, 3), prefix).reshape(3, -1)
    assert rows.shape[1] == waveform.symbol_samples
    np.testing.assert_array_equal(rows[:, :prefix], rows[:, size:])


@all_numerologies
def test_a_window_anywhere_in_the_prefix_only_turns_phases(waveform: Numerology) -> None:
    """The reason for the prefix: an early window sees a delay, not its neighbours."""
    cells = random_cells(waveform, 2)
    samples = waveform.modulate(cells, waveform.prefix)
    early = waveform.prefix // 2
    start = waveform.symbol_samples + waveform.prefix - early
    found = waveform.demodulate(samples[start : start + waveform.fft_size][None])[0]
    turn = np.exp(-2j * np.pi * waveform.carriers * early / waveform.fft_size)
    np.testing.assert_allclose(found, cells[1] * turn, atol=3e-5)


@all_numerologies
def test_carriers_are_orthogonal(waveform: Numerology) -> None:
    one = np.zeros((1, waveform.carriers.size), np.complex64)
    one[0, waveform.carriers.size // 3] = 1
    found = waveform.demodulate(waveform.modulate(one, 0)[None])[0]
    found[waveform.carriers.size // 3] -= 1
    assert np.abs(found).max() < 1e-6


@all_numerologies
def test_noise_power_per_cell_is_that_of_the_band(waveform: Numerology) -> None:
    """White noise of unit rms has N/2 bins of power; the signal puts all of its into `carriers`."""
    noise = np.random.default_rng(2).normal(
        size=(4000 * 64 // waveform.fft_size, waveform.fft_size)
    )
    cells = waveform.demodulate(noise.astype(np.float32))
    expected = 2 * waveform.carriers.size / waveform.fft_size
    assert np.mean(np.abs(cells) ** 2) == pytest.approx(expected, rel=0.03)


@all_numerologies
def test_training_and_header_share_the_header_band(waveform: Numerology) -> None:
    both = np.concatenate((waveform.training_index, waveform.header_index))
    np.testing.assert_array_equal(np.sort(both), np.arange(waveform.header_band))


@all_numerologies
def test_reference_cells_have_a_low_crest_factor(waveform: Numerology) -> None:
    k = np.arange(waveform.carriers.size)
    formula = np.exp(-1j * np.pi * k**2 / waveform.header_band)
    np.testing.assert_allclose(waveform.reference, formula, atol=2e-4)
    peak = np.abs(waveform.modulate(waveform.reference[None], 0)).max()
    chirps = k.size / waveform.header_band  # at a time, of equal strength
    assert 20 * np.log10(peak) < 6.0 + 10 * np.log10(chirps)


@all_numerologies
def test_pilot_combs(waveform: Numerology) -> None:
    spacing, count = waveform.pilot_spacing, waveform.carriers.size
    pilots = waveform.pilot_index(2 * spacing, waveform.carriers.size)
    assert pilots.min() >= 0
    assert pilots.max() < count
    assert (np.diff(pilots, axis=1) == spacing).all()
    assert pilots.shape[1] == count // spacing
    # Before the comb repeats, every carrier that has one in reach has been a pilot once.
    once, again = pilots[:spacing], pilots[spacing:]
    assert np.unique(once).size == once.size
    np.testing.assert_array_equal(once, again)


@all_numerologies
def test_a_few_symbols_already_spread_pilots_over_the_band(waveform: Numerology) -> None:
    """The golden section leaves at most three different gaps, the largest twice the ideal or so
    (Swierczkowski 1958); equal steps of one carrier would leave gaps of nearly `spacing`."""
    spacing = waveform.pilot_spacing
    for symbols in (2, 3, 5, 8):
        if symbols > spacing:
            break
        seen = np.unique(waveform.pilot_index(symbols, waveform.carriers.size))
        assert np.diff(seen).max() <= 2.7 * spacing / symbols


def test_impossible_numerologies_are_refused() -> None:
    with pytest.raises(ConfigError, match="band"):
        Numerology(8000, 64, 8, 3000.0, 2000.0, 4)
    with pytest.raises(ConfigError, match="band"):
        Numerology(8000, 64, 8, 100.0, 4000.0, 4)
    with pytest.raises(ConfigError, match="66"):
        Numerology(8000, 66, 8, 100.0, 3000.0, 4)
    with pytest.raises(ConfigError, match="prefix 64"):
        Numerology(8000, 64, 64, 100.0, 3000.0, 4)
