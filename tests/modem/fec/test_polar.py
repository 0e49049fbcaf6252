"""The header code against its definition, and at two noise levels."""

import functools

import numpy as np
import pytest

from modem.fec import polar
from modem.fec.crc import crc16


def receive(sent, esn0_db, rng):
    """LLRs of bits sent as QPSK at Es/N0 per complex symbol."""
    snr = 10 ** (esn0_db / 10)
    return ((1 - 2.0 * sent) * 2 * snr + np.sqrt(4 * snr) * rng.normal(size=256)).astype(np.float32)


def failures(esn0_db, count):
    rng = np.random.default_rng(11)
    missed = wrong = 0
    for _ in range(count):
        bits = rng.integers(0, 2, 48, dtype=np.uint8)
        found = polar.decode(receive(polar.encode(bits), esn0_db, rng))
        missed += found is None
        wrong += found is not None and not np.array_equal(found, bits)
    return missed, wrong


def test_code_words_are_rows_of_the_kronecker_power():
    kernel = np.array([[1, 0], [1, 1]], np.int64)
    transform = functools.reduce(np.kron, [kernel] * 8)
    bits = np.random.default_rng(0).integers(0, 2, 48, dtype=np.uint8)
    # The transform is its own inverse: it gives back what stood at each place.
    places = polar.encode(bits).astype(np.int64) @ transform % 2
    used = np.zeros(256, bool)
    for i in range(48):
        flipped = bits.copy()
        flipped[i] ^= 1
        used |= (polar.encode(flipped).astype(np.int64) @ transform % 2) != places
    word = places[polar._INFO_PLACES].astype(np.uint8)
    assert used[~polar._FROZEN].all()
    assert not places[polar._FROZEN].any()
    assert np.array_equal(word[:48], bits)
    assert crc16(np.packbits(word)[None])[0] == 0


def test_info_places_respect_the_partial_order():
    # A place stays good if a zero of its index becomes one or a one moves up (Schürch 2016).
    info = set(polar._INFO_PLACES.tolist())
    assert len(info) == 64
    for place in info:
        for i in range(8):
            assert place | 1 << i in info
            if i < 7 and place >> i & 1 and not place >> (i + 1) & 1:
                assert place ^ (3 << i) in info


def test_identity_without_noise():
    rng = np.random.default_rng(1)
    for _ in range(20):
        bits = rng.integers(0, 2, 48, dtype=np.uint8)
        sent = polar.encode(bits)
        for size in (0.1, 5.0, 1e30, np.inf):
            assert np.array_equal(polar.decode(np.where(sent, -size, size)), bits)


def test_error_rates():
    # Published for list 8 and CRC-16: 1e-3 at -1.14 dB.
    missed, wrong = failures(-2.0, 2000)
    assert 10 <= missed <= 70
    assert wrong <= 1
    missed, wrong = failures(-0.8, 2000)
    assert missed <= 4
    assert wrong == 0


def test_noise_hardly_ever_passes():
    noise = np.random.default_rng(2).normal(size=(3000, 256)).astype(np.float32)
    assert sum(polar.decode(row) is not None for row in noise) <= 3


def test_silence_and_invalid_numbers_are_no_header():
    assert polar.decode(np.zeros(256, np.float32)) is None
    assert polar.decode(np.full(256, np.nan, np.float32)) is None
    assert polar.decode(np.full(256, 5, np.float32)) is None


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="48"):
        polar.encode(np.zeros(47, np.uint8))
    with pytest.raises(ValueError, match="256"):
        polar.decode(np.zeros(255, np.float32))
