"""Measures and draws how often a code block fails in white noise, for every speed of every profile.

    python tools/frame_errors.py              measure, write the table and the figure, print
    python tools/frame_errors.py --draw       draw and print from the table that is there
    python tools/frame_errors.py --skew 100   with a sender's clock 100 ppm off

The signal passes the real transmitter and receiver. Failed are the blocks that the inner code
could not restore, before Reed-Solomon, and all those of a superframe that was not found. SNRs are
those of a loaded carrier. A speed's waterfall is searched from where it is expected and walked in
steps.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib as mpl
import numpy as np
from dialtone.report import BAD, BLUE, STYLE
from dialtone.whole import whole_file
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import norm

import modem
from modem import channel
from modem.ladder import loaded_carriers, parity_blocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FOLDER = Path(__file__).parents[1] / "modem"
_NOISE_BEFORE_S = 0.3
_STEP_DB = 0.25
_EXPECTED_DB = 1.75  # where the search begins, above the Shannon limit of the bits of a cell
_REACH = 40  # steps around that beyond which there is no waterfall to be found
_BLOCKS = 56  # of a point, as many superframes as they need
_MOST_SUPERFRAMES = 9  # of a point, unless told otherwise
_RARE = 0.06  # points with fewer failures are measured over
_RARE_LOOKS = 3  # so many transmissions, but no more than are needed
_ENOUGH = 300  # blocks of a point
_COLUMNS = 3  # of the figure
_TARGET = 0.01  # block error rate whose SNR is told


class Point(NamedTuple):
    """Blocks sent at one SNR per loaded cell [dB], and how many of them failed."""

    profile: str
    speed: int
    snr_db: float
    blocks: int
    failed: int

    @property
    def rate(self) -> float:
        return self.failed / self.blocks


class Limit(NamedTuple):
    """A speed's waterfall: Q((snr - middle_db) / width_db) is its block error rate.

    cell_gap_db  from the Shannon limit of a cell's information bits to the SNR of _TARGET [dB]
    net_gap_db   the same from the limit of the net rate in the loaded band
    """

    speed: modem.Speed
    middle_db: float
    width_db: float
    cell_gap_db: float
    net_gap_db: float

    @property
    def needed_db(self) -> float:
        """SNR of a loaded cell at which _TARGET of the blocks fail [dB]."""
        return self.middle_db - float(norm.ppf(_TARGET)) * self.width_db


def shannon_db(bits: float) -> float:
    """SNR at which a Gaussian channel carries so many bits a complex symbol [dB]."""
    return float(10 * np.log10(np.expm1(bits * np.log(2))))


def in_noise(
    samples: NDArray[np.float32], profile: modem.Profile, loaded: int, snr_db: float, seed: int
) -> NDArray[np.float32]:
    """The signal and some noise ahead of it in white noise, at this SNR of a loaded cell [dB].

    Noise of variance v a sample has v * 2 * carriers / fft_size in a cell whose signal has the
    level's power, and the payload has that power in fewer carriers where not all are loaded.
    """
    power = 10 ** ((profile.level_dbfs - snr_db) / 10) * profile.numerology.fft_size / (2 * loaded)
    ahead = round(_NOISE_BEFORE_S * profile.sample_rate)
    shape = (ahead + len(samples), *samples.shape[1:])
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    noise *= np.float32(np.sqrt(power))
    noise[ahead:] += samples
    return noise


def count_failed(heard: Iterable[modem.Observation], profile: str, blocks: int, sent: int) -> int:
    """Blocks of `sent` superframes of so many blocks each that none of these superframes holds."""
    good = sum(
        seen.blocks - seen.blocks_failed
        for seen in heard
        if seen.profile == profile and seen.blocks == blocks
    )
    return max(sent * blocks - good, 0)


def walk(measure: Callable[[int], Point], start: int, reach: int) -> list[Point]:
    """Points from one where (nearly) all blocks fail to one below _TARGET, a step apart.

    measure  called once a step, with its number
    """
    known: dict[int, Point] = {}

    def rate(step: int) -> float:
        if step not in known:
            known[step] = measure(step)
        return known[step].rate

    low = start
    while rate(low) < 0.95 and low > start - reach:
        low -= 2 if rate(low) < _TARGET else 1
    high = low
    while rate(high) >= _TARGET and high < start + reach:
        high += 2 if rate(high) == 1 else 1
    top = max((step for step in known if low <= step <= high and rate(step) == 1), default=low)
    for step in range(top, high):
        rate(step)
    return [known[step] for step in sorted(known)]


def measure_speed(name: str, number: int, skew_ppm: float, most: int) -> list[Point]:
    """The waterfall of one speed, from transmissions of at most so many superframes."""
    profile = modem.profiles[name]
    speed = profile.speed(number)
    loaded = loaded_carriers(profile.numerology, speed.top_hz)
    sent = min(max(ceil(_BLOCKS / speed.blocks), 1 if speed.blocks >= 2 * _BLOCKS else 2), most)
    tx = modem.Transmitter(profile, number)
    rng = np.random.default_rng(number)
    packets = [rng.bytes(tx.packet_bytes) for _ in range(sent * speed.blocks)]
    samples = np.concatenate((tx.process(packets), tx.flush()))
    if skew_ppm:
        samples, _ = channel.parse(f"skew={skew_ppm}", number).apply(samples, profile.sample_rate)
    blocks = speed.blocks + parity_blocks(speed.blocks)
    limit_db = shannon_db(speed.order * speed.rate)

    def look(snr_db: float, seed: int) -> int:
        heard: list[modem.Observation] = []
        receiver = modem.Receiver(profile.sample_rate, profile.lanes, observer=heard.append)
        receiver.process(in_noise(samples, profile, loaded, snr_db, seed))
        receiver.flush()
        return count_failed(heard, name, blocks, sent)

    def measure(step: int) -> Point:
        snr_db = limit_db + step * _STEP_DB
        failed, looks = look(snr_db, 1000 * step % 10**6), 1
        while (
            looks < _RARE_LOOKS
            and looks * sent * blocks < _ENOUGH
            and failed < _RARE * looks * sent * blocks
        ):
            failed += look(snr_db, 1000 * step % 10**6 + looks)
            looks += 1
        return Point(name, number, round(snr_db, 3), looks * sent * blocks, failed)

    return walk(measure, round(_EXPECTED_DB / _STEP_DB), _REACH)


def measure_all(names: Iterable[str], skew_ppm: float, most: int, processes: int) -> list[Point]:
    """Every speed of these profiles, by profile, speed and SNR; a line is printed for each."""
    points: list[Point] = []
    jobs = [(name, speed.number) for name in names for speed in modem.profiles[name].speeds]
    with ProcessPoolExecutor(processes) as pool:
        waiting = {pool.submit(measure_speed, *job, skew_ppm, most): job for job in jobs}
        for count, done in enumerate(as_completed(waiting), start=1):
            found = done.result()
            points += found
            last = found[-1]
            print(
                f"{count:4d} of {len(jobs)}: {last.profile} {last.speed}, {len(found)} points,"
                f" {last.failed} of {last.blocks} blocks failed at {last.snr_db:.2f} dB",
                flush=True,
            )
    return sorted(points, key=order)


def order(point: Point) -> tuple[int, int, float]:
    """Of the points in the table."""
    return list(modem.profiles).index(point.profile), point.speed, point.snr_db


def fit(points: list[Point]) -> Limit:
    """The most likely waterfall through the points of one speed."""
    profile = modem.profiles[points[0].profile]
    speed = profile.speed(points[0].speed)
    snr = np.array([point.snr_db for point in points])
    failed = np.array([point.failed for point in points])
    good = np.array([point.blocks for point in points]) - failed

    def unlikely(theta: NDArray[np.float64]) -> float:
        x = (snr - theta[0]) / np.exp(theta[1])
        # Noise is not all that fails a block: no point may cost more than 1 in 1000 being chance.
        return -float(
            np.sum(failed * np.log(norm.sf(x) + 1e-3) + good * np.log(norm.cdf(x) + 1e-3))
        )

    middle = float(np.interp(0.5, np.sort([p.rate for p in points]), snr[::-1]))
    found = minimize(unlikely, (middle, np.log(0.2)), method="Nelder-Mead")
    middle, width = float(found.x[0]), float(np.exp(found.x[1]))
    needed = middle - float(norm.ppf(_TARGET)) * width
    loaded = loaded_carriers(profile.numerology, speed.top_hz)
    band_hz = profile.lanes * loaded * profile.sample_rate / profile.numerology.fft_size
    return Limit(
        speed, middle, width,
        needed - shannon_db(speed.order * speed.rate), needed - shannon_db(speed.net_bps / band_hz),
    )  # fmt: skip


def write(points: list[Point], target: Path) -> None:
    """The table, as comma-separated values."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(Point._fields)
    table.writerows((*p[:2], f"{p.snr_db:.3f}", *p[3:]) for p in points)
    with whole_file(target) as file:
        file.write(text.getvalue().encode())


def read(source: Path) -> list[Point]:
    """What `write` wrote."""
    with source.open(newline="") as file:
        return [
            Point(row["profile"], int(row["speed"]), float(row["snr_db"]), int(row["blocks"]),
                  int(row["failed"]))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def by_speed(points: Iterable[Point]) -> dict[str, dict[int, list[Point]]]:
    """The points of each speed of each profile."""
    sorted_in: dict[str, dict[int, list[Point]]] = {}
    for point in points:
        sorted_in.setdefault(point.profile, {}).setdefault(point.speed, []).append(point)
    return sorted_in


def draw(points: list[Point], target: Path) -> None:
    """For each profile the waterfalls, and below them how far they are from the limit."""
    profiles = by_speed(points)
    rows = ceil(len(profiles) / _COLUMNS)
    columns = min(len(profiles), _COLUMNS)
    with mpl.rc_context():
        mpl.rcParams.update(STYLE)
        figure = Figure(
            figsize=(5.2 * columns, 9 * rows), dpi=90, facecolor="white", layout="constrained"
        )
        canvas = FigureCanvasAgg(figure)
        grid = figure.subplots(
            2 * rows, columns, squeeze=False, sharey="row", height_ratios=(1.4, 1.0) * rows
        )
        places = [(2 * row, column) for row in range(rows) for column in range(columns)]
        for (row, column), (name, speeds) in zip(places, profiles.items(), strict=False):
            _waterfalls(grid[row][column], name, speeds)
            _gaps(grid[row + 1][column], [fit(found) for found in speeds.values()])
        for row, column in places[len(profiles) :]:
            grid[row][column].set_axis_off()
            grid[row + 1][column].set_axis_off()
        for row in range(0, 2 * rows, 2):
            grid[row][0].set_ylabel("block error rate before Reed-Solomon")
            grid[row + 1][0].set_ylabel(f"SNR for {_TARGET:.0%} over the limit [dB]")
            grid[row + 1][0].set_ylim(0, 14)
            grid[row + 1][0].legend(frameon=False, loc="upper left")
        with whole_file(target) as file:
            canvas.print_png(file)


def _waterfalls(axes: Axes, name: str, speeds: dict[int, list[Point]]) -> None:
    scale = Normalize(1, max(max(speeds), 2))
    colors = mpl.colormaps["turbo"]
    for number, points in speeds.items():
        color = colors(0.04 + 0.92 * float(scale(number)))
        limit = fit(points)
        snr = np.linspace(points[0].snr_db, points[-1].snr_db, 60)
        rate = norm.sf((snr - limit.middle_db) / limit.width_db)
        axes.plot(snr, rate, color=color, lw=1, alpha=0.8)
        seen = [point for point in points if point.failed]
        axes.plot([p.snr_db for p in seen], [p.rate for p in seen], ".", ms=4, color=color)
    axes.axhline(_TARGET, color=BAD, lw=0.9, ls="--")
    axes.set(yscale="log", ylim=(2e-3, 1.3), xlabel="SNR of a loaded carrier [dB]")
    axes.set_title(f"{name}: dots measured, lines fitted, {len(speeds)} speeds")
    figure = axes.get_figure(root=True)
    assert figure is not None
    mappable = mpl.cm.ScalarMappable(scale, colors)
    figure.colorbar(mappable, ax=axes, label="speed", pad=0.01).outline.set_visible(False)


def _gaps(axes: Axes, limits: list[Limit]) -> None:
    """A line for each of the ladders that a profile's speeds come from."""
    ladders: dict[tuple[float, int], list[Limit]] = {}
    for limit in limits:
        ladders.setdefault((limit.speed.top_hz, limit.speed.prefix), []).append(limit)
    for first, ladder in zip((True, *[False] * len(ladders)), ladders.values(), strict=False):
        numbers = [limit.speed.number for limit in ladder]
        for gaps, color, label in (
            ([limit.net_gap_db for limit in ladder], BLUE, "of the net rate in the loaded band"),
            ([limit.cell_gap_db for limit in ladder], BAD, "of the information bits of a cell"),
        ):
            label = f"Shannon limit {label}" if first else ""
            axes.plot(numbers, gaps, "-o", color=color, ms=3, lw=1, label=label)
    axes.set(xlabel="speed")


def report(points: list[Point]) -> None:
    """The waterfalls in numbers."""
    print(
        "profile speed                needs [dB]  width [dB]  over the limit: cell, net rate [dB]"
    )
    for name, speeds in by_speed(points).items():
        for found in speeds.values():
            limit = fit(found)
            print(
                f"{name:7s} {limit.speed.number:3d} {limit.speed.name:16s} {limit.needed_db:9.2f}"
                f" {limit.width_db:11.2f} {limit.cell_gap_db:11.2f} {limit.net_gap_db:6.2f}"
                f"   table {limit.speed.snr_db - limit.needed_db:+.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draw", action="store_true", help="from the table that is there")
    parser.add_argument("--skew", type=float, default=0.0, metavar="PPM", help="of the clock")
    parser.add_argument("--superframes", type=int, default=_MOST_SUPERFRAMES, help="at one SNR")
    parser.add_argument("--profile", choices=list(modem.profiles), help="measure only this one")
    parser.add_argument("--table", type=Path, default=_FOLDER / "frame_errors.csv")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.draw:
        points = read(options.table)
    else:
        begun = time.perf_counter()
        names = [options.profile] if options.profile else list(modem.profiles)
        points = measure_all(names, options.skew, options.superframes, options.processes)
        if options.profile and options.table.exists():
            points += [p for p in read(options.table) if p.profile != options.profile]
            points.sort(key=order)
        write(points, options.table)
        print(f"measured in {time.perf_counter() - begun:.0f} s")
    draw(points, options.table.with_suffix(".png"))
    report(points)


if __name__ == "__main__":
    main()
