"""At which signal-to-noise ratio the speeds decode: bounds on both sides of the table's figure."""

import numpy as np
import pytest

import modem

CASES = [
    ("phone", 1), ("phone", 4), ("phone", 12), ("phone", 25), ("phone", 39),
    ("mp3", 1), ("mp3", 6), ("mp3", 18), ("mp3", 28),
    ("cable", 1), ("cable", 4), ("cable", 11), ("cable", 20), ("cable", 34),
]  # fmt: skip


def in_noise(sent, snr_db: float, seed: int) -> np.ndarray:
    """The signal and 0.3 s ahead of it in white noise; snr of a cell.

    Noise of variance v a sample has v * 2 * loaded / fft_size in a cell whose signal has the
    level's power.
    """
    waveform = sent.profile.numerology
    loaded = np.count_nonzero(waveform.carrier_hz <= sent.speed.top_hz)
    ratio = waveform.fft_size / (2 * loaded)
    power = 10 ** ((sent.profile.level_dbfs - snr_db) / 10) * ratio
    x = np.concatenate((np.zeros(sent.rate * 3 // 10), sent.samples))
    return (x + np.random.default_rng(seed).normal(0, np.sqrt(power), x.size)).astype(np.float32)


@pytest.mark.parametrize(("name", "speed"), CASES)
def test_the_needed_snr_is_the_tables(send, listen, name, speed) -> None:
    """1 dB above all packets arrive, 3.5 dB below none; and none is ever wrong."""
    sent = send(name, speed, superframes=2, seed=7)
    needed = sent.speed.snr_db
    enough = listen(in_noise(sent, needed + 1, 3), sent.rate)
    assert enough.packets == sent.packets
    too_little = listen(in_noise(sent, needed - 3.5, 3), sent.rate)
    assert too_little.packets == ()


@pytest.mark.parametrize(("name", "speed"), [("phone", 12), ("mp3", 16), ("cable", 8)])
def test_decode_counts_between(send, listen, name, speed) -> None:
    """From 2 dB below the table to its figure the number of packets climbs from next to none to
    nearly all: a decoder that got worse or too good to be true moves this."""
    sent = send(name, speed, superframes=4, seed=8)
    shares = []
    for offset in (-2.0, -1.0, 0.0):
        heard = listen(in_noise(sent, sent.speed.snr_db + offset, 4), sent.rate)
        assert set(heard.packets) <= set(sent.packets)
        assert len(set(heard.packets)) == len(heard.packets)
        shares.append(len(heard.packets) / len(sent.packets))
    assert shares[0] <= 0.1
    assert shares == sorted(shares)
    assert shares[1] < 0.95
    assert shares[2] > 0.6


def test_losses_are_counted(send, listen) -> None:
    """Packets and BlockLost add up to what was sent."""
    sent = send("cable", 20, superframes=3, seed=9)
    heard = listen(in_noise(sent, sent.speed.snr_db - 0.9, 5), sent.rate)
    lost = sum(event.count for event in heard.of(modem.BlockLost))
    assert lost > 0
    assert len(heard.packets) + lost == len(sent.packets)


@pytest.mark.parametrize("name", ["phone", "cable"])
def test_the_most_robust_speed_is_found_in_strong_noise(send, listen, name) -> None:
    """Detection, timing and header reach as low as the lowest speed does."""
    sent = send(name, 1, superframes=3, seed=10)
    for seed in range(3):
        heard = listen(in_noise(sent, sent.speed.snr_db + 1, seed), sent.rate)
        assert heard.packets == sent.packets
