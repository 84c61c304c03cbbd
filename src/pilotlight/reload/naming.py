"""Which file a call means by the path that it is given. Must never open a file."""

from __future__ import annotations

import os
from typing import Any

_OPEN_DESCRIPTORS = "/proc/self/fd"


def absolute(given: Any) -> str | None:
    """The absolute path that a call means at this moment; None for a descriptor or anything else that is no
    path.

    `..` is resolved where it stands, as the kernel does, so that `link/../name` is right.
    """
    if isinstance(given, int):
        return None
    path = os.fsdecode(given)
    if not path or "\0" in path:
        return None
    parts = path.split(os.sep)
    if os.pardir in parts:
        head, tail = os.path.split(path)
        return os.path.join(os.path.realpath(head), tail) if tail != os.pardir else os.path.realpath(path)
    return os.path.abspath(path)


def absolute_in(given: Any, directory: Any) -> str | None:
    """The same for a call with a directory descriptor, -1 or None if it has none. Without `/proc` a relative
    path cannot be told then: None."""
    if not isinstance(directory, int) or directory < 0 or _is_absolute(given):
        return absolute(given)
    try:
        return absolute(os.path.join(os.readlink(f"{_OPEN_DESCRIPTORS}/{directory}"), os.fsdecode(given)))
    except OSError:
        return None


def candidates(given: Any) -> list[str]:
    """All paths that a call may mean whose directory descriptor is not known: those from the current
    directory and from all directories that are open, where `/proc` tells which these are."""
    path = absolute(given)
    if path is None:
        return []
    if _is_absolute(given):
        return [path]
    found = [path]
    name = os.fsdecode(given)
    for directory in _open_directories():
        path = absolute(os.path.join(directory, name))
        if path is not None and path not in found:
            found.append(path)
    return found


def _is_absolute(given: Any) -> bool:
    return os.path.isabs(os.fsdecode(given))


def _open_directories() -> list[str]:
    found = []
    try:
        numbers = os.listdir(_OPEN_DESCRIPTORS)
    except OSError:  # no Linux
        return []
    for number in numbers:
        try:
            target = os.readlink(f"{_OPEN_DESCRIPTORS}/{number}")
        except OSError:  # that of the listing itself
            continue
        if target.startswith(os.sep) and os.path.isdir(target):
            found.append(target)
    return found
