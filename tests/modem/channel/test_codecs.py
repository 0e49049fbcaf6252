"""The codecs against independent truth: ITU tables, and the frames of the MP3 files."""

import numpy as np
import pytest

from modem.channel import ChannelError, parse
from modem.channel.avcodecs import encode
from modem.channel.codecs import MP3_KBPS, encode_mp3
from modem.channel.signal import Signal

# ITU-T G.711, tables 1a and 2a: a segment begins at each of these and has steps of this size; in
# units of 1/4096 (A-law) and 1/8192 (mu-law) of full scale.
A_LAW = [(0, 2), (32, 2), (64, 4), (128, 8), (256, 16), (512, 32), (1024, 64), (2048, 128)]
MU_LAW = [(-1, 2), (31, 4), (95, 8), (223, 16), (479, 32), (991, 64), (2015, 128), (4063, 256)]


def a_law(x: np.ndarray) -> np.ndarray:
    """Middle of the A-law interval that holds x."""
    level = np.minimum(np.abs(x) * 4096, 4095.9)
    starts, widths = np.array(A_LAW).T
    segment = np.searchsorted(starts, level, side="right") - 1
    start, step = starts[segment], widths[segment]
    middle = start + (np.floor((level - start) / step) + 0.5) * step
    return np.where(x < 0, -middle, middle) / 4096


def mu_law(x: np.ndarray) -> np.ndarray:
    """Output value of the mu-law interval that holds x; the one around zero is half as wide."""
    level = np.minimum(np.abs(x) * 8192, 8158)
    starts, widths = np.array(MU_LAW).T
    segment = np.searchsorted(starts, level, side="right") - 1
    start, step = starts[segment], widths[segment]
    middle = start + (np.floor((level - start) / step) + 0.5) * step
    return np.where(x < 0, -middle, middle) / 8192


@pytest.mark.parametrize(("spec", "law", "unit"), [("g711a", a_law, 4096), ("g711u", mu_law, 8192)])
def test_g711_gives_the_tables_values(spec: str, law: object, unit: int) -> None:
    assert callable(law)
    rng = np.random.default_rng(0)
    x = (rng.uniform(-1, 1, 20000) * 10 ** rng.uniform(-4, 0, 20000)).astype("f4")
    out, _ = parse(spec).apply(x, 8000)
    # 16-bit input, half a unit inside the interval: ITU puts decision values between integers.
    steps = np.rint(x * 32768.0)
    expected = law((steps + np.where(steps < 0, -0.5, 0.5)) / 32768)
    np.testing.assert_allclose(out, expected, atol=0.05 / unit)


def test_g711_overloads_at_full_scale() -> None:
    out, _ = parse("g711u").apply(np.array([3.0, -3.0], "f4"), 8000)
    np.testing.assert_allclose(out, [0.9804, -0.9804], atol=1e-3)


def test_voice_codecs_resample_to_8_khz_and_back() -> None:
    fs = 48000
    t = np.arange(fs) / fs
    low = np.sin(2 * np.pi * 1000 * t)
    x = (0.2 * (low + np.sin(2 * np.pi * 6000 * t))).astype("f4")
    out, rate = parse("g711u").apply(x, fs)
    assert rate == fs
    assert out.size == x.size
    error = (out - 0.2 * low)[2000:-2000]
    assert 10 * np.log10(np.mean((0.2 * low) ** 2) / np.mean(error**2)) > 32


def test_gsm_passes_a_tone_aligned() -> None:
    fs = 8000
    x = (0.2 * np.sin(2 * np.pi * 500 / fs * np.arange(2 * fs))).astype("f4")
    out, _ = parse("gsm").apply(x, fs)
    middle = slice(fs // 2, -fs // 2)
    assert np.corrcoef(x[middle], out[middle])[0, 1] > 0.97


MPEG1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
MPEG2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]


def frame_headers(data: bytes) -> list[tuple[int, int, int]]:
    """(kbit/s, sample rate, channels) of every frame; fails unless the frames fill the file."""
    found = []
    at = 0
    while at < len(data):
        word = int.from_bytes(data[at : at + 4], "big")
        assert word >> 21 == 0x7FF, f"no frame at byte {at}"
        version, layer = word >> 19 & 3, word >> 17 & 3
        assert layer == 1
        kbps = (MPEG1 if version == 3 else MPEG2)[word >> 12 & 15]
        rate = [44100, 48000, 32000][word >> 10 & 3] // {3: 1, 2: 2, 0: 4}[version]
        found.append((kbps, rate, 1 if word >> 6 & 3 == 3 else 2))
        at += (144 if version == 3 else 72) * kbps * 1000 // rate + (word >> 9 & 1)
    return found


@pytest.mark.parametrize("rate", sorted(MP3_KBPS))
def test_every_mp3_bit_rate_is_exact(rate: int) -> None:
    x = (0.1 * np.random.default_rng(0).standard_normal(rate // 2)).astype("f4")
    for kbps in MP3_KBPS[rate]:
        data = encode_mp3(Signal(x, rate), kbps).read()
        assert set(frame_headers(data)) == {(kbps, rate, 1)}


def test_mp3_returns_aligned_samples_and_its_quality_follows_the_rate() -> None:
    fs = 48000
    rng = np.random.default_rng(1)
    x = np.convolve(0.3 * rng.standard_normal(2 * fs), np.hanning(12) / 6, "same").astype("f4")
    snr = []
    for kbps in (64, 96, 128, 320):
        out, rate = parse(f"mp3={kbps}").apply(x, fs)
        assert (rate, out.size) == (fs, x.size)
        error = (out - x)[fs // 4 : -fs // 4]
        snr.append(10 * np.log10(np.mean(x**2) / np.mean(error**2)))
    assert snr == sorted(snr)
    assert snr[2] > 15


def test_an_mp3_too_small_to_state_its_delay_loses_nothing() -> None:
    x = (0.2 * np.sin(2 * np.pi * 1000 / 48000 * np.arange(48000))).astype("f4")
    out, _ = parse("mp3=32").apply(x, 48000)
    assert out.size >= x.size + 1105
    assert np.std(out[47000:49000]) == pytest.approx(np.std(x), rel=0.2)


def test_mp3_at_a_rate_that_the_format_lacks_is_resampled() -> None:
    x = (0.2 * np.sin(2 * np.pi * 1000 / 96000 * np.arange(96000))).astype("f4")
    out, rate = parse("mp3=128").apply(x, 96000)
    assert rate == 96000
    error = (out - x)[10000:-10000]
    assert 10 * np.log10(np.mean(x**2) / np.mean(error**2)) > 25


def test_mp3_files_that_cannot_exist_are_refused() -> None:
    with pytest.raises(ChannelError, match="no MP3 of 320 kbit/s at 24000 Hz"):
        encode_mp3(Signal(np.zeros(10, "f4"), 24000), 320)


def test_a_codec_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ChannelError, match=r"'amr=12.2' cannot be applied: .* pip install av"):
        parse("amr=12.2").apply(np.zeros(10, "f4"), 8000)


@pytest.mark.parametrize(
    ("encoder", "rate", "kbps", "size", "options"),
    [
        ("libopencore_amrnb", 8000, 4.75, 13, {"dtx": "0"}),  # 95 bits, and one byte of header
        ("libopencore_amrnb", 8000, 12.2, 32, {"dtx": "0"}),  # 244 bits
        ("libopus", 48000, 24, 60, {"application": "voip", "vbr": "off", "frame_duration": "20"}),
    ],
)
def test_mobile_codecs_have_exactly_their_bit_rate(
    encoder: str, rate: int, kbps: float, size: int, options: dict[str, str]
) -> None:
    pytest.importorskip("av")
    signal = Signal((0.1 * np.random.default_rng(0).standard_normal(rate)).astype("f4"), rate)
    packets = [bytes(packet) for packet in encode(signal, encoder, round(kbps * 1000), options)]
    assert {len(packet) for packet in packets} == {size}
    assert 50 <= len(packets) <= 52


@pytest.mark.parametrize(("spec", "delay_s"), [("amr=12.2", 0.005), ("opus=64", 0.0065)])
def test_mobile_codecs_pass_speech_like_sound(spec: str, delay_s: float) -> None:
    pytest.importorskip("av")
    fs = 8000
    t = np.arange(2 * fs) / fs
    x = sum(np.cos(2 * np.pi * 125 * k * t + k * k) / k for k in range(2, 20)) * 0.1
    out, rate = parse(spec).apply(x, fs)
    assert rate == fs
    shift = round(delay_s * fs)
    a, b = x[fs // 2 : fs], out[fs // 2 + shift : fs + shift]
    assert np.corrcoef(a, b)[0, 1] > 0.75
