"""Draws a frame of the text view: lines of one width, as many as the terminal has.

The places of everything depend on the size of the terminal and the number of inputs alone, so
that nothing moves while figures change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dialtone.listening import rows
from dialtone.listening.board import Board, Slots
from dialtone.listening.glyphs import Glyphs, Line, span

_WIDE = 140  # from where transfers and arrivals stand side by side
_TALL = 32  # from where sections are set apart by a blank line
_SMALL = 10  # below it there are no headings
_DETAILS = (12, 11, 10, 9, 8, 7, 6, 5, 3, 2, 1)  # lines of an input


@dataclass(frozen=True, slots=True)
class Layout:
    """How many lines each part has.

    detail  of an input: 1 a line for all, 2 also its signal, 3 all figures, from 5 a spectrum
    """

    headings: bool
    side_by_side: bool
    gaps: bool
    detail: int
    inputs: int
    transfers: int
    arrivals: int
    log: int


def plan(width: int, height: int, inputs: int) -> Layout:
    """Lines for `inputs` inputs on a terminal of so many cells."""
    shown = max(inputs, 1)
    body = height - 1
    if height < _SMALL or width < 40:
        lines = min(shown, max(body // 2, 1), max(body, 0))
        return Layout(False, False, False, 1, lines, max(body - lines, 0), 0, 0)
    wide, tall = width >= _WIDE, height >= _TALL
    free = body - (3 if wide else 4) * (2 if tall else 1)
    budget = max(free // 2, 1)
    detail = next((lines for lines in _DETAILS if lines * shown <= budget), 1)
    visible = min(shown, budget // detail)
    rest = free - visible * detail
    log = max(rest * 2 // 5, 1) if not wide else max(rest // 2, 1)
    above = rest - log
    if wide:
        return Layout(True, True, tall, detail, visible, above, above, log)
    arrivals = above // 2
    return Layout(True, False, tall, detail, visible, above - arrivals, arrivals, log)


class Painter:
    """Draws frames of a board; keeps which row belongs to what."""

    def __init__(self, board: Board, glyphs: Glyphs, encoding: str = "utf-8") -> None:
        self.board = board
        self.glyphs = glyphs
        self.encoding = encoding
        self._inputs = Slots()
        self._transfers = Slots()

    def lines(self, width: int, height: int, now: float, utc: float, up_s: float) -> list[Line]:
        """A frame of `height` lines of `width` cells.

        now   the board's clock [s]
        utc   time of day [s since 1970]
        up_s  how long this has been running [s]
        """
        if width <= 0 or height <= 0:
            return []
        layout = plan(width, height, len(self.board.inputs))
        made = [self._title(width, utc, up_s), *self._body(layout, width, now, utc)]
        made += [Line()] * (height - len(made))
        return [line.to_width(width) for line in made[:height]]

    def _title(self, width: int, utc: float, up_s: float) -> Line:
        line, right = Line(), Line()
        line.add(" dialtone", "bold cyan")
        files = "file" if self.board.received == 1 else "files"
        right.add(f"{self.board.received} {files} received   ", "bold")
        right.add(f"running for {span(up_s)}".ljust(25), "dim")
        right.add(f"{datetime.fromtimestamp(utc, UTC):%H:%M:%S} UTC ", "dim")
        if width < right.width + line.width + 2:
            right = Line()
            right.add(f"{self.board.received} {files} ", "bold")
        line.skip(width - line.width - right.width)
        line.join(right)
        return line

    def _body(self, layout: Layout, width: int, now: float, utc: float) -> Iterator[Line]:
        yield from self._head("inputs", width, layout)
        yield from self._input_lines(layout, width, now)
        paper = rows.Paper(self.glyphs, self.encoding, width)
        if layout.side_by_side:
            half = (width - 2) // 2
            left, right = paper.of_width(half), paper.of_width(width - 2 - half)
            heads = zip(
                self._head("transfers", half, layout),
                self._head("arrived", right.width, layout),
                strict=True,
            )
            pairs = zip(
                self._transfer_lines(layout.transfers, left, now),
                self._arrival_lines(layout.arrivals, right, utc),
                strict=True,
            )
            for one, other in (*heads, *pairs):
                line = one.to_width(half + 2)
                line.join(other)
                yield line
        else:
            yield from self._head("transfers", width, layout)
            yield from self._transfer_lines(layout.transfers, paper, now)
            if layout.arrivals:
                yield from self._head("arrived", width, layout)
                yield from self._arrival_lines(layout.arrivals, paper, utc)
        if layout.log:
            yield from self._head("log", width, layout)
            yield from self._log_lines(layout.log, paper)

    def _head(self, title: str, width: int, layout: Layout) -> Iterator[Line]:
        if not layout.headings:
            return
        if layout.gaps:
            yield Line()
        line = Line()
        line.add(f" {title} ", "bold")
        line.fill(self.glyphs.rule, width - 1, "dim")
        yield line

    def _input_lines(self, layout: Layout, width: int, now: float) -> Iterator[Line]:
        paper = rows.Paper(self.glyphs, self.encoding, width)
        inputs = self.board.inputs
        over = {key: state.over for key, state in inputs.items()}
        for key in self._inputs.assign(over, layout.inputs):
            if key is not None:
                yield from rows.input_rows(inputs[key], paper, layout.detail, now)
                continue
            line = Line()
            line.add(" no input is open yet" if not inputs else "", "dim")
            yield line
            yield from [Line()] * (layout.detail - 1)

    def _transfer_lines(self, count: int, paper: rows.Paper, now: float) -> list[Line]:
        moving = self.board.moving
        over = {key: item.over(now) for key, item in moving.items()}
        keys = self._transfers.assign(over, count)
        return [
            Line() if key is None else rows.transfer_row(moving[key].event, paper, over[key])
            for key in keys
        ]

    def _arrival_lines(self, count: int, paper: rows.Paper, utc: float) -> list[Line]:
        newest = list(self.board.arrivals)[::-1][:count]
        made = [rows.arrival_row(event, paper, utc) for event in newest]
        return made + [Line()] * (count - len(made))

    def _log_lines(self, count: int, paper: rows.Paper) -> list[Line]:
        last = list(self.board.log)[-count:]
        made = [rows.log_row(event, paper) for event in last]
        return made + [Line()] * (count - len(made))
