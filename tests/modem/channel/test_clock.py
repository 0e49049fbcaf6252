"""Clock errors and sample rates against closed forms."""

import numpy as np
import pytest

from modem.channel import parse

FS = 48000


def tone_hz(x: np.ndarray, fs: int) -> float:
    """Frequency of one strong tone: the phase advance between two windowed halves."""
    half = x.size // 2
    window = np.hanning(half)
    first, second = (np.fft.rfft(window * part) for part in (x[:half], x[half : 2 * half]))
    peak = int(np.argmax(np.abs(first)))
    turns = np.angle(second[peak] / first[peak]) / (2 * np.pi)
    coarse = peak * fs / half
    cycles = coarse * half / fs
    return (round(cycles - turns) + turns) * fs / half


@pytest.mark.parametrize("ppm", [-1000, -200, -20, 0, 1, 80, 200, 10000])
def test_skew_shifts_a_tone_by_exactly_so_many_ppm(ppm: int) -> None:
    x = np.sin(2 * np.pi * 5000.3 * np.arange(4 * FS) / FS).astype("f4")
    out, rate = parse(f"skew={ppm}").apply(x, FS)
    assert rate == FS
    assert out.size == round(x.size * (1 + ppm * 1e-6))
    middle = out[2000:-2000]
    found = (5000.3 / tone_hz(middle, FS) - 1) * 1e6
    assert found == pytest.approx(ppm, abs=0.05)


@pytest.mark.parametrize("ratio_ppm", [-50000, -200, 80])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.95])
def test_skew_is_clean_up_to_095_of_nyquist(ratio_ppm: int, share: float) -> None:
    ratio = 1 + ratio_ppm * 1e-6
    hz = share * FS / 2 * min(1, ratio)
    x = (0.5 * np.sin(2 * np.pi * hz / FS * np.arange(FS))).astype("f4")
    out, _ = parse(f"skew={ratio_ppm}").apply(x, FS)
    ideal = 0.5 * np.sin(2 * np.pi * hz / FS / ratio * np.arange(out.size))
    error = (out - ideal)[500:-500]
    assert 10 * np.log10(0.125 / np.mean(error**2)) > 100


@pytest.mark.parametrize(("rate", "to"), [(48000, 8000), (8000, 48000), (44100, 16000)])
def test_rate_gives_the_same_sound_at_other_times(rate: int, to: int) -> None:

    def sound(fs: int) -> np.ndarray:
        t = np.arange(fs) / fs
        return sum(np.sin(2 * np.pi * hz * t + hz) for hz in (100, 777, 2900, 3750))

    out, new_rate = parse(f"rate={to}").apply(sound(rate), rate)
    assert new_rate == to
    assert out.size == to
    middle = slice(to // 4, -to // 4)
    np.testing.assert_allclose(out[middle], sound(to)[middle], atol=2e-5)


def test_rate_removes_what_the_new_rate_cannot_hold() -> None:
    t = np.arange(FS) / FS
    out, _ = parse("rate=8000").apply(np.sin(2 * np.pi * 4300 * t).astype("f4"), FS)
    assert np.abs(out[200:-200]).max() < 1e-4


def test_slips_remove_and_repeat_in_turn() -> None:
    fs = 8000
    x = np.arange(100 * fs, dtype="f4")
    out, _ = parse("slip=20ms/10s", 4).apply(x, fs)
    jumps = np.diff(out) - 1
    places = np.flatnonzero(jumps)
    length = round(0.02 * fs)
    np.testing.assert_array_equal(jumps[places], [length, -length] * (len(places) // 2))
    assert len(places) == 10
    times = out[places] / fs
    np.testing.assert_allclose(np.diff(times), 10, atol=0.021)
    assert times[0] < 10
