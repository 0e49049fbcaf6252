"""The channel smoother against known short channels, and the moving average against numpy."""

import numpy as np
import pytest

from modem import profiles
from modem.equalizer import ChannelSmoother, moving_average

NAMES = [name for name, profile in profiles.items() if not profile.variant]


def short_channel(name: str, seed: int) -> np.ndarray:
    """Transfer function on the carriers of random taps in the middle half of the prefix."""
    waveform = profiles[name].numerology
    rng = np.random.default_rng(seed)
    delays = rng.uniform(waveform.prefix / 4, 3 * waveform.prefix / 4, 6)
    taps = rng.normal(size=(6, 2)) @ (1, 1j) / np.sqrt(12)
    return np.exp(-2j * np.pi / waveform.fft_size * np.outer(waveform.carriers, delays)) @ taps


def looks_at(channel: np.ndarray, looks: np.ndarray, noise: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    error = rng.normal(size=(channel.size, 2)) @ (1, 1j) * np.sqrt(noise / 2)
    return np.where(looks > 0, channel + error / np.sqrt(np.maximum(looks, 1e-9)), 1e6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("snr_db", [0, 10, 20, 40])
def test_smoothing_gains_what_the_short_response_allows(name: str, snr_db: int) -> None:
    """White noise spreads over all delays, a channel estimate from every carrier keeps that of
    the 1.5 prefixes of its model: 10 log10(N / (1.5 prefix)) = 12.8 dB for the phone and more for
    others, less a little for the ends of the band; the prior gains the more the less SNR."""
    waveform = profiles[name].numerology
    smoother = ChannelSmoother(waveform)
    looks = np.ones(waveform.carriers.size)
    noise = 10 ** (-snr_db / 10)
    share = 1.5 * waveform.prefix / waveform.fft_size
    gains = []
    # A long prefix has hundreds of delays: one estimate averages over enough of the noise.
    for seed in range(6 if share * waveform.carriers.size < 100 else 1):
        channel = short_channel(name, seed)
        power = np.mean(np.abs(channel) ** 2)
        raw = looks_at(channel, looks, noise * power, seed)
        found = smoother.smooth(raw, looks, noise)
        gains.append(power * noise / np.mean(np.abs(found - channel) ** 2))
    theory = -10 * np.log10(share)
    gain_db = 10 * np.log10(np.mean(gains))
    assert gain_db > theory - 3.0
    if snr_db >= 20:  # where the prior hardly matters there is no more to gain
        assert gain_db < theory + 1.5


@pytest.mark.parametrize("name", NAMES)
def test_training_on_every_second_carrier_is_enough(name: str) -> None:
    waveform = profiles[name].numerology
    smoother = ChannelSmoother(waveform)
    looks = np.zeros(waveform.carriers.size)
    looks[waveform.training_index] = 1
    channel = short_channel(name, 1)
    exact = smoother.smooth(looks_at(channel, looks, 0, 1), looks, 1e-8)
    power = np.mean(np.abs(channel) ** 2)
    assert np.mean(np.abs(exact - channel) ** 2) < 1e-5 * power
    noisy = smoother.smooth(looks_at(channel, looks, 0.01 * power, 1), looks, 0.01)
    gain_db = 10 * np.log10(0.01 * power / np.mean(np.abs(noisy - channel) ** 2))
    theory = -10 * np.log10(3 * waveform.prefix / waveform.fft_size)
    assert gain_db > theory - 2.5


def test_looks_weigh_like_repetitions() -> None:
    """A mean of 4 looks counts as much as those 4 looks would."""
    waveform = profiles["phone"].numerology
    smoother = ChannelSmoother(waveform)
    channel = short_channel("phone", 3)
    looks = np.where(np.arange(channel.size) % 3 == 0, 4.0, 0.25)
    raw = looks_at(channel, looks, 0.1, 3)
    found = smoother.smooth(raw, looks, 0.1)
    ignoring = smoother.smooth(raw, np.ones(channel.size), 0.1)
    error, worse = (np.mean(np.abs(x - channel) ** 2) for x in (found, ignoring))
    assert error < 0.8 * worse
    np.testing.assert_allclose(smoother.smooth(raw, 2 * looks, 0.2), found, atol=1e-5)


def test_smoothing_is_linear() -> None:
    smoother = ChannelSmoother(profiles["mp3"].numerology)
    a, b = short_channel("mp3", 1), short_channel("mp3", 2)
    looks = np.ones(a.size)
    both = smoother.smooth(2 * a - 3j * b, looks, 0.05)
    each = 2 * smoother.smooth(a, looks, 0.05) - 3j * smoother.smooth(b, looks, 0.05)
    np.testing.assert_allclose(both, each, atol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 5, 30])
@pytest.mark.parametrize("reach", [0, 1, 2, 7, 40])
def test_moving_average_is_the_mean_of_the_neighbours(size: int, reach: int) -> None:
    rng = np.random.default_rng(size)
    x = rng.normal(size=(size, 2)) @ (1, 1j)
    weight = rng.uniform(0.1, 3, size)
    near = [slice(max(i - reach, 0), i + reach + 1) for i in range(size)]
    plain = [x[part].mean() for part in near]
    weighted = [np.average(x[part], weights=weight[part]) for part in near]
    np.testing.assert_allclose(moving_average(x, reach), plain, atol=1e-12)
    np.testing.assert_allclose(moving_average(x.real, reach), np.real(plain), atol=1e-12)
    np.testing.assert_allclose(moving_average(x, reach, weight), weighted, atol=1e-12)


@pytest.mark.parametrize("kind", [np.float32, np.complex64])
def test_a_large_value_leaves_no_trace_beyond_its_reach(kind: type) -> None:
    x = np.full(300, 1e-4, kind)
    x[10] = 1e5
    np.testing.assert_allclose(moving_average(x, 12)[30:], 1e-4, rtol=1e-4)
