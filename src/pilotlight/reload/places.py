"""Which entries of which directories decide what a path means, symbolic links included. Pure.

A path changes its meaning when its last entry changes, when a link on the way is turned, when a directory on
the way is moved, deleted or replaced, or when the first absent part of it appears. What is on the disk is
asked of a function.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_MOST_LINKS = 40
"""As many as Linux follows in one path (path_resolution(7))."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The way to a path.

    Args:
        places: pairs of directory and entry name to be watched. The directories are real: no link is in them.
        ways: the real directories that were passed, whose own move or removal matters.
        end: the real path of what is there; None if nothing is.
    """

    places: tuple[tuple[str, str], ...]
    ways: tuple[str, ...]
    end: str | None


def trace(path: str, look: Callable[[str], str | None]) -> Trace:
    """Follows an absolute path.

    Args:
        look: says of a path, whose directories are real: None if nothing is there, the target if it is a
            symbolic link, and the empty string otherwise.
    """
    places: list[tuple[str, str]] = []
    ways: list[str] = []
    current = os.sep
    links = 0
    parts = deque(path.split(os.sep))
    while parts:
        name = parts.popleft()
        if name in ("", os.curdir):
            continue
        if name == os.pardir:
            current = os.path.dirname(current)
            continue
        here = os.path.join(current, name)
        target = look(here)
        if target is None or target:
            places.append((current, name))
        if target is None:
            return Trace(tuple(places), tuple(ways), None)
        if target:
            links += 1
            if links > _MOST_LINKS:
                return Trace(tuple(places), tuple(ways), None)
            parts.extendleft(reversed(target.split(os.sep)))
            if os.path.isabs(target):
                current = os.sep
        elif any(part not in ("", os.curdir) for part in parts):
            ways.append(here)
            current = here
        else:
            places.append((current, name))
            current = here
            break
    return Trace(tuple(places), tuple(ways), current)
