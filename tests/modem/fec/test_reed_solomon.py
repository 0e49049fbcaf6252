"""Reed-Solomon across blocks, with reedsolo as the reference."""

import itertools

import numpy as np
import pytest
import reedsolo

from modem.fec.reed_solomon import TooManyErasuresError, encode, recover


def random_blocks(k, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (k, size), dtype=np.uint8)


@pytest.mark.parametrize(("k", "parity"), [(1, 1), (4, 2), (16, 3), (64, 5), (200, 55), (254, 1)])
def test_parity_equals_reedsolo(k, parity):
    data = random_blocks(k, 4)
    reference = reedsolo.RSCodec(parity)
    for j, column in enumerate(encode(data, parity).T):
        assert bytes(reference.encode(bytes(data[:, j])))[k:] == bytes(column)


@pytest.mark.parametrize("parity", [1, 2, 3])
def test_every_pattern_of_erasures(parity):
    data = random_blocks(5, 7)
    sent = np.concatenate((data, encode(data, parity)))
    for count in range(parity + 1):
        for lost in itertools.combinations(range(5 + parity), count):
            erased = np.isin(np.arange(5 + parity), lost)
            received = np.where(erased[:, None], np.uint8(0xA5), sent)
            assert np.array_equal(recover(received, erased, parity), data)


def test_many_erasures_in_long_words():
    data = random_blocks(200, 33)
    sent = np.concatenate((data, encode(data, 55)))
    erased = np.zeros(255, bool)
    erased[np.random.default_rng(1).choice(255, 55, replace=False)] = True
    sent[erased] = 0
    assert np.array_equal(recover(sent, erased, 55), data)


def test_one_erasure_too_many():
    data = random_blocks(4, 10)
    sent = np.concatenate((data, encode(data, 2)))
    with pytest.raises(TooManyErasuresError, match="3 of 6 blocks lost, parity 2"):
        recover(sent, np.arange(6) < 3, 2)


def test_no_parity():
    data = random_blocks(4, 10)
    assert encode(data, 0).shape == (0, 10)
    assert np.array_equal(recover(data, np.zeros(4, bool), 0), data)


def test_input_is_left_alone():
    data = random_blocks(4, 10)
    sent = np.concatenate((data, encode(data, 2)))
    kept = sent.copy()
    recover(sent, np.array([1, 0, 0, 0, 0, 0], bool), 2)
    assert np.array_equal(sent, kept)


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="at most 255"):
        encode(random_blocks(250, 2), 6)
    with pytest.raises(ValueError, match="float64"):
        encode(np.zeros((3, 3)), 1)
    with pytest.raises(ValueError, match="erased"):
        recover(random_blocks(4, 2), np.zeros(3, bool), 1)
