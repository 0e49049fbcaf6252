"""Lines of exact width for terminals: harmless text, figures that keep their place, bars.

Widths are counted in cells of the terminal, of which a Chinese character takes two.
"""

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

_READ_MAX = 300  # characters of a text looked at, whatever a stranger sends
# Control and format characters (escape sequences, reversed text), surrogates, line separators,
# unassigned and private ones, whose width nobody knows.
_BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}
_VARIATIONS = range(0xFE00, 0xFE10)  # turn a narrow sign into a wide one on some terminals


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs that pictures are made of.

    along   parts of a cell filled from the left, none first and the whole last
    upward  parts of a cell filled from below, likewise
    """

    along: str
    upward: str
    track: str
    peak: str
    rule: str
    dot: str
    ring: str
    tick: str
    more: str


BLOCKS = Glyphs(" ▏▎▍▌▋▊▉█", " ▁▂▃▄▅▆▇█", "·", "│", "─", "●", "○", "╵", "…")
ASCII = Glyphs(" #", " .:|", ".", "|", "-", "*", "o", "'", "~")


def glyphs_for(encoding: str) -> Glyphs:
    """Block characters where the terminal's encoding has them, ASCII elsewhere."""
    try:
        (BLOCKS.along + BLOCKS.upward + BLOCKS.rule + BLOCKS.dot).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def harmless(text: object, encoding: str = "utf-8") -> str:
    """A text from outside on one line, with nothing in it that could steer the terminal."""
    kept = []
    for sign in unicodedata.normalize("NFC", str(text)[:_READ_MAX]):
        if unicodedata.category(sign) in _BAD_CATEGORIES:
            kept.append("?")
        elif ord(sign) not in _VARIATIONS:
            kept.append(sign)
    return "".join(kept).encode(encoding, "replace").decode(encoding)


def known(value: object) -> float | None:
    """A number of an event; None for everything that is none."""
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def figure(value: object, width: int, digits: int = 1, sign: str = "") -> str:
    """A number, right-justified in so many cells; "-" where it is not known.

    width  0 takes as many as it needs
    sign   "+" shows it of positive numbers too
    """
    number = known(value)
    if number is None:
        return "-".rjust(width)
    text = f"{number:{sign}.{digits}f}"
    if len(text) > width > 0:
        text = f"{number:{sign}.0e}".replace("e+0", "e").replace("e-0", "e-")
    return text.rjust(width)


def span(seconds: object) -> str:
    """A length of time in at most 10 cells: 12 s, 3 min, 4 h 05 min, 12 d 04 h."""
    number = known(seconds)
    if number is None:
        return "-"
    whole = int(max(number, 0.0))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


class Line:
    """One line, put together from left to right."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, str]] = []
        self.width = 0

    def add(
        self, text: str, style: str = "", width: int | None = None, right: bool = False
    ) -> None:
        """Put a text behind the others, cut or padded to `width` cells where that is given.

        Everything in it must be harmless already."""
        if width is not None:
            width = max(width, 0)
            if right:
                text = " " * max(width - cell_len(text), 0) + text
            text = set_cell_size(text, width)
        self.width += cell_len(text)
        self._parts.append((text, style))

    def skip(self, cells: int) -> None:
        """Leave cells free."""
        self.add(" " * max(cells, 0))

    def fill(self, glyph: str, width: int, style: str = "") -> None:
        """Repeat a glyph up to that width of the line."""
        self.add(glyph * max(width - self.width, 0), style)

    def join(self, other: "Line") -> None:
        """Put the parts of another line behind these."""
        self._parts.extend(other._parts)
        self.width += other.width

    def to_width(self, width: int) -> "Line":
        """The line, cut or padded to exactly so many cells."""
        made = Line()
        for text, style in self._parts:
            room = width - made.width
            if room <= 0:
                break
            made.add(text if cell_len(text) <= room else set_cell_size(text, room), style)
        made.skip(width - made.width)
        return made

    def segments(self) -> Iterable[Segment]:
        """The same for rich."""
        for text, style in self._parts:
            yield Segment(text, Style.parse(style))


def cut(text: str, width: int, glyphs: Glyphs) -> str:
    """A text in at most so many cells, with a sign at its end where it is cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)) + glyphs.more * min(width, 1)


def bar(share: float, width: int, glyphs: Glyphs) -> str:
    """`share` (0 to 1) of so many cells filled from the left, the rest as track."""
    parts = len(glyphs.along) - 1
    filled = round(min(max(share, 0.0), 1.0) * width * parts)
    whole, part = divmod(filled, parts)
    text = glyphs.along[-1] * whole + (glyphs.along[part] if part else "")
    return text + glyphs.track * (width - len(text))


def columns(shares: Sequence[float], rows: int, glyphs: Glyphs) -> list[str]:
    """Columns filled from below: one text for each row, the highest first.

    shares  0 to 1, one for each cell of the width
    """
    parts = len(glyphs.upward) - 1
    filled = [round(min(max(share, 0.0), 1.0) * rows * parts) for share in shares]
    return [
        "".join(glyphs.upward[min(max(amount - row * parts, 0), parts)] for amount in filled)
        for row in reversed(range(rows))
    ]


def spread(values: Sequence[float], width: int) -> list[float]:
    """Values of equal bands over so many cells: the greatest of those that share a cell."""
    n = len(values)
    if not n or width <= 0:
        return []
    return [max(values[i * n // width : max((i + 1) * n // width, i * n // width + 1)])
            for i in range(width)]  # fmt: skip
