"""Damage that is done to a transfer on its way: changed bits, cuts, another order, parts of other
transfers; and what the receiver makes of it.

A case has a verdict: the exact file, nothing (it waits for more), or the name of the error class
with which the transfer was refused. Everything else raises BreachError.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from damage.recorded import Material

EXACT = "exact"
INCOMPLETE = "incomplete"


class BreachError(Exception):
    """The receiver made something else of a damaged transfer than it should."""


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of damage, done in every possible place.

    count   cases there are
    run     the verdicts of the cases of these numbers, 0 to count - 1 in ascending order
    unit    cases that share their preparation
    layers  only for one transfer of each suite and order of packing: nothing else matters to it
    """

    name: str
    count: Callable[[Material], int]
    run: Callable[[Material, Iterable[int]], Iterator[str]]
    unit: Callable[[Material], int] = lambda _: 1
    layers: bool = False
