"""`calibrate --listen`: what an input hears just now, while the other side plays something."""

import math
import time

import numpy as np
from numpy.typing import NDArray

from dialtone.decibels import FULL, dbfs
from dialtone.errors import ExitCode, Failure
from dialtone.output import Meter, Output, duration
from dialtone.soundcard.capture import Capture, DeviceLostError

_WAIT_S = 0.2
_HELD_S = 2.0  # the time that a verdict is about
_FLAT = 0.002  # share of the highest peak that samples which were cut off differ by
_FLAT_SHARE = 0.005
_STEEP = 0.85  # of what lies within twice that, from where it was cut off: a sine has 0.71
_TONE = 0.02  # that the power of a sine is uncertain by
_LOUD_DBFS, _QUIET_DBFS, _SILENT_DBFS = -1.0, -26.0, -70.0


class Levels:
    """The levels of the last seconds, and of all the time.

    seconds  heard so far [s]
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._parts: list[NDArray[np.float32]] = []
        self.seconds = 0.0
        self.highest = 0.0

    def add(self, chunk: NDArray[np.float32]) -> None:
        """Take samples (n, channels)."""
        if not len(chunk):
            return
        self.seconds += len(chunk) / self._rate
        self.highest = max(self.highest, float(np.abs(chunk).max()))
        self._parts.append(chunk)
        held = sum(len(part) for part in self._parts)
        while held - len(self._parts[0]) >= _HELD_S * self._rate:
            held -= len(self._parts.pop(0))

    def _held(self) -> NDArray[np.float32]:
        """The loudest channel of the last seconds."""
        if not self._parts:
            return np.zeros(1, np.float32)
        held = np.concatenate(self._parts)
        return np.ascontiguousarray(held[:, int(np.argmax(np.abs(held).max(axis=0)))])

    def facts(self) -> dict[str, float]:
        """peak_dbfs, rms_dbfs and clipped (a share) of the last seconds."""
        held = self._held()
        peak = float(np.abs(held).max())
        return {
            "peak_dbfs": dbfs(peak),
            "rms_dbfs": dbfs(float(np.sqrt(np.mean(held.astype(np.float64) ** 2)))),
            "clipped": _cut_off(held),
        }

    def verdict(self) -> str:
        """What to do about it."""
        facts = self.facts()
        peak, clipped = facts["peak_dbfs"], facts["clipped"]
        if clipped and peak >= _LOUD_DBFS:
            return f"turn the input down: {100 * clipped:.1f} % of the samples clip"
        if clipped:
            return f"{100 * clipped:.1f} % clip ahead of the input: turn the other side down"
        if peak > _LOUD_DBFS:
            return "turn the input down a little: the peaks are close to full scale"
        held = self._held()
        moved = dbfs(float(np.ptp(held)) / 2)  # a constant offset is no sound
        if moved < _SILENT_DBFS:
            return "nothing is heard: is the cable in, and does the other side play?"
        if moved < _QUIET_DBFS:
            return "turn the input or the other side up"
        return "good"


def listen(device: str | None, rate: int | None, timeout_s: float | None, out: Output) -> None:
    """Show the level and what to do about it, until Ctrl-C or the timeout.

    Raises Failure (device).
    """
    with Capture(device, rate) as capture:
        out.say(f"listening to {capture.device.name}; Ctrl-C ends it")
        levels = Levels(capture.sample_rate)
        try:
            with out.live("listening", lambda width: _line(levels)) as meter:
                _follow(capture, levels, timeout_s, meter)
        except DeviceLostError as error:
            hint = "`dialtone devices` shows what there is"
            raise Failure(str(error), hint, ExitCode.DEVICE) from None
        except KeyboardInterrupt:
            pass  # the way to end it
        name, overruns = capture.device.name, capture.overruns
    facts = levels.facts()
    verdict = levels.verdict()
    out.event(
        "heard", input=name, verdict=verdict, good=verdict == "good", seconds=levels.seconds,
        **facts, highest_dbfs=dbfs(levels.highest), overruns=overruns,
    )  # fmt: skip
    out.say(f"{_line(levels)}")
    out.say(f"in {duration(levels.seconds)} the highest peak was {dbfs(levels.highest):.1f} dBFS")


def _follow(capture: Capture, levels: Levels, timeout_s: float | None, meter: Meter) -> None:
    deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        levels.add(capture.read(_WAIT_S))
        meter(levels.seconds, levels.verdict(), **levels.facts())


def _cut_off(x: NDArray[np.float32]) -> float:
    """Share of the samples that stand at a limit; 0 where the peaks are those of the sound."""
    size = np.abs(x)
    if (peak := float(size.max())) >= FULL:
        return float((size >= (1 - _FLAT) * peak).mean())
    size = np.abs(x - (x.max() + x.min()) / 2)  # a constant offset moves no limit
    peak = float(size.max())
    power = float(np.mean(size.astype(np.float64) ** 2))
    # A tone may be sampled at its very peak again and again.
    if dbfs(peak) < _SILENT_DBFS or abs(2 * power / peak**2 - 1) < _TONE:
        return 0.0
    flat, around = ((size >= (1 - width) * peak).mean() for width in (_FLAT, 2 * _FLAT))
    return float(flat) if flat > max(_FLAT_SHARE, _STEEP * around) else 0.0


def _line(levels: Levels) -> str:
    facts = levels.facts()
    return (
        f"peak {facts['peak_dbfs']:6.1f} dBFS   mean {facts['rms_dbfs']:6.1f} dBFS   "
        f"clipped {100 * facts['clipped']:5.2f} %   {levels.verdict()}"
    )
