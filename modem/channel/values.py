"""The values behind `=` in a channel specification: numbers with units, spans, lists."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from modem.channel.signal import ChannelError

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z%]*)\s*", re.IGNORECASE)

TIME: Mapping[str, float] = {"": 1.0, "s": 1.0, "ms": 1e-3}
FREQUENCY: Mapping[str, float] = {"": 1.0, "hz": 1.0, "khz": 1e3}


class Value(Protocol):
    """Turns the text behind `=` (None when there is no `=`) into the arguments of a step."""

    @property
    def meaning(self) -> str: ...

    def read(self, text: str | None) -> tuple[object, ...]:
        """Raises ChannelError; the text continues a sentence that starts with the step's name."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """A step without a value."""

    meaning: str = "no value"

    def read(self, text: str | None) -> tuple[object, ...]:
        if text is not None:
            raise ChannelError("takes no value")
        return ()


@dataclass(frozen=True, slots=True)
class Number:
    """One number; units maps an accepted suffix (lower case) to its factor."""

    meaning: str
    low: float = -math.inf
    high: float = math.inf
    units: Mapping[str, float] | None = None
    default: float | None = None
    choices: tuple[float, ...] = ()

    def read(self, text: str | None) -> tuple[object, ...]:
        if text is None and self.default is not None:
            return (self.default,)
        return (self.number(text),)

    def number(self, text: str | None) -> float:
        if text is None:
            raise ChannelError(f"needs {self.meaning}")
        found = _NUMBER.fullmatch(text)
        factor = self._factor(found[2].lower()) if found else None
        if found is None or factor is None:
            raise ChannelError(f"takes {self.meaning}, not '{text}'")
        number = float(found[1]) * factor
        if self.choices and number not in self.choices:
            raise ChannelError(f"can be {_listed(self.choices)}, not {text}")
        if not self.low <= number <= self.high or not math.isfinite(number):
            raise ChannelError(f"must be {self._range()}, got {text}")
        return number

    def _factor(self, unit: str) -> float | None:
        if self.units is not None:
            return self.units.get(unit)
        return 1.0 if unit in ("", "db", "dbfs", "ppm", "kbps", "k", "%") else None

    def _range(self) -> str:
        if self.low == -math.inf:
            return f"at most {self.high:g}"
        if self.high == math.inf:
            return f"at least {self.low:g}"
        return f"from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two numbers with a separator.

    missing  stands for a second number left out together with its separator
    rising   the second must be the larger
    """

    first: Number
    separator: str
    second: Number
    meaning: str
    missing: float | None = None
    rising: bool = False

    def read(self, text: str | None) -> tuple[object, ...]:
        if text is None:
            raise ChannelError(f"needs {self.meaning}")
        head, mark, tail = text.partition(self.separator)
        if not mark and self.missing is not None:
            return (self.first.number(head), self.missing)
        if not mark or not tail:
            raise ChannelError(f"takes {self.meaning}, not '{text}'")
        first, second = self.first.number(head), self.second.number(tail)
        if self.rising and first >= second:
            raise ChannelError(f"needs the smaller of its two numbers first, got {text}")
        return (first, second)


@dataclass(frozen=True, slots=True)
class Several:
    """Pairs joined by `+`, given to the step as one tuple of pairs."""

    pair: Pair
    meaning: str

    def read(self, text: str | None) -> tuple[object, ...]:
        if text is None:
            raise ChannelError(f"needs {self.meaning}")
        return (tuple(self.pair.read(part) for part in text.split("+")),)


@dataclass(frozen=True, slots=True)
class Choice:
    """One word out of a few."""

    words: tuple[str, ...]
    default: str | None = None

    @property
    def meaning(self) -> str:
        return _listed(self.words)

    def read(self, text: str | None) -> tuple[object, ...]:
        word = self.default if text is None else text.strip().lower()
        if word is None:
            raise ChannelError(f"needs a value: {self.meaning}")
        if word not in self.words:
            raise ChannelError(f"can be {self.meaning}, not '{text}'")
        return (word,)


def _listed(items: tuple[object, ...]) -> str:
    words = [f"{item:g}" if isinstance(item, float) else str(item) for item in items]
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
