"""What `--explain-reload` says of one reload: what had changed, where it began and why, what was executed
again, and how long each part took. Pure: moments are passed in. Must never decide anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from pilotlight.reload.dependencies import Dependency

_MOST_NAMES = 8


@dataclass(slots=True)
class Explanation:
    """Collects what is known of a reload.

    Args:
        began: when it was noticed that there is something to do, in seconds of a monotonic clock.
        changed: what the last load had read and is different now; None for a load from scratch anyway.
        place: of the checkpoint that it goes on from; None for a load from scratch.
        checkpoints: there may be some.
    """

    began: float
    changed: tuple[Dependency, ...] | None
    place: str | None
    checkpoints: bool = True
    _moments: list[tuple[str, float]] = field(default_factory=list)
    _read: dict[str, None] = field(default_factory=dict)

    def reached(self, what: str, now: float) -> None:
        """A part is over."""
        self._moments.append((what, now))

    def read(self, dependency: Dependency) -> None:
        """The load has read something."""
        if dependency.kind in ("file", "head"):
            self._read[dependency.path] = None

    def lines(self, directory: str) -> list[str]:
        """What to print.

        Args:
            directory: paths below it are shown relative to it.
        """
        return [
            f"Changed: {self._what_changed(directory)}",
            f"Began: {self._where(directory)}",
            f"Read again: {_listed(self._read, directory) or 'nothing'}",
            f"Times: {self._times()}",
        ]

    def _what_changed(self, directory: str) -> str:
        if self.changed is None:
            return "nothing that tells where to begin: you asked for it, or the process was lost"
        heads = {one.path for one in self.changed if one.kind == "head"}
        named = [_named(one) for one in self.changed if one.kind == "head" or one.path not in heads]
        return _listed(dict.fromkeys(named), directory) or "nothing; the worker had ended"

    def _where(self, directory: str) -> str:
        if self.place is not None:
            return f"at the checkpoint {self.place.replace(directory + os.sep, '')}"
        if not self.checkpoints:
            return "from scratch, as the engine `restart` does"
        if self.changed is None:
            return "from scratch"
        return "from scratch, since no checkpoint lies before all that has changed"

    def _times(self) -> str:
        before = self.began
        parts = []
        for what, moment in self._moments:
            parts.append(f"{what} {_milliseconds(moment - before)}")
            before = moment
        return f"{', '.join(parts)}; {_milliseconds(before - self.began)} in all"


def _named(dependency: Dependency) -> str:
    if dependency.kind == "head":
        return f"{dependency.path} (its leading imports)"
    if dependency.kind in ("missing", "missing-module"):
        return f"{dependency.path} (was missing)"
    return dependency.path


def _listed(names: Iterable[str], directory: str) -> str:
    shown = [name.removeprefix(directory + os.sep) for name in names]
    more = len(shown) - _MOST_NAMES
    return ", ".join(shown[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
