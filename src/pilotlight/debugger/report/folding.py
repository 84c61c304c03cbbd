"""Recursion folded: a long stack becomes a short list of places that stand for it.

Pure; must never look at frames, only at the keys that say whether two frames are the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

MAX_PERIOD = 12
MAX_FRAMES = 64
_KEPT_OF_A_LINE = 3  # as the interpreter does before it says "Previous line repeated"


class Folded(NamedTuple):
    """One frame that is kept.

    Args:
        at: its index in the whole stack.
        repeats: how many more times the `period` frames that end here follow.
        omitted: how many frames were dropped after it because the stack is too long.
    """

    at: int
    repeats: int = 0
    period: int = 1
    omitted: int = 0


def fold(keys: Sequence[Hashable]) -> list[Folded]:
    """At most `MAX_FRAMES` places for a stack of any depth, oldest first, with its cycles folded."""
    kept: list[Folded] = []
    index = 0
    while index < len(keys):
        period, repeats = _cycle(keys, index)
        shown = _KEPT_OF_A_LINE if period == 1 and repeats else period
        kept.extend(Folded(index + each) for each in range(shown))
        if repeats:
            kept[-1] = kept[-1]._replace(repeats=repeats, period=period)
        index += shown + repeats * period
    return _bounded(kept)


def _cycle(keys: Sequence[Hashable], start: int) -> tuple[int, int]:
    """The shortest period from `start` on that pays to fold, and how often it is repeated unseen."""
    for period in range(1, MAX_PERIOD + 1):
        end = start + period
        while end < len(keys) and keys[end] == keys[end - period]:
            end += 1
        rounds = (end - start) // period
        repeats = rounds - (_KEPT_OF_A_LINE if period == 1 else 1)
        if repeats >= (1 if period == 1 else 2):
            return period, repeats
    return 1, 0


def _bounded(kept: list[Folded]) -> list[Folded]:
    if len(kept) <= MAX_FRAMES:
        return kept
    head, tail = kept[: MAX_FRAMES // 4], kept[-(MAX_FRAMES - MAX_FRAMES // 4) :]
    dropped = kept[len(head) : -len(tail)]
    count = sum(1 + each.repeats * each.period for each in dropped)
    return [*head[:-1], head[-1]._replace(omitted=count), *tail]
