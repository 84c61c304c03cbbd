"""Walks a value down, level by level, with a fair share of what is allowed for each member.

How objects of a type are shown is in `containers`, `objects` and `shapes`. Limits: 20 items, 200
characters, a depth of 4, and the number of values that the budget allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pilotlight.debugger.introspection import anatomy
from pilotlight.debugger.introspection.anatomy import default_repr, type_name
from pilotlight.debugger.model import Item, Value

from .budget import Budget
from .secrets import MARK, is_secret_name
from .written import MAX_CHARACTERS, cut, int_of, is_maskable, masked, text_of

MAX_ITEMS = 20
MAX_DEPTH = 4

Pairs = list[tuple[str, Any]]
Show = Callable[["Walker", Any, int, int], tuple[Value, int]]
"""Shows a value at a depth with so many values allowed; gives how many it has used."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A member that stands under the name of a secret."""

    value: Any


def is_secret_key(key: object) -> bool:
    """Whether what stands behind this key or name is a secret."""
    if anatomy.is_a(key, str):
        return is_secret_name(anatomy.plain(key, 1_000))  # type: ignore[arg-type]
    return type(key) is bytes and is_secret_name(key[:1_000].decode("latin-1"))


@dataclass(frozen=True, slots=True)
class Members:
    """How a container is written, and the first of its members.

    Args:
        pairs: what stands before each, as it is written, and the member (a `Secret`, if it is not shown).
        length: how many members there are in all.
        sign: between the two in the line; empty if only the members are part of it.
    """

    opening: str
    closing: str
    pairs: Pairs
    length: int
    sign: str = ""


def _joined(items: tuple[Item, ...], members: Members, more: bool) -> tuple[str, bool]:
    """The items in one line, cut as soon as it is long enough, and whether that is all."""
    parts = []
    length = len(members.opening)
    for item in items:
        before = f"{item.key.removeprefix('.')}{members.sign}" if members.sign and item.key else ""
        parts.append(before + item.value.text)
        length += len(parts[-1]) + 2
        if length > MAX_CHARACTERS:
            break
    text = members.opening + ", ".join(parts) + (", …" if more else "")
    room = MAX_CHARACTERS - len(members.closing)
    return cut(text, room) + members.closing, not more and len(text) <= room


class Walker:
    """One variable: its value, and what is inside of it down to a depth.

    Every method gives what is shown and how many values that is, never more than it was allowed.
    """

    def __init__(self, budget: Budget, find: Callable[[type], Show]) -> None:
        self.budget = budget
        self._find = find
        self.path: set[int] = set()

    def walk(self, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
        """What is shown of a value, and how many values that is."""
        kind = type(value)
        if kind is str:
            text, length = text_of(value)
            return Value(text, "str", "masked" if text == f"'{MARK}'" else "plain", length), 1
        if kind is int or kind is float or kind is bool or value is None:
            return Value(int_of(value) if kind is int else repr(value), kind.__name__), 1
        try:
            return self._show_of(kind)(self, value, depth, allowed)
        except RuntimeError:
            # Another thread changes the container.
            return Value(
                default_repr(value), type_name(kind), "broken", note="It was changed while it was read."
            ), 1

    def _show_of(self, kind: type) -> Show:
        """Found out once for each type on a page."""
        found = self.budget.shapes.get(id(kind))
        if found is None:
            found = self.budget.shapes[id(kind)] = (kind, self._find(kind))
        return found[1]

    def container(self, value: Any, members: Members, depth: int, allowed: int) -> tuple[Value, int]:
        """A value that is shown by what is in it."""
        kind = type_name(type(value))
        opening, closing, length = members.opening, members.closing, members.length
        if id(value) in self.path:
            return Value(f"{opening}...{closing}", kind, "container", length, note="It contains itself."), 1
        if not length:
            return Value(f"{opening}{closing}", kind, "container"), 1
        if depth >= MAX_DEPTH or allowed <= 1:
            return Value(f"{opening}…{closing}", kind, "container", length, (), length), 1
        items, size = self.inside(value, members.pairs, depth, allowed)
        omitted = max(length - len(items), 0)
        text, is_whole = _joined(items, members, bool(omitted))
        return Value(text, kind, "container", None if is_whole else length, items, omitted), size + 1

    def may_enter(self, value: Any, depth: int, allowed: int) -> bool:
        """Whether there is room for what is inside of it, and it is not inside of itself."""
        return depth < MAX_DEPTH and allowed > 1 and id(value) not in self.path

    def inside(self, value: Any, pairs: Pairs, depth: int, allowed: int) -> tuple[tuple[Item, ...], int]:
        """The members of a value."""
        self.path.add(id(value))
        try:
            return self._items(pairs[:MAX_ITEMS][: allowed - 1], depth + 1, allowed - 1)
        finally:
            self.path.discard(id(value))

    def _items(self, pairs: Pairs, depth: int, allowed: int) -> tuple[tuple[Item, ...], int]:
        """Each with a fair share of what is allowed."""
        items = []
        size = 0
        for index, (key, member) in enumerate(pairs):
            share = max((allowed - size) // (len(pairs) - index), 1)
            if type(member) is Secret:
                shown, used = self._secret(member.value, depth, share)
            else:
                shown, used = self.walk(member, depth, share)
            items.append(Item(key, shown))
            size += used
        return tuple(items), size

    def _secret(self, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
        return (masked(value), 1) if is_maskable(value) else self.walk(value, depth, allowed)
