"""What happens, at a glance, in a terminal: drawn from the hub's events five times a second.

    with View(hub):
        ...

The view takes the whole screen of the terminal and gives it back as it was. A terminal that goes
away ends the view and nothing else.
"""

import contextlib
import threading
import time
from collections.abc import Iterable
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment

from dialtone.listening.board import Board
from dialtone.listening.frame import Painter
from dialtone.listening.glyphs import Line, glyphs_for
from dialtone.listening.hub import Event, Hub, Watcher

_PERIOD_S = 0.2
_LEAVE_S = 2.0  # for the terminal to take the last frame


class _Frame:
    """The current state, drawn for whatever size the terminal has when it is drawn."""

    def __init__(self, screen: "Screen") -> None:
        self._screen = screen

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self._screen.lines(options.max_width, options.height or console.height)
        for at, line in enumerate(lines):
            if at:
                yield Segment.line()
            yield from line.segments()


class Screen:
    """A board, what draws it, and the clocks; `clock` and `utc` give seconds."""

    def __init__(self, encoding: str) -> None:
        self.board = Board()
        self.clock = time.monotonic
        self.utc = time.time
        self._started = self.clock()
        self._painter = Painter(self.board, glyphs_for(encoding), encoding)

    def take(self, events: Iterable[Event]) -> None:
        """Take what happened."""
        now = self.clock()
        for event in events:
            self.board.take(event, now)

    def lines(self, width: int, height: int) -> list[Line]:
        """The frame for a terminal of so many cells."""
        now = self.clock()
        return self._painter.lines(width, height, now, self.utc(), now - self._started)

    def frame(self) -> _Frame:
        """The same for rich."""
        return _Frame(self)


class View:
    """Draws the events of a hub while the context lasts, in a thread of its own.

    console  of rich; None for one on stderr
    """

    def __init__(self, hub: Hub, console: Console | None = None) -> None:
        self._hub = hub
        self._console = console or Console(stderr=True, highlight=False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="view", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_LEAVE_S)

    def _run(self) -> None:
        screen = Screen(self._console.encoding)
        watcher, events = self._hub.watch(_no_hurry, spectra=True)
        # What a terminal that went away raises.
        with watcher, contextlib.suppress(OSError):
            screen.take(events)
            self._draw(screen, watcher)

    def _draw(self, screen: Screen, watcher: Watcher) -> None:
        frame = screen.frame()
        with Live(
            frame,
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            while not self._stop.wait(_PERIOD_S):
                screen.take(watcher.take())
                live.refresh()


def _no_hurry() -> None:
    """Events wait for the next frame."""
