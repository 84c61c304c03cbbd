"""The members of an exception group, equal ones merged.

Two exceptions are equal when type, message, calls and what they came from are equal; two groups when their
members are equal too. Must never compare more than a bounded number of exceptions, however wide, deep or
entangled the tree is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from pilotlight.debugger.introspection.exceptions import members, origin, traceback_of
from pilotlight.debugger.introspection.stack import steps

MAX_COMPARED = 5_000
MAX_DEPTH = 16
MAX_CALLS = 100


class Member(NamedTuple):
    """One exception of a group and how many like it the group holds."""

    error: BaseException
    times: int


class Merger:
    """Tells equal exceptions by a number. Make a new one for each report: it knows them by their `id`."""

    def __init__(self, message: Callable[[BaseException], str]) -> None:
        self._message = message
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, int] = {}

    def merge(self, group: BaseException) -> list[Member]:
        """The distinct members of a group, in the order in which each came first."""
        first: dict[int, BaseException] = {}
        counts: dict[int, int] = {}
        for each in members(group):
            number = self._number(each, 0)
            first.setdefault(number, each)
            counts[number] = counts.get(number, 0) + 1
        return [Member(each, counts[number]) for number, each in first.items()]

    def _number(self, error: BaseException, depth: int) -> int:
        """The same for equal exceptions. It stands for a whole tree, so that no tree is walked twice."""
        if id(error) in self._known:
            return self._known[id(error)]
        key: Hashable
        if depth >= MAX_DEPTH or len(self._known) >= MAX_COMPARED:
            key = (id(error),)
        else:
            # Stands in for the exception while what it holds is compared: it may hold itself.
            self._known[id(error)] = -1 - len(self._known)
            came_from, link = origin(error)
            key = (
                id(type(error)),  # not the class: its metaclass may have a `__hash__` of its own
                self._message(error),
                _calls(error),
                link,
                None if came_from is None else self._number(came_from, depth + 1),
                tuple(self._number(each, depth + 1) for each in members(error)),
            )
        number = self._numbers.setdefault(key, len(self._numbers))
        self._known[id(error)] = number
        return number


def _calls(error: BaseException) -> tuple[tuple[int, int | None], ...]:
    """Code and line of the innermost calls."""
    found = [(id(step.code), step.line) for step in steps(traceback_of(error))]
    return tuple(found[-MAX_CALLS:])
