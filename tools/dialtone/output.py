"""What the program says: sentences on stderr, JSON lines on stdout, progress bars on terminals."""

import json
import math
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from dialtone.errors import Failure

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.progress import Progress
    from rich.table import Table

_WIDTH = 144  # of tables that do not go to a terminal
_PROGRESS_PERIOD_S = 1.0  # between two JSON progress events
_DRAWING_PERIOD_S = 0.1  # between two pictures


class Meter(Protocol):
    """Something that is told how far the work has come; facts are for JSON."""

    def __call__(self, done: float, note: str = "", **facts: object) -> None: ...


class Output:
    """One command's voice.

    With `as_json`, each event is one JSON object on a line of stdout and the sentences are
    left out. When stdout carries the audio itself (`data_on_stdout`), the JSON lines go to
    stderr instead, so that the two never mix.
    """

    def __init__(self, as_json: bool = False, data_on_stdout: bool = False) -> None:
        self.as_json = as_json
        self._events: TextIO = sys.stderr if data_on_stdout else sys.stdout
        self._shown: Progress | Live | None = None

    @property
    def draws(self) -> bool:
        """Whether somebody looks at a terminal, on which things can move."""
        return not self.as_json and sys.stderr.isatty()

    @property
    def takes(self) -> bool:
        """Whether what is said now is taken at once; a pipe that nobody reads takes nothing."""
        waiting = select.poll()
        try:
            waiting.register(self._events if self.as_json else sys.stderr, select.POLLOUT)
        except (OSError, ValueError):  # no file
            return True
        return bool(waiting.poll(0))

    def say(self, sentence: str = "") -> None:
        """Print a sentence for people."""
        if not self.as_json:
            print(sentence, file=sys.stderr, flush=True)

    def text(self, line: str) -> None:
        """Print what a command is asked for on stdout, so that it can be put into a file."""
        if not self.as_json:
            print(line, flush=True)

    def event(self, name: str, /, **fields: object) -> None:
        """Print one JSON object, when that was asked for."""
        if self.as_json:
            record = {"event": name} | {key: plain(value) for key, value in fields.items()}
            self._print(record)

    def record(self, **fields: object) -> None:
        """Print one JSON object without an event name: a row of a listing."""
        if self.as_json:
            record = {key: plain(value) for key, value in fields.items()}
            self._print(record)

    def _print(self, record: dict[str, object]) -> None:
        line = json.dumps(record, ensure_ascii=False)
        try:
            line.encode(self._events.encoding or "ascii")
        except UnicodeEncodeError:  # names of files may hold anything, and terminals know less
            line = json.dumps(record)
        print(line, file=self._events, flush=True)

    def table(self, table: "Table") -> None:
        """Print a table for people."""
        if not self.as_json:
            _console().print(table)

    def failure(self, failure: Failure) -> None:
        """Print how the command ended, if not well."""
        if self.as_json:
            self.event(
                "error",
                error=failure.sentence,
                hint=failure.hint,
                exit_code=int(failure.code),
                **failure.facts,
            )
            return
        print(f"error: {failure.sentence}", file=sys.stderr)
        if failure.hint:
            print(f"hint: {failure.hint}", file=sys.stderr)

    @contextmanager
    def progress(self, what: str, total: float | None, unit: str = "s") -> Iterator[Meter]:
        """A progress bar over `total` units of work; JSON progress events instead with JSON.

        total    None when the end is not known: a spinner with the amount done
        """
        if self.as_json:
            yield self._json_meter(what, total, unit)
        elif self.draws:
            with self._bar(what, total, unit) as meter:
                yield meter
        else:
            yield _silent

    @contextmanager
    def live(self, what: str, draw: "Callable[[int], RenderableType]") -> Iterator[Meter]:
        """A picture that changes on a terminal; JSON progress events with JSON.

        draw  makes it, for a terminal of so many cells
        """
        if self.as_json:
            yield self._json_meter(what, None, "s")
        elif self.draws:
            with self._drawn(draw) as meter:
                yield meter
        else:
            yield _silent

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No progress bar is drawn meanwhile: something is asked on the terminal."""
        if self._shown is None:
            yield
            return
        self._shown.stop()
        try:
            yield
        finally:
            self._shown.start()

    @contextmanager
    def _drawn(self, draw: "Callable[[int], RenderableType]") -> Iterator[Meter]:
        from rich.live import Live

        last, console = -math.inf, _console()
        with Live(draw(console.width), console=console, auto_refresh=False, transient=True) as live:
            self._shown = live

            def meter(done: float, note: str = "", **facts: object) -> None:
                nonlocal last
                now = time.monotonic()
                if now - last >= _DRAWING_PERIOD_S:
                    last = now
                    live.update(draw(console.width), refresh=True)

            try:
                yield meter
            finally:
                self._shown = None

    def _json_meter(self, what: str, total: float | None, unit: str) -> Meter:
        last = time.monotonic()

        def meter(done: float, note: str = "", **facts: object) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _PROGRESS_PERIOD_S:
                last = now
                fields: dict[str, object] = {"stage": what, "done": done, "total": total}
                self.event("progress", **fields, unit=unit, note=note, **facts)

        return meter

    @contextmanager
    def _bar(self, what: str, total: float | None, unit: str) -> Iterator[Meter]:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        known = f"{{task.completed:.0f}}/{{task.total:.0f}} {unit}"
        open_end = f"{{task.completed:.0f}} {unit}"
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(known if total is not None else open_end),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=_console(), transient=True) as bar:
            task = bar.add_task(what, total=total, note="")
            self._shown = bar

            def meter(done: float, note: str = "", **facts: object) -> None:
                bar.update(task, completed=done, note=note)

            try:
                yield meter
            finally:
                self._shown = None


def _silent(done: float, note: str = "", **facts: object) -> None:
    """The meter of somebody who is not looking."""


def _console() -> "Console":
    from rich.console import Console

    # A file or pipe has no width of its own: tables are then as wide as they need to be.
    width = None if sys.stderr.isatty() else _WIDTH
    return Console(stderr=True, highlight=False, width=width)


def plain(value: object) -> object:
    """A value JSON can hold: numpy scalars as numbers, NaN and infinity as null, paths as text."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, float) or hasattr(value, "__float__"):
        number = float(value)
        return round(number, 6) if math.isfinite(number) else None
    return str(value)


def count(number: float, unit: str) -> str:
    """A number with its unit, in the plural where it needs it: 1 packet, 12 packets."""
    return f"{number:,.0f} {unit}" + ("" if number == 1 else "s")


def size(n_bytes: float) -> str:
    """A file size for people: 812 bytes, 64.0 kB, 1.20 MB (powers of ten)."""
    if n_bytes < 1000:
        return count(n_bytes, "byte")
    if n_bytes < 1e6:
        return f"{n_bytes / 1e3:.1f} kB"
    return f"{n_bytes / 1e6:.2f} MB"


def rate(bits_per_second: float) -> str:
    """A bit rate for people: 850 bit/s, 16.3 kbit/s, 1.19 Mbit/s."""
    if bits_per_second < 1000:
        return f"{bits_per_second:.0f} bit/s"
    if bits_per_second >= 1e6:
        return f"{bits_per_second / 1e6:.2f} Mbit/s"
    return f"{bits_per_second / 1e3:.1f} kbit/s"


def times(factor: float) -> str:
    """How many times faster, for people: 2.5, 73."""
    return f"{factor:.0f}" if factor >= 10 else f"{factor:.1f}"


def duration(seconds: float) -> str:
    """A time for people: 3.2 s, 2 min 05 s, 1 h 02 min."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
