"""Has anything that the load depends on changed? Pure: what is there now is asked of a function that is
passed in.

The rules:

* Change is a difference of content. `touch`, `chmod`, a save of the same content, a file opened for reading:
  nothing.
* A directory is the set of its names without bytecode caches and editors' temporary files.
* The beginning of a file (`head`) is judged like a file.
* What was missing changes by coming into being; what was read, by going away as well.
* An excluded path never changes. A pattern is matched with `fnmatch` against the whole absolute path, where
  `*` matches `/` too (Werkzeug's `exclude_patterns` mean the same), whatever watches the files.

Must never look at the file system or the clock.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import digest_bytes, digest_head

ChangeKind = Literal["edited", "created", "deleted"]
_EMPTY = (digest_bytes(b""), digest_head(b""))


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs from what the load saw.

    Args:
        path: what to name to the user: the file, or the listed directory.
        kind: what happened to it.
        dependency: what was recorded. Its path is another one when what was looked for has appeared: `path`
            may be `/srv/app/views.py`, where `/srv/app/views` had been missing.
        unfinished: this may be the middle of a save or a checkout: something is gone or empty, or a name has
            come into a listed directory, whose file may not be written yet.
    """

    path: str
    kind: ChangeKind
    dependency: Dependency
    unfinished: bool = False


def judge(dependency: Dependency, present: str | None) -> Change | None:
    """Compares one dependency with what is there now.

    Args:
        dependency: as recorded while loading.
        present: `digest.present_state` of it: its digest now, the path that has appeared, or None for
            nothing.
    """
    if present == dependency.digest:
        return None
    if dependency.kind in ("missing", "missing-module"):
        # A digest on a missing thing is a path that was there all along and did not count: still not a
        # change.
        return None if present is None else Change(present, "created", dependency)
    if present is None:
        return Change(dependency.path, "deleted", dependency, unfinished=True)
    kind: ChangeKind = "created" if dependency.digest is None else "edited"
    unfinished = dependency.kind == "directory" or present in _EMPTY
    return Change(dependency.path, kind, dependency, unfinished)


def changes(dependencies: Iterable[Dependency], present: Callable[[Dependency], str | None]) -> list[Change]:
    """All changes among the dependencies, in the order given; one path may be in several of them."""
    judged = (judge(dependency, present(dependency)) for dependency in dependencies)
    return [change for change in judged if change is not None]


class Exclusions:
    """Which paths never matter, by the user's `--exclude-patterns`.

    Args:
        patterns: shell patterns for `fnmatch`, matched against the absolute path.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(os.path.normcase(pattern) for pattern in patterns)

    def __contains__(self, path: object) -> bool:
        if not self._patterns or not isinstance(path, str):
            return False
        path = os.path.normcase(path)
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self._patterns)
