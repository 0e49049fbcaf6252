"""The Huffman coder against theory, and against hostile input."""

import argparse
import heapq
import inspect
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing import huffman
from framing._huffman_classes import (
    LOGS,
    WEIGHTS,
    choose_classes,
    class_counts,
    count_pairs,
    least_bits,
)
from framing._huffman_codes import (
    CLASSES_MAX,
    LENGTH_MAX,
    TABLE_BYTES_MAX,
    canonical_codes,
    plan_lengths,
    read_classes,
    read_lengths,
    write_classes,
    write_lengths,
)
from framing.errors import MalformedError

RNG = np.random.default_rng(7)
TEXT = (b"It was the best of times, it was the worst of times, it was the age of wisdom. " * 900)[
    :65536
]
PIXELS = RNG.normal(0, 12, 65536).round().clip(-128, 127).astype(np.int8).tobytes()


def entropy_bytes(data):
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    share = counts[counts > 0] / len(data)
    return float(-(share * np.log2(share)).sum() * len(data) / 8)


def huffman_bits(counts):
    """Total bits of an unbounded Huffman code: the sum of all merged weights."""
    heap = [count for count in counts if count]
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


def code_lengths(data):
    lengths = np.zeros((1, 256), np.uint8)
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256).astype(np.int32)
    bits = plan_lengths(counts[np.newaxis], lengths)
    return lengths[0].astype(int), bits


def prose(size):
    """Sentences of the standard library's own text, as varied as written text is."""
    return inspect.getsource(argparse).encode()[:size]


def walk(size, spread):
    """A grey picture's line after line: each pixel near the one before it."""
    steps = np.random.default_rng(11).normal(0, spread, size).cumsum()
    return (np.abs(steps.round().astype(int)) % 256).astype(np.uint8).tobytes()


def classes_of(data):
    """Counts of each class, the class of each value, and pairs, of a chunk."""
    pairs = np.zeros((256, 256), np.uint32)
    count_pairs(np.frombuffer(data, np.uint8), 4 if len(data) >= 1024 else 1, pairs)
    kinds = np.zeros(256, np.uint8)
    classes = choose_classes(pairs, kinds, WEIGHTS, LOGS)
    counts = np.zeros((classes, 256), np.int32)
    class_counts(pairs, kinds, counts)
    return counts, kinds, pairs


@pytest.mark.parametrize("data", [TEXT, prose(65536), walk(65536, 4)], ids=["a", "b", "pixels"])
def test_bytes_with_neighbours_come_below_their_entropy(data):
    packed = huffman.pack(data)
    assert packed[0] == 2
    assert huffman.unpack(packed) == data
    assert len(packed) < 0.95 * entropy_bytes(data)


def test_independent_bytes_come_near_their_entropy():
    packed = huffman.pack(PIXELS)
    assert packed[0] == 1
    assert huffman.unpack(packed) == PIXELS
    assert len(packed) <= 1.005 * entropy_bytes(PIXELS) + 60


@pytest.mark.parametrize("size", [40, 100, 400, 1500, 4000, 20000])
def test_several_codes_are_no_longer_than_one(size):
    for data in (prose(65536)[-size:], walk(size, 1), TEXT[:size]):
        lengths, bits = code_lengths(data)
        table = np.zeros(TABLE_BYTES_MAX, np.uint8)
        one = (write_lengths(lengths.astype(np.uint8), table, 0) + 7) // 8 + (bits + 7) // 8
        streams = 4 if size >= 1024 else 1
        assert len(huffman.pack(data)) <= min(size + 1, 3 + 2 * (streams - 1) + one + streams)


@pytest.mark.parametrize("data", [TEXT, PIXELS[:1000], b"abracadabra"])
def test_lengths_are_those_of_huffman_where_the_bound_does_not_bite(data):
    lengths, bits = code_lengths(data)
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    assert lengths.max() <= LENGTH_MAX
    assert (lengths > 0).tolist() == (counts > 0).tolist()
    assert bits == (counts * lengths).sum() == huffman_bits(counts.tolist())


def best_bits(counts):
    """Of the best code of at most LENGTH_MAX bits: package-merge (Larmore & Hirschberg, 1990)."""
    singles = sorted(count for count in counts if count)
    packages = []
    for _ in range(LENGTH_MAX):
        merged = sorted(singles + packages)
        packages = [sum(merged[i : i + 2]) for i in range(0, len(merged) - 1, 2)]
    return sum(merged[: 2 * len(singles) - 2])


def test_lengths_come_near_the_best_under_the_bound():
    """Fibonacci counts want 19 bits; the best full code of 20 symbols is found by search."""
    fibonacci = [1, 1]
    while len(fibonacci) < 20:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    data = b"".join(bytes([i]) * n for i, n in enumerate(fibonacci))
    lengths, bits = code_lengths(data)
    assert lengths.max() == LENGTH_MAX
    assert sum(2.0**-length for length in lengths if length) == 1
    # every multiset of 20 lengths up to 11 with Kraft sum 1, longest code to the rarest symbol
    best = min(
        sum(n * length for n, length in zip(sorted(fibonacci, reverse=True), code, strict=True))
        for code in full_codes(20, 1, 1 << LENGTH_MAX)
    )
    assert best == best_bits(fibonacci) > huffman_bits(fibonacci)
    assert bits < 1.004 * best


@pytest.mark.parametrize("data", [prose(65536), walk(65536, 4)], ids=["text", "pixels"])
def test_lengths_of_classes_are_within_a_thousandth_of_the_best(data):
    counts, _, _ = classes_of(data)
    lengths = np.zeros((len(counts), 256), np.uint8)
    bits = plan_lengths(counts, lengths)
    assert bits == (counts * lengths).sum()
    best = sum(map(best_bits, counts.tolist()))
    assert sum(map(huffman_bits, counts.tolist())) < best  # the bound bites
    assert best <= bits < 1.001 * best


def full_codes(symbols, length, room):
    """Ascending code lengths that use up `room` (in units of 2**-LENGTH_MAX) exactly."""
    if length > LENGTH_MAX:
        if symbols == 0 and room == 0:
            yield ()
        return
    unit = 1 << (LENGTH_MAX - length)
    for count in range(min(symbols, room // unit) + 1):
        left = room - count * unit
        # what is left must hold the other symbols: at least one unit each, at most half a unit
        if symbols - count > left or (symbols - count) * unit < 2 * left:
            continue
        for rest in full_codes(symbols - count, length + 1, left):
            yield (length,) * count + rest


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes_come_back(data):
    packed = huffman.pack(data)
    assert huffman.unpack(packed) == data
    assert len(packed) <= len(data) + 1


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 70),
    st.integers(1, 256),
    st.integers(0, 2**32),
    st.sampled_from([0, 1, 1023, 1024]),
)
def test_any_statistics_come_back(extra, symbols, seed, size):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(symbols, 0.1))
    data = rng.choice(symbols, size + extra, p=share).astype(np.uint8).tobytes()
    assert huffman.unpack(huffman.pack(data)) == data


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1023, 1024, 1025, 1026, 1027, 65535, 65536])
def test_lengths_around_the_stream_cuts(size):
    for data in (TEXT[:size], PIXELS[:size], b"z" * size, RNG.bytes(size)):
        packed = huffman.pack(data)
        assert huffman.unpack(packed) == data
        assert len(packed) <= len(data) + 1


@pytest.mark.parametrize("data", [b"", b"z" * 9, TEXT, PIXELS[:1023], RNG.bytes(300)])
def test_the_parts_make_the_packed_chunk(data):
    head, body = huffman.pack_parts(data)
    assert head + body == huffman.pack(data)
    if head[0] == 0:
        assert (head, body) == (b"\0", data)
    else:
        lengths = np.zeros((CLASSES_MAX, 256), np.uint8)
        data = np.frombuffer(head[3:], np.uint8)
        if head[0] == 1:
            bits, _ = read_lengths(data, 0, lengths[0])
        else:
            bits, _ = read_classes(data, lengths, np.zeros(256, np.uint8))
        assert (bits + 7) // 8 == data.size


def test_a_chunk_is_at_most_64_kib():
    with pytest.raises(ValueError, match="65537"):
        huffman.pack(bytes(65537))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=256, max_size=256), st.randoms())
def test_tables_of_lengths_come_back(depths, random):
    """Random full codes, by splitting leaves."""
    leaves = [0]
    for _ in range(sum(depths) % 256):
        shallow = [i for i, length in enumerate(leaves) if length < LENGTH_MAX]
        at = random.choice(shallow)
        leaves[at] += 1
        leaves.append(leaves[at])
    if len(leaves) == 1:
        leaves = [1]
    lengths = np.zeros(256, np.uint8)
    lengths[random.sample(range(256), len(leaves))] = leaves
    table = np.zeros(TABLE_BYTES_MAX, np.uint8)
    end = write_lengths(lengths, table, 5)
    again = np.zeros(256, np.uint8)
    assert read_lengths(table[: (end + 7) // 8], 5, again) == (end, len(leaves))
    assert (again == lengths).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, CLASSES_MAX), st.integers(0, 2**32))
def test_classes_come_back(classes, seed):
    rng = np.random.default_rng(seed)
    lengths = np.zeros((classes, 256), np.uint8)
    for row in lengths:
        row[rng.permutation(256)[: 2 << rng.integers(8)]] = 1
        row[row > 0] = np.log2(row.sum())
    kinds = rng.integers(0, classes, 256).astype(np.uint8)
    kinds[1:][~lengths.any(axis=0)[1:]] = 0
    table = np.zeros(TABLE_BYTES_MAX, np.uint8)
    end = write_classes(lengths, kinds, table)
    again, kinds_again = np.zeros((CLASSES_MAX, 256), np.uint8), np.zeros(256, np.uint8)
    used = table[: (end + 7) // 8]
    assert read_classes(used, again, kinds_again) == (end, classes)
    assert (again[:classes] == lengths).all()
    assert (kinds_again == kinds).all()
    assert read_classes(used[:-1], again, kinds_again)[0] == -1


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 256), st.integers(1, 12), st.integers(0, 2**32), st.integers(1, 3000))
def test_chains_of_bytes_come_back(symbols, kinds, seed, size):
    """What follows a byte depends on its kind; some kinds have one follower only."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(symbols, 0.05), kinds).cumsum(axis=1)
    data = bytearray()
    for u in rng.random(size):
        row = share[data[-1] % kinds if data else 0]
        data.append(min(int(np.searchsorted(row, u)), symbols - 1))
    assert huffman.unpack(huffman.pack(bytes(data))) == data


@pytest.mark.parametrize("size", [700, 1025, 5001, 65536])
def test_classes_hold_what_their_values_are_followed_by(size):
    data = prose(65536)[:size]
    counts, kinds, pairs = classes_of(data)
    quarter = -(-size // 4) if size >= 1024 else size
    expected = np.zeros((256, 256), int)
    for part in (data[i : i + quarter] for i in range(0, size, quarter)):
        for before, byte in zip(b"\0" + part, part, strict=False):
            expected[before, byte] += 1
    assert (pairs == expected).all()
    assert all((row == expected[kinds == i].sum(axis=0)).all() for i, row in enumerate(counts))
    assert counts.sum(axis=1).min() > 0


def test_one_code_takes_at_least_the_entropy():
    counts, _, _ = classes_of(PIXELS)
    least = least_bits(counts, WEIGHTS)
    assert abs(least - 8 * entropy_bytes(PIXELS)) < 16
    assert least <= huffman_bits(counts.sum(axis=0).tolist())


def test_costs_are_the_same_on_every_machine():
    """No logarithm is so near to a rounding edge that another library's last bits could count."""
    numbers = np.arange(1, (1 << 16) + 1, dtype=float)
    for factor in (1.0, numbers):
        value = 16 * factor * np.log2(numbers)
        assert np.abs(value % 1 - 0.5).min() > 1e-8


@pytest.mark.parametrize("data", [b"abab", prose(1500), walk(65536, 4), b""])
def test_parts_are_read_apart_and_a_head_of_another_length_is_refused(data):
    head, body = huffman.pack_parts(data)
    assert huffman.unpack_parts(head, body) == data
    for wrong in (head[:-1], head + b"\0", head + body[:1] + b"\0", b"", b"\3"):
        with pytest.raises(MalformedError):
            huffman.unpack_parts(wrong, body)


@pytest.mark.parametrize("data", [prose(1021), prose(1500), walk(4096, 1)], ids=["a", "b", "c"])
def test_fill_behind_a_stream_has_to_be_zero(data):
    """A set bit of the last byte is either of a code or refused: never the same chunk twice."""
    packed = huffman.pack(data)
    refused = 0
    for bit in range(8):
        changed = packed[:-1] + bytes([packed[-1] ^ 1 << bit])
        try:
            assert huffman.unpack(changed) != data
        except MalformedError:
            refused += 1
    assert refused


def hostile(data):
    try:
        return len(huffman.unpack(data))
    except MalformedError:
        return 0


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=400))
def test_hostile_bytes_are_refused_or_bounded(data):
    assert hostile(b"\x01" + data) <= 65536
    assert hostile(b"\x02" + data) <= 65536
    assert hostile(data) <= 65536


@pytest.mark.parametrize("data", [prose(900), walk(1100, 1), PIXELS[:400]], ids=["a", "b", "c"])
def test_every_flipped_bit_and_every_cut_is_refused_or_bounded(data):
    packed = huffman.pack(data)
    assert packed[0]
    for at in range(8 * len(packed)):
        broken = bytearray(packed)
        broken[at >> 3] ^= 1 << (at & 7)
        assert hostile(bytes(broken)) <= 65536
    assert {hostile(packed[:cut]) for cut in range(len(packed))} == {0}


@pytest.mark.parametrize("data", [TEXT, prose(65536), PIXELS[:1500], PIXELS[:500]])
def test_changed_chunks_are_refused_or_bounded(data):
    packed = huffman.pack(data)
    rng = np.random.default_rng(3)
    for _ in range(400):
        broken = bytearray(packed)
        for at in rng.integers(0, min(len(packed), 200), 2):
            broken[at] ^= 1 << rng.integers(8)
        assert hostile(bytes(broken)) <= 65536
    for cut in itertools.chain(range(60), range(len(packed) - 8, len(packed))):
        assert hostile(packed[:cut]) == 0


def test_incomplete_and_overfull_codes_are_refused():
    codes = np.zeros((1, 256), np.uint32)
    for lengths in ([2], [1, 2], [1, 1, 1], [2, 2, 2], [12] * 255):
        table = np.zeros((1, 256), np.uint8)
        table[0, : len(lengths)] = lengths
        assert not canonical_codes(table, codes)


def test_codes_are_canonical():
    """Example of RFC 1951, section 3.2.2: lengths 3 3 3 3 3 2 4 4 for A..H."""
    lengths = np.zeros((1, 256), np.uint8)
    lengths[0, 65:73] = [3, 3, 3, 3, 3, 2, 4, 4]
    codes = np.zeros((1, 256), np.uint32)
    assert canonical_codes(lengths, codes)
    words = [f"{codes[0, s] & 0xFFFF:016b}"[::-1][: codes[0, s] >> 16] for s in range(65, 73)]
    assert words == ["010", "011", "100", "101", "110", "00", "1110", "1111"]
