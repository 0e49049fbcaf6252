"""The burst header: fields through noise, and no header where there is none."""

import numpy as np
import pytest

import modem
from modem.constellation import map_bits
from modem.fec import polar
from modem.fec.interleaver import golden_permutation
from modem.header import BurstHeader, read_header

CELLS = 200


def through(cells: np.ndarray, snr_db: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Cells in noise, and the noise variances."""
    variance = np.full(cells.size, 10 ** (-snr_db / 10), np.float32)
    noise = np.random.default_rng(seed).normal(size=(cells.size, 2)) @ (1, 1j)
    return (cells + noise * np.sqrt(variance / 2)).astype(np.complex64), variance


def from_fields(bits: str, count: int = CELLS) -> np.ndarray:
    """Cells of a header written as 48 binary digits."""
    word = polar.encode(np.array([int(b) for b in bits], np.uint8)).reshape(-1, 2)
    return map_bits(word, 2)[golden_permutation(128)[np.arange(count) % 128]]


@pytest.mark.parametrize("speed", [1, 13, 255])
@pytest.mark.parametrize("data_blocks", [1, 50, 4095])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("number", [0, 1, 40000, 65535])
def test_every_field_survives(speed: int, data_blocks: int, last: bool, number: int) -> None:
    header = BurstHeader(speed, data_blocks, last, number, variant=speed % 8)
    cells = header.cells(CELLS)
    assert cells.shape == (CELLS,)
    np.testing.assert_allclose(np.abs(cells), 1, atol=1e-6)
    assert read_header(*through(cells, 6, seed=number)) == header


def test_layout_is_the_documented_one() -> None:
    header = BurstHeader(10, 12, True, 0x1234, 5)
    text = f"{0:02b}{5:03b}{10:08b}{12:012b}1{0x1234:016b}{0:06b}"
    np.testing.assert_array_equal(header.cells(CELLS), from_fields(text))


@pytest.mark.parametrize("count", [128, 198, 480])
def test_repetition_gains_with_the_number_of_carriers(count: int) -> None:
    """The code's own limit lies at -1 dB with 128 cells; each doubling is worth 3 dB."""
    header = BurstHeader(3, 7, False, 99)
    limit = -1.0 - 10 * np.log10(count / 128)
    above = sum(
        read_header(*through(header.cells(count), limit + 1.5, s)) == header for s in range(40)
    )
    below = sum(
        read_header(*through(header.cells(count), limit - 4, s)) == header for s in range(40)
    )
    assert above >= 39
    assert below <= 10


def test_lost_carriers_cost_no_more_than_their_energy() -> None:
    """A notch over a third of the band: its cells come with a large variance."""
    header = BurstHeader(5, 9, False, 7)
    cells, variance = through(header.cells(CELLS), 5, seed=1)
    cells[60:126] = 3.0
    variance[60:126] = 1e6
    assert read_header(cells, variance) == header


def test_noise_is_no_header() -> None:
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(1500):
        cells = (rng.normal(size=(CELLS, 2)) @ (1, 1j)).astype(np.complex64)
        found += read_header(cells, np.ones(CELLS, np.float32)) is not None
    assert found == 0


@pytest.mark.parametrize(
    "bits",
    [
        f"{1:02b}{2:03b}{3:08b}{5:012b}0{9:016b}{0:06b}",
        f"{3:02b}{2:03b}{3:08b}{5:012b}0{9:016b}{0:06b}",
        f"{0:02b}{2:03b}{3:08b}{5:012b}0{9:016b}{1:06b}",
        f"{0:02b}{2:03b}{0:08b}{5:012b}0{9:016b}{0:06b}",
        f"{0:02b}{2:03b}{3:08b}{0:012b}0{9:016b}{0:06b}",
    ],
    ids=["version 1", "version 3", "reserved bit", "speed 0", "no blocks"],
)
def test_headers_of_other_versions_and_impossible_ones_are_not_read(bits: str) -> None:
    assert read_header(*through(from_fields(bits), 30, seed=3)) is None


def test_profiles_of_one_preamble_are_told_apart_by_their_headers() -> None:
    """They have the same carriers where the header is, and variants of their own."""
    for profile in modem.profiles.values():
        family = [p for p in modem.profiles.values() if p.preamble == profile.preamble]
        assert sorted(p.variant for p in family) == list(range(len(family)))
        for other in family:
            ours, theirs = profile.numerology, other.numerology
            bins = slice(0, ours.header_band)
            np.testing.assert_array_equal(ours.carrier_hz[bins], theirs.carrier_hz[bins])
            np.testing.assert_array_equal(ours.reference[bins], theirs.reference[bins])
            np.testing.assert_array_equal(ours.header_index, theirs.header_index)


def test_silence_and_invalid_cells_are_no_header() -> None:
    ones = np.ones(CELLS, np.float32)
    assert read_header(np.zeros(CELLS, np.complex64), ones) is None
    assert read_header(np.full(CELLS, 1e30, np.complex64), ones) is None
