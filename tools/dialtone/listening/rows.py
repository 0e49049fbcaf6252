"""The rows of the text view: an input, a transfer, a file that arrived, a line of the log."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, log10

from dialtone.listening.board import InputState
from dialtone.listening.glyphs import (
    Glyphs,
    Line,
    bar,
    columns,
    cut,
    figure,
    harmless,
    known,
    span,
    spread,
)
from dialtone.listening.hub import Event
from dialtone.output import rate, size

_FAINT = "dim"
_STATE_STYLES = {
    "receiving": "bold green", "aligning": "green", "arriving": "green", "playing": "green",
    "preparing": "cyan", "complete": "bold green", "done": "green", "locked": "yellow",
    "lost": "bold red", "refused": "bold red", "failed": "bold red", "ended": _FAINT,
}  # fmt: skip
_LOG_STYLES = {"warning": "yellow", "error": "bold red"}
_METER_DB = 60.0  # below full scale, where the level meter begins
_METER_ZONES = ((-18.0, "green"), (-6.0, "yellow"), (0.0, "red"))  # up to where, and its colour
_SPECTRUM_DB = (-110.0, -10.0)  # of the bands, bottom and top
_MARGIN = 3
_NAME = 16  # cells
_STATE = 10


@dataclass(frozen=True, slots=True)
class Paper:
    """What a row is drawn on: the signs of the terminal, its encoding, its width [cells]."""

    glyphs: Glyphs
    encoding: str
    width: int

    def of_width(self, width: int) -> "Paper":
        return replace(self, width=width)

    def text(self, value: object, width: int) -> str:
        """A text from outside in at most so many cells."""
        return cut(harmless(value, self.encoding), width, self.glyphs)


def input_rows(shown: InputState, paper: Paper, detail: int, now: float) -> Iterator[Line]:
    """The lines of an input, `detail` of them: see frame.Layout."""
    if detail <= 2:
        yield _short(shown, paper)
        if detail == 2:
            yield _signal(shown, paper, now)
        return
    yield _title(shown, paper)
    yield _level(shown, paper)
    yield _signal(shown, paper, now)
    if detail > 3:
        yield from _spectrum(shown, paper, detail - (3 if detail == 5 else 4), detail > 5)


def _name(shown: InputState, paper: Paper) -> Line:
    line = Line()
    style = _STATE_STYLES.get(shown.state, "")
    line.add(f" {paper.glyphs.ring if shown.over or shown.state == 'lost' else paper.glyphs.dot} ",
             style or "cyan")  # fmt: skip
    line.add(paper.text(shown.name, _NAME), "bold", _NAME)
    line.skip(1)
    line.add(paper.text(shown.state, _STATE), style, _STATE)
    line.skip(1)
    return line


def _short(shown: InputState, paper: Paper) -> Line:
    line = _name(shown, paper)
    room = paper.width - line.width - 28
    if room >= 8:
        line.join(_meter(shown, paper, min(room, 60)))
    line.skip(1)
    line.add(f"{figure(shown.peak.value, 6)} dBFS", _loud(shown.peak.value))
    line.add(f"  SNR {figure(shown.signal.get('snr_db'), 5)} dB")
    return line


def _title(shown: InputState, paper: Paper) -> Line:
    line = _name(shown, paper)
    seconds = f"{span(shown.level.get('seconds'))} heard".rjust(16)
    hertz = known(shown.about.get("rate"))
    lanes = {1: "mono", 2: "stereo"}.get(shown.about.get("channels") or 0, "")
    parts = [f"{hertz / 1000:g} kHz" if hertz else "", lanes, shown.about.get("device") or ""]
    if shown.about.get("note"):
        parts.insert(0, shown.about["note"])
    room = paper.width - line.width - len(seconds) - 2
    about = ", ".join(str(part) for part in parts if part)
    line.add(paper.text(about, room), "red" if shown.state == "lost" else _FAINT, room)
    line.skip(1)
    line.add(seconds, _FAINT)
    return line


def _level(shown: InputState, paper: Paper) -> Line:
    line, right = Line(), Line()
    line.skip(_MARGIN)
    line.add("level   ", _FAINT)
    right.add("  peak ", _FAINT)
    right.add(f"{figure(shown.peak.value, 6)} dBFS", _loud(shown.peak.value))
    if paper.width >= 100:
        right.add("   mean ", _FAINT)
        right.add(f"{figure(shown.level.get('rms_dbfs'), 6)} dBFS")
    share = known(shown.clipped.value)
    right.add("   clipped ", _FAINT)
    style = "bold red" if share else ""
    right.add(f"{_percent(share)} %", style)
    if paper.width >= 68:
        overruns = known(shown.level.get("overruns"))
        right.add("   overruns ", _FAINT)
        right.add(_number(overruns, 4), "bold red" if overruns else "")
    line.join(_meter(shown, paper, max(paper.width - line.width - right.width - 1, 4)))
    line.join(right)
    return line


def _meter(shown: InputState, paper: Paper, width: int) -> Line:
    """The mean level as a bar, the peak as a mark."""
    mean = known(shown.level.get("rms_dbfs"))
    text = bar(0.0 if mean is None else 1 + mean / _METER_DB, width, paper.glyphs)
    mark = None
    if shown.peak.value is not None:
        mark = min(ceil((1 + shown.peak.value / _METER_DB) * width), width) - 1
    line = Line()
    for at, sign in enumerate(text):
        level = _METER_DB * ((at + 0.5) / width - 1)
        zone = next(style for top, style in _METER_ZONES if level <= top)
        if at == mark:
            line.add(paper.glyphs.peak, "bold " + zone)
        else:
            line.add(sign, _FAINT if sign == paper.glyphs.track else zone)
    return line


def _signal(shown: InputState, paper: Paper, now: float) -> Line:
    line = Line()
    line.skip(_MARGIN)
    line.add("signal  ", _FAINT)
    signal = shown.signal
    if not signal:
        line.add("none heard yet", _FAINT)
        return line
    profile = paper.text(signal.get("profile") or "-", 9)
    line.add(f"{profile}, speed {_number(signal.get('speed'), 0)}", "cyan", 19)
    line.add("  SNR ", _FAINT)
    line.add(f"{figure(signal.get('snr_db'), 5)} dB")
    if paper.width >= 66:
        line.add("  clock ", _FAINT)
        line.add(f"{figure(signal.get('clock_ppm'), 6, sign='+')} ppm")
    if paper.width >= 100:
        line.add("  level ", _FAINT)
        line.add(f"{figure(signal.get('level_dbfs'), 6)} dBFS")
    if paper.width >= 124:
        failed = known(signal.get("blocks_failed"))
        line.add("  blocks failed ", _FAINT)
        line.add(f"{_number(failed, 4)} of {_number(signal.get('blocks'), 0)}",
                 "yellow" if failed else "", 12)  # fmt: skip
    ago = 0.0 if shown.heard_at is None else now - shown.heard_at
    told = "now" if ago < 4.0 else f"{span(ago)} ago"
    line.add(told.rjust(paper.width - line.width - 1), "green" if told == "now" else _FAINT)
    return line


def _spectrum(shown: InputState, paper: Paper, height: int, axis: bool) -> Iterator[Line]:
    width = max(paper.width - _MARGIN - 1, 1)
    low, high = _SPECTRUM_DB
    bands = shown.spectrum.get("dbfs")
    levels = [known(level) for level in bands] if isinstance(bands, list) else []
    heights = [0.0 if each is None else (each - low) / (high - low) for each in levels]
    empty = [paper.glyphs.upward[0] * width] * height
    for text in columns(spread(heights, width), height, paper.glyphs) if heights else empty:
        line = Line()
        line.skip(_MARGIN)
        line.add(text, "bright_blue")
        yield line
    if axis:
        yield _axis(shown.spectrum, paper, width)


def _axis(spectrum: Event, paper: Paper, width: int) -> Line:
    """Round frequencies under the spectrum, with the range of its levels at the end."""
    line = Line()
    line.skip(_MARGIN)
    low, high = known(spectrum.get("low_hz")), known(spectrum.get("high_hz"))
    if low is None or high is None or high <= low:
        line.add("no spectrum yet", _FAINT)
        return line
    bottom, top = _SPECTRUM_DB
    scale = f" {bottom:.0f} to {top:.0f} dBFS"
    step = _round_step((high - low) * 12 / width)
    hertz = ceil(low / step) * step
    while hertz < high:
        at = round((hertz - low) / (high - low) * width)
        label = f"{paper.glyphs.tick}{hertz / 1000:g} kHz" if hertz else f"{paper.glyphs.tick}0 Hz"
        if at + len(label) > width - len(scale):
            break
        line.skip(_MARGIN + at - line.width)
        line.add(label, _FAINT)
        hertz += step
    line.skip(_MARGIN + width - len(scale) - line.width)
    line.add(scale, _FAINT)
    return line


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... that is no smaller."""
    power = 10.0 ** int(log10(max(least, 1.0)))
    return next((power * step for step in (1, 2, 5) if power * step >= least), 10 * power)


def transfer_row(event: Event, paper: Paper, over: bool) -> Line:
    """What is on its way, in or out."""
    state = str(event.get("state") or event.get("stage") or "-")
    line = Line()
    line.skip(1)
    line.add(paper.text(state, 9), _STATE_STYLES.get(state, ""), 9)
    line.skip(1)
    if event.get("type") == "sending":
        have, needed = known(event.get("seconds")), known(event.get("total_seconds"))
        amount = f"{figure(have, 7)} of {figure(needed, 0)} s"
        name: object = event.get("file")
    else:
        have, needed = known(event.get("have")), known(event.get("needed"))
        about = "" if event.get("exact", True) else "~"
        amount = f"{_number(have, 7)} of {about}{_number(needed, 0)} packets"
        name = event.get("name") or f"transfer {event.get('transfer')}"
    share = 0.0 if have is None or not needed else min(have / needed, 1.0)
    if state in ("complete", "done"):
        share = 1.0
    room = min(max((paper.width - 45) * 2 // 5, 6), 40)
    style = _FAINT if over and state not in ("complete", "done") else "cyan"
    line.add(bar(share, room, paper.glyphs), style)
    line.add(f"{int(100 * share):4d} %  ")
    line.add(amount, _FAINT, 25)
    line.skip(1)
    reason = f", {event['reason']}" if event.get("reason") else ""
    line.add(paper.text(f"{name}{reason}", paper.width - line.width - 1), "bold" * (not over))
    return line


def arrival_row(event: Event, paper: Paper, utc: float) -> Line:
    """A file that arrived."""
    line = Line()
    line.skip(1)
    line.add(_clock(event.get("received_at"), utc), _FAINT, 8)
    amount, bits = known(event.get("bytes")), known(event.get("goodput_bps"))
    line.add("-" if amount is None else size(amount), "", 11, right=True)
    if paper.width >= 76:
        line.add("-" if not bits else rate(bits), _FAINT, 13, right=True)
    line.add(f"  {figure(event.get('snr_db'), 4)} dB  ", _FAINT)
    signer = event.get("signed_by") or ("unknown key" if event.get("signer") else "not signed")
    line.add(paper.text(f"by {signer}" if event.get("signed_by") else signer, 14),
             "green" if event.get("signed_by") else _FAINT, 14)  # fmt: skip
    line.skip(2)
    name = str(event.get("file") or "-").rsplit("/", 1)[-1]
    line.add(paper.text(name, paper.width - line.width - 1), "bold")
    return line


def log_row(event: Event, paper: Paper) -> Line:
    """A line of the log."""
    line = Line()
    line.skip(1)
    line.add(_clock(event.get("time"), None), _FAINT, 8)
    line.skip(2)
    level = str(event.get("level") or "info")
    line.add(paper.text(level, 7), _LOG_STYLES.get(level, _FAINT), 7)
    line.skip(2)
    line.add(paper.text(event.get("text") or "", paper.width - line.width - 1))
    return line


def _clock(seconds: object, now: float | None) -> str:
    """Time of day, or the date of what is older than a day."""
    number = known(seconds)
    try:
        moment = None if number is None else datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or number is None:
        return "-"
    old = now is not None and abs(now - number) > 86400
    return f"{moment:%y-%m-%d}" if old else f"{moment:%H:%M:%S}"


def _loud(peak: float | None) -> str:
    return "bold red" if peak is not None and peak > -1.0 else ""


def _percent(share: float | None) -> str:
    """Five cells."""
    if share is None:
        return "-".rjust(5)
    return f"{100 * share:.2f}".rjust(5) if share < 0.0995 else f"{100 * share:.1f}".rjust(5)


def _number(value: object, width: int) -> str:
    """A whole number in at most five cells: 0, 12345, 123k, 12M."""
    number = known(value)
    if number is None:
        return "-".rjust(width)
    for unit in ("", "k", "M", "G"):
        if abs(number) < (100_000 if not unit else 10_000) or unit == "G":
            break
        number /= 1000
    return f"{number:.0f}{unit}".rjust(width)
