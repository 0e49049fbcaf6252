"""What `receive` shows while it listens to a sound card: level, signal, transfers."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from dialtone.decibels import FULL, dbfs
from dialtone.output import count, duration
from dialtone.reception import shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    import framing
    from dialtone.chart import Chart
    from dialtone.pipeline import Receiving, Samples, Signal
    from dialtone.soundcard.capture import Capture

_CLIPPED_SHOWN = 0.001  # of all samples: a waveform of this modem reaches full scale by itself
_WINDOW_S = 1.0  # over which the level is taken
_FLOOR_DBFS = -72.0
_BAR = 24
_LABEL = 9  # cells
_GAP = 2
_FIGURES = 30
_NAME = 18
_CELLS = (8, 40)
_ROWS = 6  # transfers shown at most, the newest


class Meters:
    """Level of the last second, and how much of all sound was clipped."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._parts: deque[tuple[int, float, float]] = deque()  # frames, peak, mean square
        self._frames = self._clipped = 0

    def add(self, chunk: Samples) -> None:
        """Take samples (n, channels) in."""
        if not len(chunk):
            return
        loud = np.abs(chunk)
        self._parts.append((len(chunk), float(loud.max()), float(np.mean(np.square(chunk)))))
        while sum(part[0] for part in self._parts) > _WINDOW_S * self._rate + len(chunk):
            self._parts.popleft()
        self._frames += chunk.size
        self._clipped += int((loud >= FULL).sum())

    @property
    def peak_dbfs(self) -> float:
        """-120 for digital silence."""
        return dbfs(max((peak for _, peak, _ in self._parts), default=0.0))

    @property
    def rms_dbfs(self) -> float:
        """-120 for digital silence; -3.01 for a sine of full scale."""
        frames = sum(part[0] for part in self._parts)
        power = sum(part[0] * part[2] for part in self._parts) / max(frames, 1)
        return dbfs(math.sqrt(power))

    @property
    def clipped(self) -> float:
        """Share of all samples so far that are at full scale."""
        return self._clipped / max(self._frames, 1)


class Screen:
    """Draws one reception; `facts` says the same for JSON."""

    def __init__(
        self, capture: Capture, receiving: Receiving, chart: Chart, meters: Meters
    ) -> None:
        self._capture = capture
        self._receiving = receiving
        self._chart = chart
        self._meters = meters
        self._started = time.monotonic()

    def _signal(self) -> Signal | None:
        return self._receiving.signals[-1] if self._receiving.signals else None

    def _transfers(self) -> list[framing.Progress]:
        heard = self._receiving.transfers
        return [p for p in self._receiving.inbox.pending() if p.transfer_id in heard]

    def facts(self) -> dict[str, object]:
        """The fields of a progress event."""
        signal = self._signal()
        return {
            "peak_dbfs": self._meters.peak_dbfs,
            "rms_dbfs": self._meters.rms_dbfs,
            "clipped": self._meters.clipped,
            "overruns": self._capture.overruns,
            "profile": signal and signal.profile,
            "speed": signal and signal.speed,
            "snr_db": signal and signal.snr_db,
            "clock_ppm": signal and signal.clock_ppm,
            "packets": signal and signal.packets,
            "packets_lost": signal and signal.packets_lost,
            "transfers": [
                {
                    "transfer": progress.transfer_id,
                    "name": progress.name,
                    "have": progress.have,
                    "needed": progress.needed,
                    "exact": progress.exact,
                    "locked": progress.locked,
                }
                for progress in self._transfers()
            ],
        }

    def draw(self, width: int) -> RenderableType:
        """Lines of a terminal of so many cells, always in the same places."""
        from rich.table import Table

        table = Table.grid(padding=(0, _GAP))
        table.add_column(no_wrap=True, style="bold", width=_LABEL)
        room = max(width - _LABEL - _GAP, 1)
        table.add_column(no_wrap=True, overflow="ellipsis", width=room)
        capture = self._capture
        sides = "mono" if capture.channels == 1 else "stereo"
        lost = f", {count(capture.overruns, 'overrun')}" if capture.overruns else ""
        table.add_row(
            "listening",
            f"{capture.device.name}, {capture.sample_rate / 1000:g} kHz {sides}{lost}, "
            f"{duration(time.monotonic() - self._started)}; Ctrl-C ends it",
        )
        table.add_row("level", self._level())
        table.add_row("signal", self._told_signal())
        cells = min(max(room - _FIGURES - _NAME, _CELLS[0]), _CELLS[1])
        for progress in self._transfers()[-_ROWS:]:
            table.add_row(*self._row(progress, cells))
        return table

    def _row(self, progress: framing.Progress, cells: int) -> tuple[Text, Text]:
        from rich.text import Text

        chart = self._chart.row(progress.transfer_id, progress.needed, cells)
        share = min(progress.have / max(progress.needed, 1), 1.0)
        about = "" if progress.exact else "~"
        told = f"{progress.have} of {about}{progress.needed} packets"
        style = "cyan"
        if progress.locked:
            told, style = "the key is missing", "yellow"
        told = f"  {100 * share:3.0f} %  {told}".ljust(_FIGURES)
        label = "locked" if progress.locked else "arriving"
        return Text(label, style), Text.assemble((chart, style), told, shown(progress))

    def _level(self) -> RenderableType:
        from rich.text import Text

        meters = self._meters
        peak, rms = meters.peak_dbfs, meters.rms_dbfs
        cells = [round(_BAR * min(max(1 - level / _FLOOR_DBFS, 0.0), 1.0)) for level in (rms, peak)]
        bar = "█" * cells[0] + "▒" * (cells[1] - cells[0]) + "·" * (_BAR - cells[1])
        loud = "red" if peak > -1 else "green"
        clipped = ("", "")
        if meters.clipped >= _CLIPPED_SHOWN:
            clipped = (f"  clipping: {100 * meters.clipped:.1f} % of the samples", "bold red")
        figures = f"  peak {peak:6.1f}, mean {rms:6.1f} dBFS"
        return Text.assemble((bar, loud), figures, clipped)

    def _told_signal(self) -> str:
        signal = self._signal()
        if signal is None:
            return "none yet"
        ended = ", ended" if signal.ended else ""
        lost = f", {count(signal.packets_lost, 'packet')} lost" if signal.packets_lost else ""
        return (
            f"{signal.profile} speed {signal.speed}, SNR {signal.snr_db:.1f} dB, clock "
            f"{signal.clock_ppm:+.1f} ppm{ended}{lost}"
        )
