"""Analogue impairments against their definitions and the telephone mask of ITU-T G.712."""

import numpy as np
import pytest

from modem.channel import parse


def response_db(spec: str, fs: int) -> np.ndarray:
    """Magnitude at every whole Hz."""
    impulse = np.zeros(2 * fs, "f4")
    impulse[fs // 2] = 1
    out, _ = parse(spec).apply(impulse, fs)
    return 20 * np.log10(np.abs(np.fft.rfft(out[: 2 * fs])) + 1e-9)[::2]


@pytest.mark.parametrize("fs", [8000, 11025, 16000, 44100, 48000])
def test_band_keeps_within_the_telephone_mask_at_every_rate(fs: int) -> None:
    level = response_db("band=300-3400", fs)
    assert np.abs(level[300:3401]).max() < 0.5
    assert level[:101].max() < -40
    assert level[200] < -14
    assert level[3600] == pytest.approx(-9.5, abs=1)
    if fs > 8000:
        assert level[4000] < -14
        assert level[4600:].max() < -32


def test_band_edges_can_be_left_open() -> None:
    low = response_db("band=0-3400", 48000)
    assert np.abs(low[1:3400]).max() < 0.5
    high = response_db("band=300-30000", 48000)
    assert np.abs(high[300:23900]).max() < 0.5
    assert high[100] < -40


def test_highpass_is_a_first_order_section() -> None:
    level = response_db("highpass=100", 48000)
    for hz in (10, 50, 100, 1000):
        expected = -10 * np.log10(1 + (100 / hz) ** 2)
        assert level[hz] == pytest.approx(expected, abs=0.05)


def test_band_does_not_depend_on_block_borders() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1 << 20) + 5000).astype("f4")
    whole, _ = parse("band=300-3400").apply(x, 48000)
    tail, _ = parse("band=300-3400").apply(x[1 << 19 :], 48000)
    settled = 48000
    np.testing.assert_allclose(whole[(1 << 19) + settled :], tail[settled:], atol=1e-5)


def test_gain_invert_and_clip() -> None:
    x = np.array([0.5, -1.0, 0.1], "f4")
    assert parse("gain=-20").apply(x, 8000)[0] == pytest.approx(x / 10)
    np.testing.assert_array_equal(parse("invert").apply(x, 8000)[0], -x)
    limit = 10 ** (-6 / 20)
    assert parse("clip=6").apply(x, 8000)[0] == pytest.approx([0.5, -limit, 0.1])
    assert parse("clip=0").apply(x, 8000)[0] == pytest.approx(x)


def test_echo_adds_each_path_at_its_delay() -> None:
    x = np.zeros(100, "f4")
    x[0] = 1
    out, _ = parse("echo=4ms/-6+11ms/-20").apply(x, 1000)
    expected = np.zeros(111)
    expected[[0, 4, 11]] = 1, 10 ** (-6 / 20), 0.1
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_room_decays_by_60_db_and_is_half_direct() -> None:
    fs = 16000
    x = np.zeros(fs, "f4")
    x[0] = 1
    out, _ = parse("room=300ms", 2).apply(x, fs)
    assert out[0] == pytest.approx(1, abs=1e-5)
    assert np.sum(out[1:] ** 2) == pytest.approx(1, rel=1e-3)
    early = np.mean(out[100:500] ** 2)
    late = np.mean(out[2500:2900] ** 2)
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.15 / 0.3, abs=2)


def test_agc_brings_levels_together_and_leaves_silence() -> None:
    fs = 8000
    tone = np.sin(2 * np.pi * 1000 / fs * np.arange(5 * fs))
    for level_dbfs in (-35, -25, -8):
        x = (tone * np.sqrt(2) * 10 ** (level_dbfs / 20)).astype("f4")
        out, _ = parse("agc=-18").apply(x, fs)
        assert 20 * np.log10(np.std(out[-fs:])) == pytest.approx(-18, abs=0.5)
    hush = (1e-4 * tone).astype("f4")
    np.testing.assert_allclose(parse("agc").apply(hush, fs)[0], hush, rtol=1e-4)


def test_tape_has_the_speed_the_flutter_and_the_hiss_of_its_grade() -> None:
    fs = 48000
    count = 20 * fs
    x = (0.1 * np.sin(2 * np.pi * 3000 / fs * np.arange(count))).astype("f4")
    for grade, error, flutter, hiss_db in (
        ("good", 0, 0.0005, -41),
        ("typical", 0, 0.0015, -34),
        ("poor", 0.03, 0.003, -26),
    ):
        out, _ = parse(f"tape={grade}", 1).apply(x, fs)
        mixed = out * np.exp(-2j * np.pi * 3000 * (1 + error) / fs * np.arange(out.size))
        slow = np.convolve(mixed, np.hanning(401) / 200, "same")[2000:-2000]
        speed = np.diff(np.unwrap(np.angle(slow))) * fs / (2 * np.pi * 3000)
        assert np.mean(speed) == pytest.approx(0, abs=2e-4)
        assert np.std(speed) == pytest.approx(flutter, rel=0.2)
        assert out.size == pytest.approx(count / (1 + error), abs=2)
        power = np.abs(np.fft.rfft(out * np.hanning(out.size))) ** 2
        hiss = np.median(power[12000 * 10 : 12000 * 15]) / np.log(2) * power.size
        assert 10 * np.log10(hiss / power.sum()) == pytest.approx(hiss_db, abs=1)


def test_tape_makes_3_percent_of_third_harmonic_at_its_reference() -> None:
    fs = 48000
    x = (0.1 * np.sin(2 * np.pi * 400 / fs * np.arange(fs))).astype("f4")
    from modem.channel.tape import _saturated

    power = np.abs(np.fft.rfft(_saturated(x, fs, float(np.std(x)))[: fs // 2]))
    assert power[600] / power[200] == pytest.approx(0.03, rel=0.15)
