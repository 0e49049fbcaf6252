"""Measures a recording of any length in constant memory: levels, spectra, what the modem saw."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import framing
import modem
from dialtone.output import Meter
from dialtone.pipeline import Delivered, Missed, Outcome, Receiving, Rejected, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dialtone.audio import AudioSource
    from dialtone.pipeline import Samples

FFT_SIZE = 1024
_COLUMNS = 1024  # of the spectrogram; neighbours are joined when there are twice as many
_NEAR_PEAK = 0.985  # share of the peak from where a sample counts as clipped
_FAINT = 1e-10  # power that stands for digital silence, so that logarithms exist
_OBSERVATIONS = 4096  # kept of a very long recording


class Columns:
    """Spectra and levels over time, in columns that grow wider as the recording grows longer."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.column_s = FFT_SIZE / sample_rate
        self._window = np.hanning(FFT_SIZE).astype(np.float32)
        self._held: NDArray[np.float32] | None = None
        self._power: list[NDArray[np.floating]] = []
        self._peak: list[float] = []
        self._square: list[float] = []
        self._per_column = 1
        self._waiting: list[tuple[NDArray[np.float32], float, float]] = []

    def add(self, chunk: "Samples") -> None:
        """Take samples (n, channels)."""
        x = chunk if self._held is None else np.concatenate((self._held, chunk))
        whole = len(x) // FFT_SIZE
        for block in x[: whole * FFT_SIZE].reshape(whole, FFT_SIZE, x.shape[1]):
            spectrum = np.fft.rfft(block * self._window[:, None], axis=0)
            power = (np.abs(spectrum) ** 2).sum(axis=1).astype(np.float32)
            self._waiting.append((power, float(np.abs(block).max()), float((block**2).mean())))
            if len(self._waiting) == self._per_column:
                self._join()
        self._held = x[whole * FFT_SIZE :]

    def _join(self) -> None:
        powers, peaks, squares = zip(*self._waiting, strict=True)
        self._waiting.clear()
        self._power.append(np.mean(powers, axis=0))
        self._peak.append(max(peaks))
        self._square.append(float(np.mean(squares)))
        if len(self._power) == 2 * _COLUMNS:
            pairs = range(0, 2 * _COLUMNS, 2)
            self._power = [np.mean(self._power[i : i + 2], axis=0) for i in pairs]
            self._peak = [max(self._peak[i : i + 2]) for i in pairs]
            self._square = [sum(self._square[i : i + 2]) / 2 for i in pairs]
            self._per_column *= 2
            self.column_s *= 2

    def finish(self) -> None:
        """Close the last column, however narrow."""
        if self._held is not None and (len(self._held) or not self._power):
            missing = FFT_SIZE - len(self._held)
            self.add(np.zeros((missing, self._held.shape[1]), np.float32))
        if self._waiting:
            self._join()

    @property
    def spectrogram_db(self) -> "NDArray[np.floating]":
        """(columns, FFT_SIZE // 2 + 1) power [dB, full-scale sine at 0]."""
        reference = (self._window.sum() / 2) ** 2
        return 10 * np.log10(np.asarray(self._power, np.float32) / reference + _FAINT)

    @property
    def rms_dbfs(self) -> "NDArray[np.float64]":
        """(columns,) mean level [dB relative to full scale]."""
        return 10 * np.log10(np.asarray(self._square) + _FAINT)

    @property
    def peak_dbfs(self) -> "NDArray[np.float64]":
        """(columns,) highest peak [dB relative to full scale]."""
        return 20 * np.log10(np.asarray(self._peak) + _FAINT)

    @property
    def times_s(self) -> "NDArray[np.floating]":
        """(columns,) where each column starts [s]."""
        return np.arange(len(self._power)) * self.column_s


@dataclass
class Analysis:
    """Everything a report shows of one recording.

    peak       highest absolute sample, full scale 1
    clipped    share of the samples at the peak: a signal that was cut off there
    observations  what the receiver saw of each superframe, false starts included
    transfers  unfinished ones, as far as they could be read without their key
    """

    name: str
    sample_rate: int
    channels: int
    columns: Columns
    seconds: float = 0.0
    peak: float = 0.0
    clipped: float = 0.0
    damage: str | None = None
    observations: list[modem.Observation] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    received: list[framing.Received] = field(default_factory=list)
    refused: list[framing.Refused] = field(default_factory=list)
    lost: list[Missed] = field(default_factory=list)
    transfers: list[framing.Progress] = field(default_factory=list)

    @property
    def superframes(self) -> list[modem.Observation]:
        """The observations with a payload that was decoded or tried."""
        return [seen for seen in self.observations if seen.duration_s > 0]


def analyse(source: "AudioSource", name: str, meter: Meter | None = None) -> Analysis:
    """Read a whole recording and everything in it; what it carries is looked at and dropped."""
    with tempfile.TemporaryDirectory(prefix="dialtone-") as folder:
        return analyse_into(framing.Inbox(Path(folder)), source, name, meter)


def analyse_into(
    inbox: framing.Inbox, source: "AudioSource", name: str, meter: Meter | None = None
) -> Analysis:
    """Read a whole recording; what it carries goes into the inbox."""
    columns = Columns(source.sample_rate)
    result = Analysis(name, source.sample_rate, source.channels, columns)
    loud = _Loudness()
    receiving = Receiving(
        inbox, [source.sample_rate], source.channels, observer=_keeper(result.observations)
    )
    for chunk in source:
        columns.add(chunk)
        loud.add(chunk)
        _collect(receiving.process(chunk), result)
        if meter is not None:
            meter(receiving.seconds)
    result.seconds = receiving.seconds
    _collect(receiving.flush(), result)
    result.transfers = inbox.pending()
    inbox.close()
    columns.finish()
    result.signals = list(receiving.signals)
    result.peak, result.clipped = loud.peak, loud.clipped
    result.damage = source.damage
    return result


def _keeper(observations: list[modem.Observation]) -> Callable[[modem.Observation], None]:
    def keep(observation: modem.Observation) -> None:
        if len(observations) < _OBSERVATIONS:
            observations.append(observation)

    return keep


def _collect(outcomes: Iterable[Outcome], result: Analysis) -> None:
    for outcome in outcomes:
        match outcome:
            case Delivered():
                result.received.append(outcome.received)
            case Rejected():
                result.refused.append(outcome.refused)
            case Missed():
                result.lost.append(outcome)


class _Loudness:
    """The peak, and how many samples sit at it."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._near = 0
        self._total = 0

    def add(self, chunk: "Samples") -> None:
        size = np.abs(chunk)
        peak = float(size.max(initial=0.0))
        if peak > self.peak:
            # What was near the old peak is not near a much higher one.
            self._near = self._near if self.peak > _NEAR_PEAK * peak else 0
            self.peak = peak
        self._near += int((size >= _NEAR_PEAK * self.peak).sum()) if self.peak else 0
        self._total += chunk.size

    @property
    def clipped(self) -> float:
        return self._near / self._total if self._total else 0.0
