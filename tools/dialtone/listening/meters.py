"""What an input sounds like, for those who watch: level, clipping, spectrum."""

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from dialtone.decibels import FULL, SILENCE_DBFS, dbfs
from dialtone.listening.hub import Hub

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import modem
    from dialtone.hearing import Hearing, Samples

_PERIOD_S = 0.2  # of sound in one event, and of time between two
_BANDS = 256
_CELLS_MAX = 400  # constellation points that are passed on
_CARRIERS_MAX = 256


class Meter:
    """Measures one input, at most five times a second, and only while somebody watches."""

    def __init__(self, hub: Hub, name: str) -> None:
        self._hub = hub
        self._name = name
        self._told = 0.0
        self._peak = 0.0
        self._square = 0.0
        self._clipped = 0
        self._count = 0
        self._last: Samples | None = None

    def hear(self, chunk: "Samples", hearing: "Hearing", overruns: int) -> None:
        """Take samples (n, channels)."""
        if not self._hub.watched or not len(chunk):
            return
        self._add(chunk)
        now = time.monotonic()
        enough = self._count >= _PERIOD_S * hearing.sample_rate * hearing.channels
        if not enough or now - self._told < _PERIOD_S:
            return
        self._told = now
        self._hub.tell(
            "level",
            input=self._name,
            peak_dbfs=round(dbfs(self._peak), 1),
            rms_dbfs=round(dbfs(math.sqrt(self._square / self._count)), 1),
            clipped=self._clipped / self._count,
            overruns=overruns,
            seconds=round(hearing.seconds, 1),
            waits_for=hearing.state,
        )
        if self._hub.wants_spectra:
            self._tell_spectrum(chunk, hearing.sample_rate)
        self._peak = self._square = 0.0
        self._clipped = self._count = 0

    def _add(self, chunk: "Samples") -> None:
        flat = chunk.reshape(-1)
        peak = max(float(flat.max()), -float(flat.min()))
        self._peak = max(self._peak, peak)
        self._square += float(np.dot(flat, flat))
        if peak >= FULL:
            self._clipped += int(np.count_nonzero(np.abs(flat) >= FULL))
        self._count += flat.size
        if self._hub.wants_spectra:
            longest = 4 * _BANDS
            before = self._last if self._last is not None else chunk[:0]
            joined = chunk if len(chunk) >= longest else np.concatenate((before, chunk))
            self._last = joined[-longest:]

    def _tell_spectrum(self, chunk: "Samples", rate: int) -> None:
        x = chunk if self._last is None else self._last
        levels = spectrum_dbfs(x.mean(axis=1))
        self._hub.tell("spectrum", input=self._name, low_hz=0, high_hz=rate / 2, dbfs=levels)

    def see(self, seen: "modem.Observation") -> None:
        """Pass on what was seen of a superframe."""
        if not self._hub.watched or seen.header is None or seen.stats is None:
            return
        carriers: tuple[list[float], list[float | None]] = ([], [])
        cells: list[list[float]] = []
        if self._hub.wants_spectra:
            carriers = _thinned(seen.carrier_hz, seen.snr_db)
            step = max(1, math.ceil(len(seen.constellation) / _CELLS_MAX))
            cells = [[round(float(c.real), 3), round(float(c.imag), 3)]
                     for c in seen.constellation[::step]]  # fmt: skip
        self._hub.tell(
            "superframe",
            input=self._name,
            profile=seen.profile,
            speed=seen.header.speed,
            number=seen.header.number,
            snr_db=known(seen.stats.snr_db),
            evm_db=known(seen.stats.evm_db),
            level_dbfs=known(seen.stats.level_dbfs),
            clock_ppm=known(seen.stats.clock_ppm),
            blocks=seen.blocks,
            blocks_failed=seen.blocks_failed,
            packets=seen.packets,
            carrier_hz=carriers[0],
            carrier_snr_db=carriers[1],
            constellation=cells,
        )


def known(number: float) -> float | None:
    """The number, rounded; None for what is not one."""
    return round(float(number), 2) if math.isfinite(number) else None


def spectrum_dbfs(x: "NDArray[np.float32]") -> list[int]:
    """Levels of 256 bands of equal width from 0 to half the rate [dBFS, full-scale sine at 0].

    x  (n,) samples; of more than 1024 the newest
    """
    size = 4 * _BANDS
    newest = np.zeros(size, np.float32)
    newest[size - min(size, len(x)) :] = x[-size:]
    window = np.hanning(size)
    power = np.abs(np.fft.rfft(newest * window)[: 2 * _BANDS]) ** 2 / (window.sum() / 2) ** 2
    band = power.reshape(_BANDS, 2).max(axis=1)
    levels = 10 * np.log10(band + 10 ** (SILENCE_DBFS / 10))
    return [int(level) for level in np.rint(levels)]


def _thinned(
    hz: "NDArray[np.float64]", snr_db: "NDArray[np.float32]"
) -> tuple[list[float], list[float | None]]:
    """At most 256 of the carriers, evenly chosen: the picture has no room for more."""
    step = max(1, math.ceil(len(hz) / _CARRIERS_MAX))
    return [round(float(f), 1) for f in hz[::step]], [known(s) for s in snr_db[::step]]
