"""Draws the demo's summary: the photo, what the sound looks like, and what came back."""

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from PIL import Image

from dialtone.demo_ways import Passed
from dialtone.output import duration, rate, size
from dialtone.report import BAD, FAINT_INK, GOOD, STYLE
from dialtone.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RANGE_DB = 70


def draw_summary(photo: Path, results: list[Passed], target: Path) -> None:
    """One row for each way: the photo, its sound, the picture received."""
    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        height = 1.1 + 3.5 * len(results)
        figure = Figure(figsize=(13, height), dpi=110, facecolor="white")
        figure.text(0.03, 1 - 0.25 / height, "A photo sent as sound", size=19, weight="bold",
                    va="top")  # fmt: skip
        grid = GridSpec(
            len(results), 3, figure, width_ratios=(1, 1.2, 1), wspace=0.2, hspace=0.45,
            left=0.03, right=0.97, top=1 - 1.25 / height, bottom=0.55 / height,
        )  # fmt: skip
        for row, passed in enumerate(results):
            _picture(figure.add_subplot(grid[row, 0]), photo, "sent", size(photo.stat().st_size))
            _sound(figure.add_subplot(grid[row, 1]), passed)
            arrived = "byte for byte the same" if passed.exact else "NOT the same"
            axes = figure.add_subplot(grid[row, 2])
            _picture(axes, passed.picture, "received", arrived, GOOD if passed.exact else BAD)
        with whole_file(target) as file:
            FigureCanvasAgg(figure).print_png(file)


def _picture(axes: "Axes", path: Path, title: str, below: str, color: str = FAINT_INK) -> None:
    with Image.open(path) as image:
        axes.imshow(np.asarray(image))
    axes.set_title(title)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.text(0, -0.04, below, transform=axes.transAxes, va="top", color=color, weight="bold")


def _sound(axes: "Axes", passed: Passed) -> None:
    columns = passed.analysis.columns
    power = columns.spectrogram_db.T
    top = float(power.max())
    axes.imshow(
        np.maximum(power, top - _RANGE_DB),
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0, power.shape[1] * columns.column_s, 0, passed.analysis.sample_rate / 2000),
    )
    axes.grid(False)
    signal = passed.analysis.signals[-1]
    axes.set_title(
        f"{passed.way.title}: {duration(passed.air_seconds)} of sound\n"
        f"{rate(passed.goodput_bps)}, SNR {signal.snr_db:.0f} dB, encrypted"
    )
    axes.set(xlabel="time [s]", ylabel="frequency [kHz]")
