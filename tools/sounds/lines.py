"""What is heard on telephone lines: dialling, call progress, fax, answer tones, other modems."""

import numpy as np

from sounds import Maker, Samples, held, played, softened, times

_ROWS_HZ = (697.0, 770.0, 852.0, 941.0)
_COLUMNS_HZ = (1209.0, 1336.0, 1477.0, 1633.0)

# (tones [Hz], seconds on and off in turn); ITU-T E.180 supplement 2. The last of a tone that is
# modulated are its carrier and the carrier plus and minus the modulation.
_CALLS: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = (
    ((350, 440), (1, 0)),  # dialling, North America and United Kingdom
    ((440, 480), (2, 4)),  # ringing, North America
    ((480, 620), (0.5, 0.5)),  # busy, North America
    ((480, 620), (0.25, 0.25)),  # congestion
    ((400, 450), (0.4, 0.2, 0.4, 2)),  # ringing, United Kingdom
    ((400,), (0.375, 0.375)),  # busy, United Kingdom
    ((425,), (1, 0)),  # dialling, most of Europe
    ((425,), (1, 4)),  # ringing, Germany
    ((425,), (0.48, 0.48)),  # busy, Germany
    ((440,), (1.5, 3.5)),  # ringing, France
    ((425,), (0.2, 0.3, 0.7, 0.8)),  # dialling, Italy
    ((400, 416, 384), (1, 2)),  # ringing, Japan
    ((400, 425, 375), (0.4, 0.2, 0.4, 2)),  # ringing, Australia
    ((440,), (0.3, 10)),  # call waiting
    ((1400,), (0.5, 15)),  # recording warning
    ((1400, 2060, 2450, 2600), (0.1, 0.1)),  # receiver off the hook
)
_INFORMATION_HZ = (950.0, 1400.0, 1800.0)

# (frequency of a 1, of a 0 [Hz], baud)
_FSK = {
    "V.21 caller": (980.0, 1180.0, 300.0),
    "V.21 answerer": (1650.0, 1850.0, 300.0),
    "V.23": (1300.0, 2100.0, 1200.0),
    "V.23 back": (390.0, 450.0, 75.0),
    "Bell 103 caller": (1270.0, 1070.0, 300.0),
    "Bell 103 answerer": (2225.0, 2025.0, 300.0),
    "Bell 202": (1200.0, 2200.0, 1200.0),
    "teletype": (2125.0, 2295.0, 45.45),
}
# (carrier [Hz], baud, points on an axis; 0 stands for 8 phases)
_QAM = {
    "V.22 caller": (1200.0, 600.0, 2),
    "V.22 answerer": (2400.0, 600.0, 2),
    "V.22bis": (2400.0, 600.0, 4),
    "V.26": (1800.0, 1200.0, 2),
    "V.27": (1800.0, 1600.0, 0),
    "V.29": (1700.0, 2400.0, 4),
    "V.32bis": (1800.0, 2400.0, 8),
}
_ROLL_OFF = 0.25
_BITS = 1 << 15


def dialling(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """DTMF digits of 40 to 200 ms with pauses."""
    count = round(seconds * rate)
    keys = 200
    lengths = np.repeat(rng.uniform(0.04, 0.2, keys), 2)
    lengths[1::2] = rng.choice([0.04, 0.07, 0.1, 0.5], keys)
    gate = softened(held(np.tile([1.0, 0.0], keys), lengths, rate, count), rate, 0.002)
    low, high = (
        played(held(np.repeat(rng.choice(tones, keys), 2), lengths, rate, count), rate)
        for tones in (_ROWS_HZ, _COLUMNS_HZ)
    )
    return gate * (low + rng.uniform(0.7, 1.4) * high)


def progress(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Dial, ring-back, busy and other tones of several countries, 12 s of each."""
    total = np.zeros(round(seconds * rate))
    part = round(12 * rate)
    for low in range(0, total.size, part):
        piece = total[low : low + part]
        if rng.random() < 0.1:  # special information tone
            lengths = np.array([0.33, 0.33, 0.33, 1.0])
            hertz = held(np.array([*_INFORMATION_HZ, 0.0]), lengths, rate, piece.size)
            piece += np.where(hertz > 0, played(hertz, rate), 0)
            continue
        tones, cadence = _CALLS[rng.integers(len(_CALLS))]
        on = np.arange(len(cadence)) % 2 == 0
        gate = held(on.astype(float), np.array(cadence), rate, piece.size)
        for tone in tones:
            piece += rng.uniform(0.5, 1) * gate * played(np.full(piece.size, tone), rate)
    return total


def fax(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Calling tone, answer tone, flags and frames of V.21, and pages in QAM, again and again."""
    parts: list[Samples] = []
    left = round(seconds * rate)
    while left > 0:
        on = times(0.5, rate)
        calling = np.concatenate((np.sin(2 * np.pi * 1100 * on), np.zeros(3 * rate)))
        answer = np.sin(2 * np.pi * 2100 * times(rng.uniform(2.6, 4), rate))
        flags = np.tile([0, 1, 1, 1, 1, 1, 1, 0], 37)
        bits = np.concatenate((flags, rng.integers(0, 2, 300)))
        frames = _shifted(bits, *_FSK["V.21 answerer"], rate)
        page = _modulated(rng, 8.0, rate, *_QAM[rng.choice(["V.27", "V.29"])])
        quiet = np.zeros(round(0.075 * rate))
        parts += [calling, calling, answer, quiet, frames, quiet, 0.7 * page, quiet, frames]
        left -= sum(part.size for part in parts[-9:])
    return np.concatenate(parts)[: round(seconds * rate)]


def answers(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Answer tones with phase reversals and pauses, with and without V.8's amplitude modulation."""
    t = times(seconds, rate)
    cycle = rng.uniform(3.5, 5)
    tone = np.cos(2 * np.pi * rng.choice([2100, 2100, 2225, 1300]) * t)
    reversed_ = np.where((t % cycle // 0.45) % 2 > 0, -1.0, 1.0)
    depth = np.where(t // (2 * cycle) % 2 > 0, 0.2, 0.0)
    return tone * reversed_ * (1 + depth * np.sin(2 * np.pi * 15 * t)) * (t % cycle < cycle - 1)


def fsk(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Two tones after random data, idle ones now and then; one of several standards every 10 s."""
    parts: list[Samples] = []
    for _ in range(int(seconds // 10) + 1):
        name = rng.choice(list(_FSK))
        baud = _FSK[name][2]
        bits = rng.integers(0, 2, round(10 * baud))
        idle = round(baud * rng.uniform(0, 2))
        bits[:idle] = 1
        parts.append(_shifted(bits, *_FSK[name], rate))
    return np.concatenate(parts)[: round(seconds * rate)]


def both_ways(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Both sides of a call between two modems at once, at unlike levels."""
    caller, answerer = (
        _shifted(rng.integers(0, 2, round(301 * seconds)), *_FSK[name], rate)
        for name in ("V.21 caller", "V.21 answerer")
    )
    count = round(seconds * rate)
    return caller[:count] + 10 ** rng.uniform(-1.5, 0) * answerer[:count]


def qam(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Phase-shift keying and QAM of several standards, 10 s of each."""
    parts = [
        _modulated(rng, 10.0, rate, *_QAM[rng.choice(list(_QAM))])
        for _ in range(int(seconds // 10) + 1)
    ]
    return np.concatenate(parts)[: round(seconds * rate)]


def television(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Slow-scan pictures: a tone of 1500 to 2300 Hz after the brightness, 1200 Hz between lines."""
    count = round(seconds * rate)
    lines, pixels = 60, 128
    shades = np.cumsum(rng.normal(0, 0.15, (lines, pixels)), axis=1) % 1
    hertz = np.concatenate((np.full((lines, 1), 1200.0), 1500 + 800 * shades), axis=1)
    pixel_s = rng.choice([0.23e-3, 0.46e-3, 1e-3])
    lengths = np.tile(np.concatenate(([5e-3], np.full(pixels, pixel_s))), lines)
    return played(held(hertz.ravel(), lengths, rate, count), rate)


def _shifted(
    bits: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    one_hz: float,
    zero_hz: float,
    baud: float,
    rate: int,
) -> Samples:
    count = round(bits.size / baud * rate)
    places = np.minimum(np.arange(count) * baud // rate, bits.size - 1).astype(np.int64)
    return played(np.where(bits[places] > 0, one_hz, zero_hz), rate)


def _modulated(
    rng: np.random.Generator, seconds: float, rate: int, carrier_hz: float, baud: float, points: int
) -> Samples:
    """Random symbols with root raised cosine pulses, made in the frequency domain."""
    symbols = round(seconds * baud)
    if points:
        axes = 2.0 * rng.integers(0, points, (2, symbols)) - points + 1
        cells = axes[0] + 1j * axes[1]
    else:
        cells = np.exp(0.25j * np.pi * np.cumsum(rng.integers(0, 8, symbols)))
    count = round(seconds * rate)
    reach = min(symbols, count // 2)
    bins = np.arange(-reach + 1, reach)
    x = np.abs(bins) / symbols
    slope = np.clip((x - 0.5 * (1 - _ROLL_OFF)) / _ROLL_OFF, 0, 1)
    spectrum = np.zeros(count, np.complex128)
    spectrum[bins] = np.fft.fft(cells)[bins % symbols] * np.cos(0.5 * np.pi * slope)
    turn = np.exp(2j * np.pi * carrier_hz * np.arange(count) / rate)
    x = np.real(np.fft.ifft(spectrum) * turn)
    return np.asarray(x / np.sqrt(np.mean(x * x)))


MAKERS: dict[str, Maker] = {
    "DTMF": dialling,
    "ring-back, busy": progress,
    "fax": fax,
    "answer tones": answers,
    "FSK": fsk,
    "FSK both ways": both_ways,
    "PSK and QAM": qam,
    "slow-scan television": television,
}
