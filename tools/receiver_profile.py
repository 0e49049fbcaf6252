"""Measures where the receiver's time goes: six kinds of sound, stage by stage.

    python tools/receiver_profile.py                 measure and print
    python tools/receiver_profile.py --draw          and draw modem/receiver_profile.png
    python tools/receiver_profile.py --seconds 5     of shorter transmissions

Time is that of the processor, compilation not counted. A stage's share is its own time, without
that of the stages it calls.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import matplotlib as mpl
import numpy as np
from dialtone.output import times
from dialtone.report import FAINT_INK, STYLE
from dialtone.whole import whole_file
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

import modem
from modem import channel, demodulator, header, superframe, tracker, weak
from modem.demodulator import Demodulator
from modem.fec.ldpc import LdpcCode
from modem.sync.preamble import PreambleDetector
from modem.sync.resampler import Resampler
from modem.tracker import SymbolTracker
from modem.waveforms.ofdm import Numerology
from modem.weak import WeakReader

_FIGURE = Path(__file__).parents[1] / "modem" / "receiver_profile.png"
_BEFORE_S = 0.5  # of the channel's noise ahead
_SEED = 1

REST = "rest"
# What counts as which stage, with all that it calls and that is not listed itself.
_STAGES: dict[str, tuple[tuple[Any, str], ...]] = {
    "detection": ((Resampler, "process"), (PreambleDetector, "process")),
    "interpolation": ((tracker, "interpolate"),),
    "FFT": ((Numerology, "demodulate"),),
    "delay tracking": ((tracker, "track_delays"), (weak, "find_line")),
    "channel estimate": (
        (SymbolTracker, "estimate_channel"),
        (SymbolTracker, "follow"),
        (Demodulator, "synchronise"),
        (WeakReader, "follow"),
    ),
    "equaliser, noise": ((Demodulator, "demodulate"),),
    "demapper": (
        (demodulator, "soft_demap"),
        (header, "soft_demap"),
        (superframe, "deinterleave"),
    ),
    "LDPC": ((LdpcCode, "decode"),),
    "CRC, Reed-Solomon": ((superframe, "_crc"), (superframe, "rs_recover")),
}
STAGES = (*_STAGES, REST)
_COLORS = (
    "#475569", "#2563eb", "#60a5fa", "#0d9488", "#4ade80",
    "#a3a635", "#f59e0b", "#dc2626", "#a855f7", "#cbd5e1",
)  # fmt: skip


class Case(NamedTuple):
    """A sound to receive: a transmission at this speed through a channel, noise alone for 0."""

    name: str
    profile: str
    speed: int
    channel: str


# Each at the fastest speed that arrives whole without repair packets; all profiles are armed.
CASES = (
    Case("cable, 40 dB", "cable", 33, "skew=100,awgn=40"),
    Case("stereo192, 50 dB", "stereo192", 34, "skew=100,awgn=50"),
    Case("phone, G.711, -45 dBFS", "phone", 44, "skew=100,band=300-3400,noise=-45,g711u"),
    Case("mp3, MP3 128 kbit/s", "mp3", 32, "skew=100,mp3=128"),
    Case("air, room of 0.3 s, 20 dB", "air", 15, "skew=100,room=300ms,awgn=20"),
    Case("idle, noise at 48 kHz", "cable", 0, "noise=-30"),
)


class Measured(NamedTuple):
    """Length of the sound and processor time of each stage [s]."""

    case: Case
    sound_s: float
    stages: dict[str, float]

    @property
    def times_real(self) -> float:
        return self.sound_s / sum(self.stages.values())

    @property
    def shares(self) -> dict[str, float]:
        total = sum(self.stages.values())
        return {name: spent / total for name, spent in self.stages.items()}


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Processor time of each stage [s], complete when the block ends."""
    spent = dict.fromkeys(STAGES, 0.0)
    running = [REST]
    since = time.process_time()

    def turn_to(stage: str | None) -> None:
        """Start a stage, or end the one that runs."""
        nonlocal since
        now = time.process_time()
        spent[running[-1]] += now - since
        since = now
        if stage is None:
            running.pop()
        else:
            running.append(stage)

    def timed(function: Any, stage: str) -> Any:
        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            turn_to(stage)
            try:
                return function(*arguments, **options)
            finally:
                turn_to(None)

        return call

    with ExitStack() as patches:
        for stage, places in _STAGES.items():
            for owner, name in places:
                watched = timed(getattr(owner, name), stage)
                patches.enter_context(patch.object(owner, name, watched))
        since = time.process_time()
        yield spent
        turn_to(None)


def sound_of(case: Case, seconds: float) -> tuple[NDArray[np.float32], int, int]:
    """About so much sound, its sample rate, and the packets in it."""
    profile = modem.profiles[case.profile]
    made = np.zeros(round(seconds * profile.sample_rate), np.float32)
    count = 0
    if case.speed:
        tx = modem.Transmitter(profile, case.speed)
        speed = profile.speed(case.speed)
        samples = profile.superframe_samples(speed.symbols, speed.prefix)
        count = max(ceil(made.size / samples), 1) * speed.blocks
        rng = np.random.default_rng(_SEED)
        packets = [rng.bytes(tx.packet_bytes) for _ in range(count)]
        made = np.concatenate((tx.process(packets), tx.flush()))
    quiet = np.zeros((round(_BEFORE_S * profile.sample_rate), *made.shape[1:]), np.float32)
    heard, rate = channel.parse(case.channel, _SEED).apply(
        np.concatenate((quiet, made)), profile.sample_rate
    )
    return heard, rate, count


def measure(case: Case, seconds: float, repeats: int) -> Measured:
    """The fastest of so many receptions, after one that compiles."""
    heard, rate, count = sound_of(case, seconds)
    measured = []
    for _ in range(repeats + 1):
        rx = modem.Receiver(rate, modem.profiles[case.profile].lanes)
        with stopwatch() as stages:
            events = rx.process(heard) + rx.flush()
        got = sum(isinstance(event, modem.Packet) for event in events)
        if got < count:
            raise SystemExit(f"{case.name}: {got} of {count} packets arrived at speed {case.speed}")
        measured.append(Measured(case, len(heard) / rate, stages))
    return max(measured[1:], key=lambda one: one.times_real)


def print_table(rows: list[Measured]) -> None:
    """In Markdown: a column for each case."""
    print("| | " + " | ".join(row.case.name for row in rows) + " |")
    print("|---|" + "---|" * len(rows))
    print("| times real time | " + " | ".join(times(row.times_real) for row in rows) + " |")
    each = [f"{1000 / row.times_real:.1f} ms" for row in rows]
    print("| a second of sound takes | " + " | ".join(each) + " |")
    for stage in STAGES:
        print(f"| {stage} | " + " | ".join(f"{row.shares[stage]:.0%}" for row in rows) + " |")


def draw(rows: list[Measured], target: Path) -> None:
    """A bar for each case, its stages one behind the other."""
    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(12, 5.3), dpi=100, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(figure)
        figure.get_layout_engine().set(w_pad=0.15, h_pad=0.1)
        axes = figure.subplots()
        places = np.arange(len(rows))
        done = np.zeros(len(rows))
        for stage, color in zip(STAGES, _COLORS, strict=True):
            share = np.array([100 * row.shares[stage] for row in rows])
            axes.barh(places, share, 0.62, left=done, color=color, edgecolor="white", label=stage)
            for place, left, width in zip(places, done, share, strict=True):
                if width >= 3:
                    axes.text(
                        left + width / 2, place, f"{width:.0f}", ha="center", va="center",
                        color=_ink_on(color), fontsize=9,
                    )  # fmt: skip
            done += share
        for place, row in zip(places, rows, strict=True):
            axes.text(101, place - 0.13, f"{times(row.times_real)} x", va="center", weight="bold")
            axes.text(
                101, place + 0.17, f"{1000 / row.times_real:.1f} ms a second", va="center",
                color=FAINT_INK, fontsize=8.5,
            )  # fmt: skip
        axes.set_yticks(places, [row.case.name for row in rows], color=STYLE["text.color"])
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.grid(visible=False)
        axes.set(xlim=(0, 113), xticks=[])
        axes.set_title("Receiving: share of each stage [%], times real time on one core", pad=10)
        figure.legend(loc="outside lower center", ncols=len(STAGES) // 2, frameon=False)
        with whole_file(target) as file:
            canvas.print_png(file)


def _ink_on(color: str) -> str:
    """Black or white, whichever is legible on this color (luminance of ITU-R BT.601)."""
    red, green, blue = mpl.colors.to_rgb(color)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.6 else STYLE["text.color"]


def main() -> None:
    """Measure every case; print the table, draw the figure if asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draw", action="store_true", help=f"write {_FIGURE.name} too")
    parser.add_argument("--seconds", type=float, default=20.0, help="of sound, about")
    parser.add_argument("--repeats", type=int, default=3, help="of which the fastest counts")
    options = parser.parse_args()
    rows = [measure(case, options.seconds, options.repeats) for case in CASES]
    print_table(rows)
    if options.draw:
        draw(rows, _FIGURE)


if __name__ == "__main__":
    main()
