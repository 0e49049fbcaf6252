"""Where code blocks lie in a superframe, and what comes back out of it."""

from itertools import chain

import numpy as np
import pytest
import reedsolo
from scipy.special import erf, erfinv

import modem
from modem.fec.interleaver import deinterleave
from modem.ladder import parity_blocks
from modem.profile import Profile, Speed
from modem.superframe import Layout, layout

from .ladder import telling_speeds

LADDER = [(p, s) for p in modem.profiles.values() for s in telling_speeds(p)]
ladder = pytest.mark.parametrize(
    ("profile", "speed"), LADDER, ids=[f"{p.name}-{s.number}" for p, s in LADDER]
)


def random_packets(plan: Layout, seed: int = 1) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(plan.speed.packet_bytes) for _ in range(plan.data_blocks)]


def amplitude(plan: Layout) -> float:
    """Of the payload's cells: that of all carriers shared by those that are loaded."""
    return float(np.sqrt(plan.reference.size / plan.loaded.size))


def clean_llrs(plan: Layout, packets: list[bytes], size: float = 8.0) -> np.ndarray:
    """LLRs (cells, order) of a noiseless reception, by the sign of each folded axis.

    Independent of the mapper: levels go back to the even grid that they were shaped from; there
    the first bit of an axis is its sign, every further one whether the amplitude so folded lies
    inside or outside of the middle of the remaining range.
    """
    cells = plan.encode(packets).reshape(-1)[plan.cells].astype(complex) / amplitude(plan)
    half = plan.speed.order // 2
    shape = plan.speed.shape
    even = np.arange(1 - 2**half, 2**half, 2) / 2**half
    levels = erfinv(shape * even) if shape else even
    cells *= np.sqrt(2 * np.mean(levels**2))
    llr = np.empty((cells.size, plan.speed.order), np.float32)
    for axis, values in enumerate((cells.real, cells.imag)):
        rest = 2**half * (erf(values) / shape if shape else values)
        for j in range(half):
            llr[:, axis * half + j] = np.sign(rest) * size
            rest = 2 ** (half - 1 - j) - np.abs(rest)
    return llr


def slots_of(plan: Layout) -> np.ndarray:
    """(blocks, length) places of the coded bits among the bits of all data cells."""
    blocks = plan.data_blocks + plan.parity_blocks
    numbers = np.arange(plan.cells.size * plan.speed.order, dtype=np.float32)
    numbers = numbers.reshape(-1, plan.speed.order)
    plain = np.zeros_like(np.packbits(plan.scramble))
    return deinterleave(numbers, plain, blocks, range(blocks), plan.code.n).astype(np.int64)


@ladder
def test_blocks_lie_in_distinct_places_of_the_grid(profile: Profile, speed: Speed) -> None:
    plan = layout(profile, speed, speed.blocks)
    width = profile.lanes * profile.numerology.carriers.size
    assert plan.symbols <= speed.symbols
    assert plan.parity_blocks == parity_blocks(speed.blocks)
    slots = slots_of(plan)
    assert slots.shape[0] == speed.blocks + plan.parity_blocks
    assert np.bincount(slots.ravel()).max() == 1
    assert slots.max() < plan.cells.size * speed.order
    assert np.bincount(plan.cells).max() == 1
    assert plan.cells.max() < plan.symbols * width
    # No data on pilots, none above the highest carrier that is loaded.
    pilots = plan.pilots + np.arange(plan.symbols)[:, None] * width
    assert np.intersect1d(plan.cells, pilots).size == 0
    bins = np.tile(profile.numerology.carriers, profile.lanes)
    hz = bins[plan.cells % width] * profile.sample_rate
    assert hz.max() / profile.numerology.fft_size <= speed.top_hz
    # The rate on the air is the nominal one, or lower where there is room.
    assert plan.code.k / plan.code.n <= speed.rate * 1.02


@ladder
@pytest.mark.parametrize("short", [False, True])
def test_decoding_undoes_encoding(profile: Profile, speed: Speed, short: bool) -> None:
    plan = layout(profile, speed, 1 if short else speed.blocks)
    packets = random_packets(plan)
    found = plan.decode(clean_llrs(plan, packets))
    assert found.packets == packets
    assert (found.failed, found.lost) == (0, 0)


@ladder
def test_cells_have_unit_power_and_no_pattern(profile: Profile, speed: Speed) -> None:
    """Even for packets of zeros, thanks to the scrambler."""
    plan = layout(profile, speed, speed.blocks)
    grid = plan.encode([bytes(speed.packet_bytes)] * speed.blocks)
    carriers = profile.numerology.carriers.size
    assert grid.shape == (plan.symbols, profile.lanes * carriers)
    grid /= amplitude(plan)
    used = grid.reshape(-1)[plan.cells]
    assert np.mean(np.abs(used) ** 2) == pytest.approx(1, abs=0.08)
    assert abs(used.mean()) < 0.06
    reference = profile.numerology.reference
    for symbol, pilots in zip(grid, plan.comb, strict=True):
        for lane, cells in enumerate(symbol.reshape(profile.lanes, carriers)):
            np.testing.assert_allclose(cells[pilots], reference[pilots] * 1j**lane, rtol=1e-5)


@pytest.mark.parametrize("name", list(modem.profiles))
def test_every_number_of_packets_fits(name: str) -> None:
    profile = modem.profiles[name]
    speed = profile.speeds[-1]
    symbols = []
    looks = 5 if profile.variant else 30
    for count in range(1, speed.blocks + 1, max(speed.blocks // looks, 1)):
        plan = Layout(profile, speed, count)
        packets = random_packets(plan, count)
        assert plan.decode(clean_llrs(plan, packets)).packets == packets
        symbols.append(plan.symbols)
    assert symbols == sorted(symbols)
    assert symbols[0] < symbols[-1] or speed.blocks == 1


def deleted(plan: Layout, llr: np.ndarray, blocks: list[int]) -> np.ndarray:
    """The same LLRs with all those of some blocks unknown."""
    flat = llr.reshape(-1).copy()
    flat[slots_of(plan)[blocks].ravel()] = 0
    return flat.reshape(llr.shape)


def test_reed_solomon_restores_as_many_blocks_as_there_is_parity() -> None:
    profile = modem.profiles["stereo"]
    plan = layout(profile, profile.speeds[-1], profile.speeds[-1].blocks)
    assert plan.parity_blocks >= 2
    packets = random_packets(plan)
    llr = clean_llrs(plan, packets)
    rng = np.random.default_rng(3)
    total = plan.data_blocks + plan.parity_blocks
    for _ in range(3):
        gone = rng.choice(total, plan.parity_blocks, replace=False).tolist()
        found = plan.decode(deleted(plan, llr, gone))
        assert found.packets == packets
        assert found.failed == plan.parity_blocks
    # One more is too many: what is there still comes out, what is not is marked.
    gone = list(range(plan.parity_blocks + 1))
    found = plan.decode(deleted(plan, llr, gone))
    assert found.packets[: len(gone)] == [None] * len(gone)
    assert found.packets[len(gone) :] == packets[len(gone) :]
    assert found.lost == len(gone)
    # Lost parity alone costs nothing.
    found = plan.decode(deleted(plan, llr, list(range(plan.data_blocks, total))))
    assert found.packets == packets


def groups_of(plan: Layout) -> list[list[int]]:
    """Blocks, data and then parity, dealt out in turn to as few groups as hold them by 255."""
    total = plan.data_blocks + plan.parity_blocks
    count = next(g for g in range(1, total + 1) if g * 255 >= total)
    groups: list[list[int]] = [[] for _ in range(count)]
    for block in range(total):
        groups[block % count].append(block)
    return groups


@pytest.mark.parametrize("data_blocks", [300, 495, 537])
def test_each_group_of_a_large_superframe_is_repaired_on_its_own(data_blocks: int) -> None:
    profile = modem.profiles["stereo192"]
    plan = Layout(profile, profile.speeds[-1], data_blocks)
    packets = random_packets(plan)
    llr = clean_llrs(plan, packets)
    groups = groups_of(plan)
    assert len(groups) > 1
    assert max(len(group) for group in groups) <= 255
    parity = [sum(block >= data_blocks for block in group) for group in groups]
    assert min(parity) >= data_blocks // 64 // len(groups)
    rng = np.random.default_rng(data_blocks)
    gone = [rng.choice(g, p, replace=False).tolist() for g, p in zip(groups, parity, strict=True)]
    found = plan.decode(deleted(plan, llr, [*chain(*gone)]))
    assert found.packets == packets
    assert found.failed == sum(parity)
    # One more in one group: what it lost stays lost, the others do not care.
    hurt = int(rng.integers(len(groups)))
    there = [block for block in groups[hurt] if block < data_blocks and block not in gone[hurt]]
    gone[hurt].append(int(rng.choice(there)))
    found = plan.decode(deleted(plan, llr, [*chain(*gone)]))
    lost = {block for block in gone[hurt] if block < data_blocks}
    assert {i for i, packet in enumerate(found.packets) if packet is None} == lost
    assert all(found.packets[i] == packets[i] for i in range(data_blocks) if i not in lost)


def test_a_block_that_decodes_to_something_else_is_an_erasure_too() -> None:
    """A code word of other data: all parity checks hold, only the CRC tells."""
    profile = modem.profiles["cable"]
    speed = profile.speeds[-1]
    plan = layout(profile, speed, speed.blocks)
    packets = random_packets(plan)
    llr = clean_llrs(plan, packets).reshape(-1)
    information = np.random.default_rng(4).integers(0, 2, (1, speed.k), dtype=np.uint8)
    word = plan.code.encode(information)[0] ^ plan.scramble[slots_of(plan)[2]]
    llr[slots_of(plan)[2]] = 8.0 * (1 - 2.0 * word)
    found = plan.decode(llr.reshape(-1, speed.order))
    assert found.packets == packets
    assert found.failed == 1


@pytest.mark.parametrize("name", ["cable", "stereo192"])
def test_parity_is_that_of_reedsolo(name: str) -> None:
    """Read back from the cells with nothing but the LDPC decoder in between."""
    profile = modem.profiles[name]
    speed = profile.speeds[-1]
    plan = layout(profile, speed, speed.blocks)
    packets = random_packets(plan)
    flat = clean_llrs(plan, packets).reshape(-1) * (1 - 2.0 * plan.scramble)
    blocks = np.packbits(plan.code.decode(flat[slots_of(plan)].astype(np.float32)).bits, axis=1)
    blocks = blocks[:, : speed.packet_bytes]
    for group in groups_of(plan):
        data = [block for block in group if block < plan.data_blocks]
        codec = reedsolo.RSCodec(len(group) - len(data))
        for column in (0, 1, 500, speed.packet_bytes - 1):
            word = codec.encode(bytes(blocks[data, column]))
            assert bytes(word) == blocks[group, column].tobytes()


@pytest.mark.parametrize("name", list(modem.profiles))
def test_silence_and_noise_give_no_packets(name: str) -> None:
    profile = modem.profiles[name]
    speed = profile.speed(None)
    plan = layout(profile, speed, speed.blocks)
    shape = (plan.cells.size, speed.order)
    noise = 5 * np.random.default_rng(5).normal(size=shape).astype(np.float32)
    for llr in (np.zeros(shape, np.float32), np.full(shape, 9, np.float32), noise):
        found = plan.decode(llr)
        assert found.packets == [None] * speed.blocks
        assert found.lost == speed.blocks
        assert found.failed == found.blocks == speed.blocks + plan.parity_blocks


def test_weak_errors_among_very_sure_bits_are_corrected() -> None:
    """A recording without noise but for a few carriers: LLRs of 1e6 beside wrong ones of 3."""
    profile = modem.profiles["mp3"]
    speed = profile.speeds[-1]
    plan = layout(profile, speed, speed.blocks)
    packets = random_packets(plan)
    rng = np.random.default_rng(6)
    llr = clean_llrs(plan, packets, 1.0).reshape(-1)
    sizes = rng.uniform(1e3, 1e7, llr.size)
    weak = rng.choice(llr.size, llr.size // 1000, replace=False)
    sizes[weak] = rng.uniform(-4, 4, weak.size)
    llr = (llr * sizes).astype(np.float32).reshape(-1, speed.order)
    assert plan.decode(llr).packets == packets


@ladder
def test_net_rate_and_names_are_those_of_the_layout(profile: Profile, speed: Speed) -> None:
    plan = layout(profile, speed, speed.blocks)
    seconds = (
        profile.mode(speed).superframe_samples(plan.symbols, speed.prefix) / profile.sample_rate
    )
    rate = speed.blocks * speed.packet_bytes * 8 / seconds
    # A superframe may get by with a symbol less than the table allows for.
    assert 0.92 * rate < speed.net_bps < 1.005 * rate
    assert speed.packet_bytes == (speed.k - 24) // 8
    points = f"2^{speed.order}" if speed.order > 12 else f"{2**speed.order}"
    assert ("QPSK" if speed.order == 2 else f"{points}-QAM") in speed.name


@pytest.mark.parametrize("name", list(modem.profiles))
def test_ladders_climb(name: str) -> None:
    profile = modem.profiles[name]
    assert [s.number for s in profile.speeds] == list(range(1, len(profile.speeds) + 1))
    for prefix in {s.prefix for s in profile.speeds}:
        rates = [s.net_bps for s in profile.speeds if s.prefix == prefix]
        assert rates == sorted(rates)
    assert profile.speed(None).number == profile.default_speed
    for wrong in (0, -1, len(profile.speeds) + 1):
        with pytest.raises(modem.ConfigError, match=str(wrong)):
            profile.speed(wrong)
