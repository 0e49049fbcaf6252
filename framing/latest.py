"""A set that cannot grow for ever: the newest members of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Latest(Generic[T]):
    """The members that were added last, at most `most` of them; the oldest are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._members: dict[T, None] = {}

    def add(self, member: T) -> bool:
        """False where it was there already; it is the newest now."""
        known = member in self._members
        self._members.pop(member, None)
        self._members[member] = None
        if len(self._members) > self._most:
            del self._members[next(iter(self._members))]
        return not known

    def discard(self, member: T) -> None:
        """Forget one."""
        self._members.pop(member, None)

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._members))

    def __len__(self) -> int:
        return len(self._members)
