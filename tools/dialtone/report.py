"""Draws the report of a recording: one picture, the same layout whatever the recording holds."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from dialtone.analysis import FFT_SIZE, Analysis
from dialtone.verdict import Verdict, is_whole
from dialtone.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import modem

INK = "#1f2430"
FAINT_INK = "#6b7280"
GRID = "#e5e7eb"
BLUE = "#2563eb"
LIGHT_BLUE = "#93c5fd"
VIOLET = "#c026d3"
LIGHT_VIOLET = "#f0abfc"
GOOD = "#16a34a"
REPAIRED = "#f59e0b"
BAD = "#dc2626"

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT_INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": FAINT_INK,
    "ytick.color": FAINT_INK,
}
_RANGE_DB = 80  # shown of the spectrogram below its loudest point
_POINTS = 20_000  # of the constellation drawn


def draw(analysis: Analysis, verdict: Verdict, target: Path) -> None:
    """Write the report as a PNG: under its name only when it is whole."""
    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(13, 10.5), dpi=110, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        top = _head(figure, analysis, verdict)
        sides = {"left": 0.06, "right": 0.93}
        over_time = GridSpec(
            3, 1, figure, height_ratios=(3.0, 0.22, 1.5), hspace=0.28, top=top, bottom=0.40, **sides
        )
        time_axis = figure.add_subplot(over_time[0])
        _spectrogram(time_axis, analysis)
        _superframes(figure.add_subplot(over_time[1], sharex=time_axis), analysis)
        _level(figure.add_subplot(over_time[2], sharex=time_axis), analysis)
        grid = GridSpec(1, 3, figure, wspace=0.26, top=0.31, bottom=0.06, **sides)
        _constellation(figure.add_subplot(grid[0]), analysis)
        _carriers(figure.add_subplot(grid[1]), analysis)
        _clock(figure.add_subplot(grid[2]), analysis)
        with whole_file(target) as file:
            canvas.print_png(file)


def _head(figure: Figure, analysis: Analysis, verdict: Verdict) -> float:
    """The verdict in words; returns where the panels may begin."""
    line = 0.0215
    y = 0.975
    figure.text(0.06, y, analysis.name, size=17, weight="bold", va="top")
    y -= 0.036
    color = GOOD if verdict.good else BAD
    for part in textwrap.wrap(verdict.headline, 120):
        figure.text(0.06, y, part, size=11.5, weight="bold", color=color, va="top")
        y -= line
    lines = [part for detail in verdict.details for part in textwrap.wrap(f"•  {detail}", 150)]
    for part in lines[:9]:
        figure.text(0.06, y, part, size=9.5, va="top")
        y -= line * 0.86
    return y - 0.03


def _spectrogram(axes: "Axes", analysis: Analysis) -> None:
    columns = analysis.columns
    power = columns.spectrogram_db.T
    top = float(power.max())
    end = power.shape[1] * columns.column_s
    image = axes.imshow(
        np.maximum(power, top - _RANGE_DB),
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, end, 0, analysis.sample_rate / 2000),
        vmin=top - _RANGE_DB,
        vmax=top,
        interpolation="nearest",
    )
    axes.set(title="Spectrogram", ylabel="frequency [kHz]", xlim=(0, end))
    axes.grid(False)
    axes.tick_params(labelbottom=False)
    # In the margin, so that the panels below keep the same time axis.
    bar = axes.inset_axes((1.008, 0.0, 0.012, 1.0))
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.colorbar(image, cax=bar, label="power [dBFS per bin]").outline.set_visible(False)


def _superframes(axes: "Axes", analysis: Analysis) -> None:
    """A strip under the spectrogram: what became of each superframe."""
    for seen in analysis.superframes:
        color = BAD if not is_whole(seen) else REPAIRED if seen.blocks_failed else GOOD
        axes.axvspan(seen.time_s, seen.time_s + seen.duration_s * 0.96, color=color, lw=0)
    axes.set(ylim=(0, 1), yticks=[])
    axes.set_title("Superframes", pad=3)
    axes.tick_params(labelbottom=False, bottom=False)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    if not analysis.superframes:
        axes.text(0.5, 0.5, "none found", transform=axes.transAxes, ha="center", va="center",
                  color=FAINT_INK)  # fmt: skip
        return
    words = (
        (0.70, GOOD, "read"),
        (0.77, REPAIRED, "read after repair"),
        (0.90, BAD, "packets lost"),
    )
    _key(axes, words, 1.25)


def _key(axes: "Axes", words: tuple[tuple[float, str, str], ...], y: float) -> None:
    """What the colours mean, on the line of the title: (x, colour, meaning)."""
    for x, color, meaning in words:
        axes.text(x, y, f"■ {meaning}", color=color, transform=axes.transAxes, size=9)


def _level(axes: "Axes", analysis: Analysis) -> None:
    columns = analysis.columns
    times = columns.times_s
    axes.fill_between(times, columns.peak_dbfs, -200, color=LIGHT_BLUE, lw=0)
    axes.fill_between(times, columns.rms_dbfs, -200, color=BLUE, lw=0)
    axes.axhline(0, color=BAD, lw=0.8)
    loudest = float(columns.peak_dbfs.max())
    axes.set(
        title="Level", xlabel="time [s]", ylabel="level [dBFS]", ylim=(min(loudest, 0) - 50, 3)
    )
    _key(axes, ((0.82, BLUE, "mean (rms)"), (0.94, LIGHT_BLUE, "peak")), 1.06)


def _constellation(axes: "Axes", analysis: Analysis) -> None:
    axes.set_title("Constellation")
    cells = [seen.constellation for seen in analysis.superframes if seen.constellation.size]
    if not cells:
        _nothing(axes, "no symbols were decoded")
        return
    points = np.concatenate(cells)
    points = points[:: max(len(points) // _POINTS, 1)]
    reach = min(1.15 * float(np.quantile(np.abs(np.stack((points.real, points.imag))), 0.995)), 3.0)
    axes.scatter(points.real, points.imag, s=1.2, color=BLUE, alpha=0.35, lw=0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", box_aspect=1)
    axes.set(xlabel="in phase", ylabel="quadrature")
    signal = analysis.signals[-1] if analysis.signals else None
    if signal:
        axes.set_title(f"Constellation: {_speed(signal.profile, signal.speed).name}")


def _carriers(axes: "Axes", analysis: Analysis) -> None:
    """SNR per carrier of the decoded superframes, or the spectrum where there are none."""
    seen = [s for s in analysis.superframes if np.isfinite(s.snr_db).any()]
    if not seen:
        power = analysis.columns.spectrogram_db
        mean = 10 * np.log10(np.mean(10 ** (power / 10), axis=0))
        frequencies = np.arange(mean.size) * analysis.sample_rate / FFT_SIZE / 1000
        axes.plot(frequencies, mean, color=BLUE, lw=1)
        axes.set(title="Mean spectrum", xlabel="frequency [kHz]", ylabel="power [dBFS per bin]")
        return
    profile = seen[-1].profile
    same = [s for s in seen if s.profile == profile]
    snr = np.stack([s.snr_db for s in same])
    loaded = np.isfinite(snr).any(axis=0)  # slow speeds leave the top of a band empty
    low, middle, high = levels = np.full((3, loaded.size), np.nan)
    levels[:, loaded] = np.nanquantile(snr[:, loaded], (0.1, 0.5, 0.9), axis=0)
    lanes = _lanes(profile)
    parts = (np.split(each, len(lanes)) for each in (same[0].carrier_hz / 1000, low, middle, high))
    for (side, dark, light), hertz, *curves in zip(lanes, *parts, strict=True):
        label = "10 % to 90 %" if len(lanes) == 1 else None
        axes.fill_between(hertz, curves[0], curves[2], color=light, alpha=0.6, lw=0, label=label)
        axes.plot(hertz, curves[1], color=dark, lw=1.2, label=side)
    headers = [s.header for s in same if s.header]
    if headers:
        speed = _speed(profile, headers[-1].speed)
        axes.axhline(speed.snr_db, color=BAD, lw=1, ls="--", label=f"speed {speed.number} needs")
    sides = "" if len(lanes) == 1 else ", sides as sent"
    axes.set(title=f"SNR per carrier{sides}", xlabel="frequency [kHz]", ylabel="SNR [dB]")
    floor = min(0.0, float(np.nanmin(low)) - 3)
    ceiling = float(np.nanmax(high)) + 6
    axes.set_ylim(floor - 0.12 * (ceiling - floor), ceiling)
    axes.legend(loc="lower center", ncols=3, frameon=False, fontsize=8, columnspacing=1.2)


def _lanes(profile: str) -> tuple[tuple[str, str, str], ...]:
    """For each lane of a profile what to call its median, and its two colours."""
    import modem

    if modem.profiles[profile].lanes == 1:
        return (("median", BLUE, LIGHT_BLUE),)
    return (("left", BLUE, LIGHT_BLUE), ("right", VIOLET, LIGHT_VIOLET))


def _clock(axes: "Axes", analysis: Analysis) -> None:
    axes.set(title="Clock error over time", xlabel="time [s]", ylabel="sender's clock [ppm]")
    seen = [s for s in analysis.superframes if s.stats]
    if not seen:
        _nothing(axes, "no clock to compare with")
        return
    times = np.array([s.time_s + s.duration_s / 2 for s in seen])
    ppm = np.array([s.stats.clock_ppm for s in seen if s.stats])
    axes.plot(times, ppm, color=BLUE, lw=1, marker="o", ms=3.5)
    middle = float(np.median(ppm))
    spread = max(float(np.ptp(ppm)), 1.0)
    axes.set_ylim(middle - 1.5 * spread, middle + 1.5 * spread)
    axes.ticklabel_format(useOffset=False)
    axes.text(
        0.98, 0.95, f"median {middle:+.2f} ppm", transform=axes.transAxes, ha="right", va="top"
    )


def _nothing(axes: "Axes", why: str) -> None:
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=FAINT_INK)
    axes.set(xticks=[], yticks=[])


def _speed(profile: str, number: int) -> "modem.Speed":
    import modem

    return modem.profiles[profile].speeds[number - 1]
