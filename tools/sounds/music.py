"""Music by simple instruments: plucked and bowed strings, organ, piano, bells, brass, drums."""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import signal

from sounds import Maker, Samples, mix, played, times

Instrument = Callable[[np.random.Generator, float, float, int], Samples]
"""(generator, frequency [Hz], length [s], sample rate) to samples."""

_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_CHORDS = ((0, 3, 4, 0), (0, 5, 3, 4), (5, 3, 0, 4), (1, 4, 0, 0), (0, 2, 3, 6), (0, 0, 3, 0))
_HIGHEST = 0.45  # partials reach so far, as a share of the sample rate


def plucked(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """A string as of a guitar or harp (Karplus & Strong 1983)."""
    period = max(round(rate / hertz - 0.5), 2)
    row = rng.uniform(-1, 1, period)
    row -= row.mean()
    rows = [row]
    for _ in range(round(seconds * rate) // period):
        row = 0.4985 * (row + np.roll(row, 1))
        rows.append(row)
    return np.concatenate(rows)[: round(seconds * rate)]


def bowed(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """Strings or a voice: a saw with vibrato, softly begun."""
    return _swelled(_partials(rng, hertz, seconds, rate, 14, 1.1, rng.uniform(0, 0.012)), rate)


def organ(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """Pipes, or a wheel organ in a rotating loudspeaker."""
    return _swelled(_partials(rng, hertz, seconds, rate, 8, 0.7, rng.choice([0.0, 0.004])), rate)


def brass(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """A tone whose upper partials come with its loudness."""
    t = times(seconds, rate)
    drive = np.minimum(t / 0.06, 1) * np.exp(-0.3 * t) * 4
    return _swelled(np.tanh(drive * _partials(rng, hertz, seconds, rate, 4, 1.5, 0.003)), rate)


def piano(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """Stiff strings that are struck and fade."""
    t = times(seconds, rate)
    total = np.zeros(t.size)
    for k in range(1, 13):
        partial_hz = k * hertz * np.sqrt(1 + 4e-4 * k * k)
        if partial_hz < _HIGHEST * rate:
            fade = np.exp(-t * (0.8 + 0.3 * k) * (hertz / 260) ** 0.5)
            total += fade * np.sin(2 * np.pi * (partial_hz * t + rng.random())) / k**1.2
    return total


def bell(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """Frequency modulation by an inharmonic tone (Chowning 1973)."""
    t = times(seconds, rate)
    fade = np.exp(-2.5 * t)
    bend = 6 * fade * np.sin(2 * np.pi * rng.choice([1.4, 2.76, 3.5]) * hertz * t)
    return np.asarray(fade * np.sin(2 * np.pi * hertz * t + bend))


def filtered(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """A synthesiser: a saw under a low-pass filter that closes or opens, with resonance."""
    t = times(seconds, rate)
    cut_hz = 300 + 4000 * np.exp(-t * rng.uniform(1, 12))
    if rng.random() < 0.3:
        cut_hz = cut_hz[::-1]
    total = np.zeros(t.size)
    for k in range(1, min(int(_HIGHEST * rate / hertz), 40) + 1):
        x = k * hertz / cut_hz
        total += np.sin(2 * np.pi * k * hertz * t) / k / np.sqrt((1 - x * x) ** 2 + 0.1 * x * x)
    return total


def chip(rng: np.random.Generator, hertz: float, seconds: float, rate: int) -> Samples:
    """A pulse wave that jumps through a chord 50 times a second, as of old computers."""
    steps = 2 ** (np.array([0, 4, 7] if rng.random() < 0.5 else [0, 0, 12]) / 12)
    places = (times(seconds, rate) * 50).astype(np.int64) % 3
    phase = np.cumsum(hertz * steps[places]) / rate
    return np.where(phase % 1 < rng.choice([0.125, 0.25, 0.5]), 1.0, -1.0)


def _partials(
    rng: np.random.Generator,
    hertz: float,
    seconds: float,
    rate: int,
    count: int,
    slope: float,
    vibrato: float,
) -> Samples:
    t = times(seconds, rate)
    turns = hertz * (t + vibrato * np.sin(2 * np.pi * rng.uniform(4.5, 7) * t) / 30)
    total = np.zeros(t.size)
    for k in range(1, count + 1):
        if k * hertz < _HIGHEST * rate:
            total += rng.uniform(0.4, 1) * np.sin(2 * np.pi * (k * turns + rng.random())) / k**slope
    return total


def _swelled(note: Samples, rate: int) -> Samples:
    edge = min(round(0.05 * rate), note.size // 2)
    note[:edge] *= np.linspace(0, 1, edge)
    note[note.size - edge :] *= np.linspace(1, 0, edge)
    return note


def drum(rng: np.random.Generator, name: str, rate: int) -> Samples:
    """A stroke on a kick, tom, snare, hat or cymbal."""
    t = times({"kick": 0.4, "tom": 0.5, "snare": 0.25, "hat": 0.08, "cymbal": 1.5}[name], rate)
    fade = np.exp(-6 * t / t[-1])
    if name in ("kick", "tom"):
        low = 45 if name == "kick" else rng.uniform(70, 200)
        return fade * played(low * (1 + 3 * np.exp(-t / 0.03)), rate)
    noise = np.diff(rng.standard_normal(t.size + 1))
    return fade * (noise + (2 * np.sin(2 * np.pi * 190 * t) if name == "snare" else 0))


_BANDS: dict[str, tuple[tuple[Instrument, ...], bool, tuple[float, float]]] = {
    # instruments (chords, bass, tune), drums, beats a minute
    "harp and strings": ((plucked, bowed, bowed), False, (50, 100)),
    "hymn": ((organ, organ, organ), False, (50, 90)),
    "piano": ((piano, piano, piano), False, (60, 180)),
    "pop": ((piano, plucked, brass), True, (85, 140)),
    "rock": ((plucked, plucked, bowed), True, (100, 180)),
    "techno": ((filtered, filtered, chip), True, (118, 150)),
    "bells": ((bell, plucked, bell), False, (60, 140)),
    "big band": ((brass, plucked, brass), True, (110, 220)),
    "chips": ((chip, chip, chip), True, (120, 180)),
}


def band(style: str, rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Chords, bass and tune in four-four time, by the instruments of a style."""
    instruments, has_drums, pace = _BANDS[style]
    total = np.zeros(round(seconds * rate))
    beat_s = 60 / rng.uniform(*pace)
    scale = _MAJOR if rng.random() < 0.6 else _MINOR
    key = rng.integers(40, 52)
    chords = _CHORDS[rng.integers(len(_CHORDS))]
    notes: dict[tuple[int, int, float], Samples] = {}

    def play(voice: int, degree: int, at: float, beats: float, loud: float) -> None:
        pitch = int(key + 12 * (degree // 7) + scale[degree % 7])
        if (voice, pitch, beats) not in notes:
            hertz = 440 * 2 ** ((pitch - 69) / 12)
            note = instruments[voice](rng, hertz, beats * beat_s, rate)
            notes[voice, pitch, beats] = note / (np.sqrt(np.mean(note * note)) + 1e-9)
        mix(total, loud * notes[voice, pitch, beats], at, rate)

    tune = 14
    strokes = {name: drum(rng, name, rate) for name in ("kick", "tom", "snare", "hat", "cymbal")}
    for bar in range(int(seconds / beat_s / 4) + 1):
        at, root = 4 * beat_s * bar, chords[bar % 4]
        broken = rng.random() < 0.5
        for i in range(8):
            if broken:
                play(0, 7 + root + (0, 2, 4, 7)[i % 4], at + i * beat_s / 2, 1.0, 0.5)
            elif i % 4 == 0:
                for third in (0, 2, 4):
                    play(0, 7 + root + third, at + i * beat_s / 2, 2.0, 0.4)
            if i % 2 == 0:
                play(1, root, at + i * beat_s / 2, 1.0, 0.7)
            if rng.random() < 0.6:
                tune = int(np.clip(tune + rng.integers(-2, 3), 10, 24))
                play(2, tune, at + i * beat_s / 2, float(rng.choice([0.5, 1.0])), 0.7)
            if has_drums:
                stroke = ("kick", "hat", "snare", "hat")[i % 4] if rng.random() < 0.9 else "tom"
                mix(total, rng.uniform(0.5, 1.2) * strokes[stroke], at + i * beat_s / 2, rate)
        if has_drums and bar % 4 == 0:
            mix(total, 0.7 * strokes["cymbal"], at, rate)
    if style == "rock":
        total = np.tanh(4 * total)
    return _echoed(rng, total, rate) if rng.random() < 0.6 else total


def slide(rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Glissandi with wide vibrato in two or three voices, as of slide guitars or trombones."""
    t = times(seconds, rate)
    total = np.zeros(t.size)
    for _ in range(rng.integers(2, 4)):
        knots = np.sort(rng.uniform(0, seconds, max(round(seconds * rng.uniform(0.5, 6)), 2)))
        octaves = np.interp(t, knots, rng.uniform(-1, 2.5, knots.size))
        octaves += 0.04 * np.sin(2 * np.pi * rng.uniform(4, 7) * t)
        turns = np.cumsum(220 * 2**octaves) / rate
        loud = np.interp(t, knots, rng.uniform(0, 1, knots.size))
        for k in range(1, rng.integers(2, 8)):
            total += loud * np.sin(2 * np.pi * k * turns) / k
    return total


def _echoed(rng: np.random.Generator, dry: Samples, rate: int) -> Samples:
    """In a room or hall."""
    t = times(rng.uniform(0.2, 1.5), rate)
    tail = rng.standard_normal(t.size) * np.exp(-7 * t / t[-1])
    tail *= rng.uniform(0.3, 1) / np.sqrt(np.sum(tail * tail))
    return np.asarray(dry + signal.oaconvolve(dry, tail)[: dry.size])


MAKERS: dict[str, Maker] = {
    **{f"music: {style}": partial(band, style) for style in _BANDS},
    "music: slides": slide,
}
