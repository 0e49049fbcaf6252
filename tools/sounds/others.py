"""Sounds that are not made here: signals of other modem programs, and recordings."""

import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from dialtone.peers import Peer
from numpy.typing import NDArray
from scipy import signal

from sounds import Samples

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aiff")
_TRANSMISSION_S = 20.0
_PAUSE_S = 0.5
_SPEEDS = tuple(Fraction(percent, 100) for percent in range(80, 130, 5))


@dataclass(frozen=True, slots=True)
class Transmissions:
    """Random bytes as sent by another modem, at one of its bit rates after the other."""

    peer: Peer

    def __call__(self, rng: np.random.Generator, seconds: float, rate: int) -> Samples:
        parts: list[Samples] = []
        left = round(seconds * rate)
        while left > 0:
            mode = self.peer.modes[int(rng.integers(len(self.peer.modes)))]
            data = rng.bytes(max(int(mode.bps * min(seconds, _TRANSMISSION_S) / 8), 1))
            with tempfile.TemporaryDirectory(prefix="dialtone-") as folder:
                sent = self.peer.send(data, mode, Path(folder))
            parts += [
                _at_rate(sent, Fraction(rate, mode.sample_rate)),
                np.zeros(round(_PAUSE_S * rate)),
            ]
            left -= parts[-2].size + parts[-1].size
        return np.concatenate(parts)[: round(seconds * rate)]


@dataclass(frozen=True, slots=True)
class Recordings:
    """Extracts of sound files, played slower or faster, two or three at once now and then."""

    paths: tuple[Path, ...]

    def __call__(self, rng: np.random.Generator, seconds: float, rate: int) -> Samples:
        total = np.zeros(round(seconds * rate))
        for _ in range(rng.choice([1, 1, 2, 3])):
            at = 0
            while at < total.size:
                speed = _SPEEDS[int(rng.integers(len(_SPEEDS)))]
                extract = self._extract(rng, (total.size - at) / rate, rate, speed)
                total[at : at + extract.size] += extract[: total.size - at]
                at += extract.size
        return total

    def _extract(
        self, rng: np.random.Generator, seconds: float, rate: int, speed: Fraction
    ) -> Samples:
        path = self.paths[rng.integers(len(self.paths))]
        with soundfile.SoundFile(path) as file:
            wanted = min(int(seconds * file.samplerate * speed) + 1, file.frames)
            file.seek(int(rng.integers(file.frames - wanted + 1)))
            x = file.read(wanted, always_2d=True)
            ratio = Fraction(rate, file.samplerate) / speed
        side = x[:, rng.integers(x.shape[1])]
        loudness = np.sqrt(np.mean(side * side)) + 1e-9
        return _at_rate(10 ** rng.uniform(-1, 0) * side / loudness, ratio)


@dataclass(frozen=True, slots=True)
class Extract:
    """A part of a sound file as it is; both sides of a stereo one."""

    path: Path
    start: int

    def __call__(self, rng: np.random.Generator, seconds: float, rate: int) -> Samples:
        x, _ = soundfile.read(self.path, round(seconds * rate), self.start, always_2d=True)
        return np.asarray(x[:, :2] if x.shape[1] > 1 else x[:, 0])


def recordings(folder: Path) -> tuple[Path, ...]:
    """All sound files below a folder, by name."""
    return tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES))


def _at_rate(x: NDArray[np.floating], ratio: Fraction) -> Samples:
    ratio = ratio.limit_denominator(1000)
    if ratio == 1:
        return np.asarray(x, np.float64)
    return np.asarray(signal.resample_poly(x, ratio.numerator, ratio.denominator), np.float64)
