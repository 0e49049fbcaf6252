"""Interleaver and scrambler against their definitions, bit by bit."""

from math import gcd

import numpy as np
import pytest

from modem.fec.interleaver import (
    deinterleave,
    golden_permutation,
    interleave,
    scrambling_sequence,
)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 128, 129, 997, 4096, 33432])
def test_golden_permutation_visits_everything_once(size: int) -> None:
    found = golden_permutation(size)
    np.testing.assert_array_equal(np.sort(found), np.arange(size))
    step = max(round(size * (5**0.5 - 1) / 2), 1)
    while gcd(step, size) > 1:
        step += 1
    np.testing.assert_array_equal(found, [i * step % size for i in range(size)])


def test_golden_permutation_keeps_neighbours_apart() -> None:
    """A run of lost places costs evenly spread bits: no window of the code word loses more than
    twice its share."""
    size, run = 5000, 500
    order = golden_permutation(size)
    for start in (0, 1234, 4500):
        lost = (order - start) % size < run
        windows = lost[: size // 100 * 100].reshape(-1, 100).sum(axis=1)
        assert windows.min() >= 5
        assert windows.max() <= 20


def strengths(cells: int, order: int) -> np.ndarray:
    """Rank of every label bit: of each half of a label the first is the strongest."""
    half = order // 2
    return np.tile(half - 1 - np.arange(order) % half, cells)


def slots_of(cells: int, order: int, blocks: int, length: int) -> np.ndarray:
    """(blocks, length) places of the blocks' bits among all label bits."""
    numbers = np.arange(cells * order, dtype=np.float32).reshape(cells, order)
    plain = np.zeros(cells * order // 8 + 1, np.uint8)
    return deinterleave(numbers, plain, blocks, range(blocks), length).astype(np.int64)


@pytest.mark.parametrize(
    ("cells", "order", "blocks", "length"),
    [(250, 2, 1, 500), (253, 4, 3, 333), (1053, 12, 14, 901), (3, 6, 8, 2)],
)
def test_slots_follow_the_ranks_and_the_golden_permutation(
    cells: int, order: int, blocks: int, length: int
) -> None:
    """By definition: slots sorted by falling strength, each rank permuted, dealt out in turn."""
    rank = strengths(cells, order)
    dealt = [
        np.flatnonzero(rank == r)[golden_permutation(2 * cells)] for r in range(rank.max(), -1, -1)
    ]
    slots = np.concatenate(dealt)[: blocks * length].reshape(length, blocks).T
    assert np.unique(slots).size == slots.size
    llr = np.random.default_rng(1).normal(size=(cells, order)).astype(np.float32)
    scramble = np.random.default_rng(2).integers(0, 2, cells * order, dtype=np.uint8)
    flat = llr.ravel() * (1 - 2.0 * scramble)
    coded = np.random.default_rng(3).integers(0, 2, slots.shape, dtype=np.uint8)
    bits = scramble.copy()
    bits[slots] ^= coded
    np.testing.assert_array_equal(interleave(coded, scramble, order), bits.reshape(cells, order))
    some = range(blocks // 2, blocks)
    found = deinterleave(llr, np.packbits(scramble), blocks, some, length)
    np.testing.assert_array_equal(found, flat[slots[blocks // 2 :]])


def test_every_block_gets_the_strongest_slots_first_and_a_fair_share() -> None:
    strength = strengths(1000, 6)
    slots = slots_of(1000, 6, 7, 850)
    received = strength[slots]
    assert (np.diff(received, axis=1) <= 0).all()
    counts = np.stack([(received == rank).sum(axis=1) for rank in (0, 1, 2)])
    assert (np.ptp(counts, axis=1) <= 1).all()
    # Slots left over are of the weakest kind.
    unused = np.setdiff1d(np.arange(strength.size), slots)
    assert (strength[unused] == 0).all()


def test_a_burst_costs_every_block_about_the_same() -> None:
    """A tenth of the superframe in one piece: each block loses a tenth of its bits."""
    slots = slots_of(5000, 6, 10, 3000)
    for start in (0, 9999, 27000):
        lost = ((slots >= start) & (slots < start + 3000)).mean(axis=1)
        np.testing.assert_allclose(lost, 0.1, atol=0.015)


@pytest.mark.parametrize("size", [0, 1, 5, 22, 23, 24, 46, 47, 1000, 20011])
def test_scrambler_is_the_shift_register_of_o150(size: int) -> None:
    register = [1] * 23  # oldest first
    expected = []
    for _ in range(size):
        expected.append(register[0])
        register = [*register[1:], register[5] ^ register[0]]  # b[n] = b[n-18] ^ b[n-23]
    found = scrambling_sequence(size)
    assert found.dtype == np.uint8
    assert found.tolist() == expected


def test_scrambler_is_balanced() -> None:
    bits = scrambling_sequence(1 << 20).astype(float)
    assert abs(bits.mean() - 0.5) < 0.002
    for lag in (1, 2, 3, 24, 1000):
        assert abs(np.mean(bits[lag:] == bits[:-lag]) - 0.5) < 0.003
