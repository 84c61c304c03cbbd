"""Which name a typing mistake was meant for. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

MAX_NAMES = 750
MAX_NAME_CHARACTERS = 40
_MOVE = 2
_CASE = 1


def closest(wrong: str, names: Iterable[Any]) -> str | None:
    """The name that a typing mistake may have been meant for: at most about a third of the letters differ."""
    if not wrong or len(wrong) > MAX_NAME_CHARACTERS:
        return None
    best: str | None = None
    best_distance = sys.maxsize
    for count, name in enumerate(names):
        if count >= MAX_NAMES:
            break
        if type(name) is not str or name == wrong:
            continue
        limit = min((len(wrong) + len(name) + 3) * _MOVE // 6, best_distance - 1)
        distance = _distance(wrong, name, limit)
        if distance <= limit:
            best, best_distance = name, distance
    return best


def _distance(one: str, two: str, limit: int) -> int:
    """How many letters must change: half for a change of case, one for a swap of neighbours.

    Anything above `limit` if it is more.
    """
    if abs(len(one) - len(two)) * _MOVE > limit or len(two) > MAX_NAME_CHARACTERS:
        return limit + 1
    before_previous: list[int] = []
    previous = list(range(0, (len(two) + 1) * _MOVE, _MOVE))
    for row, letter in enumerate(one, 1):
        current = [row * _MOVE]
        for column, other in enumerate(two):
            change = 0 if letter == other else _CASE if letter.lower() == other.lower() else _MOVE
            current.append(
                min(previous[column] + change, previous[column + 1] + _MOVE, current[column] + _MOVE)
            )
            if row > 1 and column and letter == two[column - 1] and one[row - 2] == other:
                current[-1] = min(current[-1], before_previous[column - 1] + _MOVE)
        if min(current) > limit and min(previous) > limit:
            return limit + 1
        before_previous, previous = previous, current
    return previous[-1]
