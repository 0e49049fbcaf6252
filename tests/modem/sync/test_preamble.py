"""The preamble detector: what it must find, what it must not, and how sure it is."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from modem import ConfigError, profiles
from modem.sync import preamble as detector
from modem.sync.preamble import DETECTOR_RATE, Detection, Preamble, PreambleDetector

RATE = DETECTOR_RATE
PREAMBLES = tuple(dict.fromkeys(profile.preamble for profile in profiles.values()))
INDICES = range(len(PREAMBLES))
Samples = NDArray[np.float32]


def tones_of(preamble: Preamble, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The preamble as a sum of cosines at any times [s] within its one period, rms 1."""
    first, last = round(400 * preamble.duration_s), round(3200 * preamble.duration_s)
    k = np.arange(last - first + 1)
    phase = -np.pi * preamble.root * k**2 / k.size
    hz = (first + k) / preamble.duration_s
    x = np.cos(2 * np.pi * np.multiply.outer(times, hz) + phase).sum(axis=-1)
    return np.where((times >= 0) & (times < preamble.duration_s), x, 0) * np.sqrt(2 / k.size)


def detect(x: NDArray, *preambles: Preamble) -> list[Detection]:
    """All detections, with enough silence behind the signal to flush the detector."""
    padded = np.concatenate((x, np.zeros(8192))).astype(np.float32)
    return PreambleDetector(preambles or PREAMBLES).process(padded)


def with_preambles(i: int, snr_db: float, count: int, seed: int) -> tuple[Samples, NDArray]:
    """White noise with a preamble every second; snr within the preamble's own band."""
    noise = np.random.default_rng(seed).normal(size=RATE * (count + 1))
    waveform = PREAMBLES[i].waveform(RATE) * np.sqrt(2800 / 4000) * 10 ** (snr_db / 20)
    starts = RATE // 3 + RATE * np.arange(count)
    for start in starts:
        noise[start : start + waveform.size] += waveform
    return noise.astype(np.float32), starts


@pytest.mark.parametrize("i", INDICES)
@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_waveform_is_a_zadoff_chu_multisine(i: int, rate: int) -> None:
    x = PREAMBLES[i].waveform(rate)
    times = np.arange(round(PREAMBLES[i].duration_s * rate)) / rate
    exact = (times.size / rate) == pytest.approx(PREAMBLES[i].duration_s, abs=1e-9)
    if exact:
        np.testing.assert_allclose(x, tones_of(PREAMBLES[i], times), atol=1e-6)
    assert np.sqrt(np.mean(x**2)) == pytest.approx(1)
    assert 20 * np.log10(np.abs(x).max()) < 6.5


def test_waveform_needs_room_for_its_band() -> None:
    with pytest.raises(ConfigError, match="6000"):
        PREAMBLES[0].waveform(6000)


@pytest.mark.parametrize("i", INDICES)
@pytest.mark.parametrize("gain", [1.0, -1.0, 0.001, -3000.0])
def test_gain_and_polarity_do_not_matter(i: int, gain: float) -> None:
    x, starts = with_preambles(i, 12, 3, seed=1)
    found = detect(gain * x)
    reference = detect(x)
    assert [(d.time_s, d.index) for d in found] == [(d.time_s, d.index) for d in reference]
    np.testing.assert_allclose([d.metric for d in found], [d.metric for d in reference], rtol=1e-4)
    assert [d.index for d in found] == [i] * 3
    np.testing.assert_allclose([d.time_s * RATE for d in found], starts, atol=1)


@pytest.mark.parametrize("size", [1, 7, 997, 20000])
def test_detections_do_not_depend_on_the_cutting(size: int) -> None:
    parts = [with_preambles(i, 3, 2, seed=i)[0] for i in INDICES]
    x = np.concatenate([*parts, np.zeros(8192, np.float32)])
    whole = PreambleDetector(PREAMBLES).process(x)
    stage = PreambleDetector(PREAMBLES)
    found = []
    for start in range(0, x.size, size):
        found += stage.process(x[start : start + size])
        assert stage.process(x[:0]) == []
    assert found == whole
    assert len(found) >= 3
    assert stage.searched_s <= x.size / RATE


def test_nothing_is_reported_after_it_was_declared_searched() -> None:
    x = np.concatenate([with_preambles(i, 6, 3, seed=i)[0] for i in INDICES])
    stage = PreambleDetector(PREAMBLES)
    searched = stage.searched_s
    for start in range(0, x.size, 100):
        for detection in stage.process(x[start : start + 100]):
            assert detection.time_s >= searched
        assert stage.searched_s >= searched
        searched = stage.searched_s
    assert searched > x.size / RATE - 0.6


@pytest.mark.parametrize("i", INDICES)
@pytest.mark.parametrize("snr_db", [0, 20])
def test_timing_is_within_a_sample_for_any_fraction(i: int, snr_db: float) -> None:
    rng = np.random.default_rng(7)
    n = np.arange(RATE // 4)
    x = []
    for fraction in np.linspace(0, 0.95, 20):
        noise = rng.normal(size=n.size) * np.sqrt(4000 / 2800) * 10 ** (-snr_db / 20)
        x.append(tones_of(PREAMBLES[i], (n - 500 - fraction) / RATE) + noise)
    found = [d for d in detect(np.concatenate(x)) if d.index == i]
    expected = 500 + np.linspace(0, 0.95, 20) + n.size * np.arange(20)
    times = np.array([d.time_s * RATE for d in found])
    hits = [np.abs(times - start).min() for start in expected]
    assert len(found) == 20
    assert max(hits) <= 1.0


@pytest.mark.parametrize("i", INDICES)
def test_the_metric_is_the_share_of_the_signal_in_the_band(i: int) -> None:
    """E metric = S / (S + N) with the noise that the detector's band-pass lets through: 2800 Hz
    and two cosine-shaped flanks of 150 Hz, half of whose power passes."""
    for snr_db in (3, 10, 20):
        x, starts = with_preambles(i, snr_db, 60, seed=snr_db)
        found = detect(x)
        assert [d.index for d in found] == [i] * 60
        np.testing.assert_allclose([d.time_s * RATE for d in found], starts, atol=2)
        s = 10 ** (snr_db / 10)
        mean = np.mean([d.metric for d in found])
        assert mean == pytest.approx(s / (s + 2950 / 2800), abs=0.02)


@pytest.mark.parametrize("i", INDICES)
def test_the_threshold_decides_where_detection_ends(i: int) -> None:
    """Of 60 preambles: all 3 dB above the SNR whose mean metric is the threshold, about half
    at it, next to none 3 dB below."""
    g = PREAMBLES[i].threshold
    edge_db = 10 * np.log10(g / (1 - g) * 2950 / 2800)
    counts = []
    for offset in (3, 0, -3):
        x, starts = with_preambles(i, edge_db + offset, 60, seed=i)
        times = np.array([d.time_s * RATE for d in detect(x) if d.index == i])
        counts.append(sum(bool((np.abs(times - start) <= 3).any()) for start in starts))
    assert counts[0] >= 59
    assert 20 <= counts[1] <= 50
    assert counts[2] <= 4


@pytest.mark.parametrize("i", INDICES)
@pytest.mark.parametrize("echo", [0.0, 0.7])
def test_no_peak_is_missed_between_the_lags_looked_at_first(i, echo, monkeypatch) -> None:
    """Preambles near the threshold at any place, alone and with an echo on the next sample."""
    rng = np.random.default_rng(i)
    threshold = PREAMBLES[i].threshold
    x = rng.normal(size=60 * RATE)
    wave = PREAMBLES[i].waveform(RATE) * np.sqrt(0.7 * threshold / (1 - threshold))
    for start in RATE * np.arange(59) + rng.integers(RATE // 2, size=59):
        x[start : start + wave.size] += wave
        x[start + 1 : start + 1 + wave.size] += echo * wave
    found = detect(x)
    assert len(found) > 10
    monkeypatch.setattr(detector, "_HINT", np.float32(0))
    assert detect(x) == found


@pytest.mark.parametrize("i", INDICES)
def test_alarms_in_white_noise_follow_the_beta_distribution(i: int) -> None:
    """The metric of noise is Beta(1, D - 1) distributed at one instant, so the number of peaks
    above g in a second is that of a Rayleigh envelope's crossings (Rice 1948),

        2 sqrt(pi) s sqrt(g D) (1 - g)**(D - 1),    s = 2800 Hz / sqrt(12).

    D is duration times the 2950 Hz that the band-pass lets through; the docstring's 2800 Hz is
    on the safe side. Thresholds are lowered so that there are enough peaks to count.
    """
    seconds = 400
    noise = np.random.default_rng(i).normal(size=seconds * RATE).astype(np.float32)
    duration = PREAMBLES[i].duration_s
    g = 0.05 * 0.064 / duration
    found = len(detect(noise, Preamble(PREAMBLES[i].root, duration, g)))

    def expected(dimensions: float) -> float:
        crossings = 2 * np.sqrt(np.pi) * 2800 / np.sqrt(12) * np.sqrt(g * dimensions)
        return seconds * crossings * (1 - g) ** (dimensions - 1)

    assert 0.65 * expected(2950 * duration) < found < 1.15 * expected(2950 * duration)
    assert found < expected(2800 * duration)


def test_thresholds_promise_less_than_one_alarm_a_day() -> None:
    for preamble in PREAMBLES:
        at_one_instant = (1 - preamble.threshold) ** (preamble.duration_s * 2800 - 1)
        assert at_one_instant * RATE * 86400 < 1


def glottal_speech(seconds: int, seed: int) -> NDArray[np.float64]:
    """Something like speech: pulses of wandering pitch and hiss through moving formants, in
    syllables with pauses."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(seconds * 4):
        n = int(rng.uniform(0.12, 0.38) * RATE)
        pitch = rng.uniform(80, 260) * np.exp(np.linspace(0, rng.normal(0, 0.25), n))
        pulses = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0)
        voiced = rng.random() < 0.7
        x = pulses + 0.02 * rng.normal(size=n) if voiced else 0.1 * rng.normal(size=n)
        for low, high in ((250, 800), (800, 2300), (2000, 3300)):
            hz, radius = rng.uniform(low, high), np.exp(-np.pi * rng.uniform(60, 200) / RATE)
            x = lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * hz / RATE), radius**2], x)
        x *= np.hanning(n) / (np.abs(x).max() + 1e-9)
        parts += [x, np.zeros(int(rng.exponential(0.04) * RATE))]
    return np.concatenate(parts)[: seconds * RATE]


def chords(seconds: int, seed: int) -> NDArray[np.float64]:
    """Plucked chords: harmonics that decay, two a second."""
    rng = np.random.default_rng(seed)
    x = np.zeros((seconds + 3) * RATE)
    t = np.arange(2 * RATE) / RATE
    for start in range(0, seconds * RATE, RATE // 2):
        for note in rng.choice(48, 4):
            hz = 110 * 2 ** (note / 12)
            for harmonic in range(1, int(3800 / hz) + 1):
                decay = np.exp(-t * rng.uniform(1, 5) * harmonic)
                phase = rng.uniform(0, 2 * np.pi)
                x[start : start + t.size] += (
                    decay * np.sin(2 * np.pi * hz * harmonic * t + phase) / harmonic
                )
    return x[: seconds * RATE]


def dtmf(seconds: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    t = np.arange(RATE // 10) / RATE
    keys = []
    for _ in range(seconds * 5):
        row, column = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477, 1633])
        keys += [np.sin(2 * np.pi * row * t) + np.sin(2 * np.pi * column * t), 0 * t]
    return np.concatenate(keys)


def pink(seconds: int, seed: int) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=seconds * RATE))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(1, spectrum.size + 1)))


def sweeps(seconds: int, seed: int) -> NDArray[np.float64]:
    """Up and down, from one a second to far slower and faster than the preambles' own."""
    rng = np.random.default_rng(seed)
    parts = []
    while sum(p.size for p in parts) < seconds * RATE:
        n = int(RATE * rng.choice([0.005, 0.012, 0.2, 0.5, 1.0]))
        hz = np.linspace(*rng.permutation([300, 3300]), n)
        parts.append(np.sin(2 * np.pi * np.cumsum(hz) / RATE))
    return np.concatenate(parts)


def tones(seconds: int, _seed: int) -> NDArray[np.float64]:
    n = np.arange(RATE * seconds)
    hz = np.array([425, 440, 1000, 1004, 2100, 2600, 3199])[n // RATE % 7]
    return np.sin(2 * np.pi * hz * n / RATE) * (n // (RATE // 2) % 3 > 0)


def clicks(seconds: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    x = np.zeros(seconds * RATE)
    x[rng.choice(x.size, seconds * 10)] = rng.normal(size=seconds * 10)
    x[:: RATE // 50] += 0.3  # mains sparks, evenly spaced
    return x


def square(seconds: int, _seed: int) -> NDArray[np.float64]:
    n = np.arange(RATE * seconds)
    return np.where(n % (20 + n // RATE % 60) < 10 + n // RATE % 30, 1.0, -1.0)


def white(seconds: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=seconds * RATE)


@pytest.mark.parametrize(
    "sound", [white, pink, tones, dtmf, sweeps, chords, clicks, square, glottal_speech]
)
def test_no_other_sound_is_taken_for_a_preamble(sound) -> None:
    x = sound(60 if sound is chords else 180, 11)
    assert detect(x / np.abs(x).max()) == []


def test_silence_and_its_edges_are_no_preamble() -> None:
    x = np.zeros(60 * RATE)
    assert detect(x) == []
    x[::2] = 1 / 32768  # an idle converter's least bit
    assert detect(x) == []
    x[20 * RATE : 40 * RATE] = 0.7  # steps of a constant
    assert detect(x) == []


def test_one_preamble_is_not_another() -> None:
    """Each alone and without noise gives one detection, its own."""
    for i, preamble in enumerate(PREAMBLES):
        x = np.concatenate((np.zeros(4000), preamble.waveform(RATE), np.zeros(4000)))
        assert [d.index for d in detect(x)] == [i]
