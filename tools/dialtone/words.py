"""Options that take several words: `--to ann bob`, `--shares a b c`.

Such an option takes the words that follow it, up to the next option. The last word is given back
where the command would lack a file otherwise: `send --to ann photo.png` sends photo.png.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from typer.core import TyperCommand

_END = "--"  # everything behind it is a positional word


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a command takes.

    many    names of the options that take one word or more
    valued  names of the options that take exactly one word
    needed  positional words that must be there
    """

    many: frozenset[str]
    valued: frozenset[str]
    needed: int


@dataclass(slots=True)
class _Part:
    """A piece of the command line: an option of several words, or anything else."""

    option: str = ""
    words: list[str] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)

    def arguments(self) -> Iterator[str]:
        for word in self.words:
            if self.option:
                yield self.option
            yield word
        if self.option and not self.words:
            yield self.option  # what reads it then says that its word is missing
        yield from self.given_back


def expand(words: Sequence[str], grammar: Grammar) -> list[str]:
    """The same command line with every such option repeated before each of its words."""
    parts, positional = _parts(words, grammar)
    missing = grammar.needed - positional
    for part in reversed(parts):
        while missing > 0 and part.option and len(part.words) > 1:
            part.given_back.insert(0, part.words.pop())
            missing -= 1
    return [argument for part in parts for argument in part.arguments()]


def _parts(words: Sequence[str], grammar: Grammar) -> tuple[list[_Part], int]:
    """The pieces, and how many positional words there are outside of them."""
    parts: list[_Part] = []
    positional = at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == _END:
            parts.append(_Part("", list(words[at - 1 :])))
            return parts, positional + len(words) - at
        if word in grammar.many:
            end = at
            while end < len(words) and not _is_option(words[end]):
                end += 1
            parts.append(_Part(word, list(words[at:end])))
            at = end
            continue
        parts.append(_Part("", [word]))
        if not _is_option(word):
            positional += 1
        elif _waits_for_value(word, grammar) and at < len(words):
            parts[-1].words.append(words[at])
            at += 1
    return parts, positional


def _is_option(word: str) -> bool:
    """A single - is a file: standard input or output."""
    return len(word) > 1 and word.startswith("-")


def _waits_for_value(option: str, grammar: Grammar) -> bool:
    """Whether the next word belongs to an option: --name, -n, or -xn behind flags of one letter."""
    if option.startswith("--"):
        return option in grammar.valued
    for place, letter in enumerate(option[1:], start=1):
        if f"-{letter}" in grammar.valued or f"-{letter}" in grammar.many:
            return place == len(option) - 1
    return False


class WordsCommand(TyperCommand):
    """A command whose repeatable options take several words at a time."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line as if every such option had been repeated."""
        return super().parse_args(ctx, expand(args, self._grammar()))

    def _grammar(self) -> Grammar:
        many: set[str] = set()
        valued: set[str] = set()
        needed = 0
        for parameter in self.params:
            if parameter.param_type_name == "argument":
                needed += parameter.required
            elif getattr(parameter, "multiple", False):
                many.update(parameter.opts)
            elif not getattr(parameter, "is_flag", False):
                valued.update(parameter.opts)
        return Grammar(frozenset(many), frozenset(valued), needed)
