"""Draws what a calibration found."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from numpy.typing import NDArray

from dialtone.calibration.fitting import shaped
from dialtone.calibration.testsound import Floats
from dialtone.output import rate
from dialtone.report import BAD, BLUE, FAINT_INK, GOOD, LIGHT_BLUE, STYLE, VIOLET
from dialtone.whole import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dialtone.calibration.judging import Calibration
    from dialtone.calibration.measuring import Measurement

_FAINT = 1e-17
_NOISE_INK = "#9ca3af"
_DISTORTION_INK = "#f59e0b"
_COLORS = (BLUE, VIOLET)
_TICKS_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)
_IMPULSE_S = (-0.002, 0.03)
_ECHO_BAND_HZ = (200.0, 8000.0)
_SNR_MOST_DB = 110.0  # beyond it nothing is audible or of use


def draw(calibration: "Calibration", title: str, target: Path) -> None:
    """Write the report as a PNG: under its name only when it is whole."""
    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(12, 9.5), dpi=110, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        top = _head(figure, calibration, title)
        grid = GridSpec(
            3, 2, figure, height_ratios=(1.25, 1.25, 1.0), hspace=0.46, wspace=0.2,
            left=0.07, right=0.95, top=top, bottom=0.06,
        )  # fmt: skip
        measured = calibration.measured
        _response(figure.add_subplot(grid[0, :]), measured)
        _ratio(figure.add_subplot(grid[1, :]), calibration)
        _impulse(figure.add_subplot(grid[2, 0]), measured)
        _speeds(figure.add_subplot(grid[2, 1]), calibration)
        with whole_file(target) as file:
            canvas.print_png(file)


def _head(figure: Figure, calibration: "Calibration", title: str) -> float:
    y = 0.975
    figure.text(0.07, y, title, size=17, weight="bold", va="top")
    y -= 0.04
    verdict = calibration.verdict
    color = GOOD if verdict.good else BAD
    figure.text(0.07, y, f"{verdict.headline}.", size=11.5, weight="bold", color=color, va="top")
    y -= 0.026
    lines = [part for each in verdict.details for part in textwrap.wrap(f"•  {each}", 140)]
    for part in lines[:8]:
        figure.text(0.07, y, part, size=9.5, va="top")
        y -= 0.0195
    return y - 0.035


def _frequencies(axes: "Axes", hz: Floats) -> None:
    axes.set_xscale("log")
    ticks = [tick for tick in _TICKS_HZ if hz[0] <= tick <= hz[-1]]
    labels = [f"{tick / 1000:g} kHz" if tick >= 1000 else f"{tick} Hz" for tick in ticks]
    axes.set_xticks(ticks, labels)
    axes.minorticks_off()
    axes.set_xlim(float(hz[0]), float(hz[-1]))


def _db(power: NDArray[np.floating]) -> Floats:
    return np.asarray(10 * np.log10(np.maximum(power, _FAINT)))


def _response(axes: "Axes", measured: "Measurement") -> None:
    heard, hz = measured.best, measured.hz
    names = ("left", "right") if len(heard.lanes) == 2 else ("response",)
    for number, (name, color) in enumerate(zip(names, _COLORS, strict=False)):
        ways = [channel.lanes[number] for channel in measured.channels]
        lane = max(ways, key=lambda lane: lane.level_db)
        axes.plot(hz, _db(np.abs(lane.gain) ** 2), color=color, lw=1.4, label=name)
    reference = measured.sent
    axes.fill_between(hz, _db(heard.noise / reference), -200, color=_NOISE_INK, alpha=0.55, lw=0,
                      label="noise")  # fmt: skip
    if heard.distortion.any():
        known = np.where(heard.distortion > 0, heard.distortion / reference, np.nan)
        axes.plot(hz, _db(known), color=_DISTORTION_INK, lw=1, label="distortion")
    noise = _db(heard.noise / reference)
    top = max(float(_db(np.abs(lane.gain) ** 2).max()) for lane in heard.lanes)
    axes.set_ylim(max(min(float(np.quantile(noise, 0.02)) - 8, top - 40), top - 130), top + 8)
    axes.set(title="Response, and noise against it", ylabel="gain [dB]")
    axes.legend(loc="lower left", ncols=4, frameon=False, fontsize=8.5, bbox_to_anchor=(0.4, 1.0))
    _frequencies(axes, hz)


def _ratio(axes: "Axes", calibration: "Calibration") -> None:
    """SNR of a signal that fills the whole band as the test sound does."""
    measured = calibration.measured
    hz = measured.hz
    lowest = []
    for number, color in zip(range(measured.sound.lanes), _COLORS, strict=False):
        channel = max(measured.channels, key=lambda each: each.lanes[number].level_db)
        power = np.abs(channel.lanes[number].gain) ** 2 * measured.sent
        snr = _db(power / np.maximum(channel.noise + channel.distortion, 1e-30))
        snr = np.minimum(snr, _SNR_MOST_DB)
        axes.plot(hz, snr, color=color, lw=1.1)
        axes.fill_between(hz, snr, -200, color=color, alpha=0.10, lw=0)
        lowest.append(float(snr.min()))
    axes.set(title="SNR over frequency", ylabel="SNR [dB]")
    low, high = min(lowest), float(snr.max())
    best = calibration.best
    if best is not None:
        needs = best.fit.speed.snr_db
        low = min(low, needs)
        label = f"{best.fit.profile.name} at speed {best.fit.speed.number} needs {needs:.0f} dB"
        axes.axhline(needs, color=GOOD, lw=1, ls="--")
        axes.text(0.995, needs, label, color=GOOD, size=8.5, ha="right", va="bottom",
                  transform=axes.get_yaxis_transform(),
                  bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1.5})  # fmt: skip
    axes.set_ylim(max(low - 5, high - 60, -20), high + 6)
    _frequencies(axes, hz)


def _impulse(axes: "Axes", measured: "Measurement") -> None:
    lane = max(measured.best.lanes, key=lambda lane: lane.level_db)
    impulse = shaped(lane.impulse, lane.rate, *_ECHO_BAND_HZ)
    size = np.abs(impulse) / max(float(np.abs(impulse).max()), 1e-12)
    times = (np.arange(size.size) - lane.at) / lane.rate * 1000
    shown = (times >= 1000 * _IMPULSE_S[0]) & (times <= 1000 * _IMPULSE_S[1])
    axes.plot(times[shown], 20 * np.log10(size[shown] + 1e-6), color=BLUE, lw=0.7)
    axes.set(title="Echoes", xlabel="behind the sound [ms]", ylabel="level [dB]", ylim=(-65, 3))


def _speeds(axes: "Axes", calibration: "Calibration") -> None:
    """Bit rates of the profiles' best speeds; what was sent and arrived is filled."""
    rows = [fit for fit in calibration.fits if fit.margin_db >= 0][:6]
    axes.set_title("Bit rate")
    axes.grid(False)
    if not rows:
        axes.text(0.5, 0.5, "no profile fits", transform=axes.transAxes, ha="center",
                  va="center", color=FAINT_INK)  # fmt: skip
        axes.set(xticks=[], yticks=[])
        return
    names = []
    most = 0.0
    for place, fit in enumerate(rows):
        good = [t.fit.speed for t in calibration.trials if t.good and t.fit.profile is fit.profile]
        speed = good[0] if good else fit.speed
        kbps = speed.net_bps / 1000
        most = max(most, kbps)
        note, color = ("arrived", BLUE) if good else ("not tried", LIGHT_BLUE)
        if not good and any(t.fit.profile is fit.profile for t in calibration.trials):
            note, color = "not reliable", "#fca5a5"
        axes.barh(place, kbps, height=0.62, color=color, lw=0)
        axes.text(kbps, place, f"  {rate(speed.net_bps)}, {note}", va="center", size=8.5)
        names.append(f"{fit.profile.name} {speed.number}")
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set(xticks=[], xlim=(0, 1.5 * most))
    axes.spines["bottom"].set_visible(False)
