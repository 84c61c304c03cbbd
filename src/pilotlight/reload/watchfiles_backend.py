"""Watching with the library watchfiles, where the platform has something else than inotify (FSEvents,
ReadDirectoryChangesW).

The directories of the dependencies are watched, not trees. The library's watcher cannot be extended: it is
made anew, at the next `read`, when directories have come in; all dependencies then count as touched, since
events may have been missed. Must never judge whether something changed.
"""

from __future__ import annotations

import os

from watchfiles._rust_notify import RustNotify

from pilotlight.reload.backend import WatchLimitError
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import never_matters

_INTERVAL = 0.05
_MILLISECOND = 1


class WatchfilesBackend:
    """A `Backend` on `watchfiles`; `read` is called at an interval, as the library has no descriptor to wait
    on."""

    interval: float | None = _INTERVAL

    def __init__(self) -> None:
        self._dependencies: dict[tuple[str, str], Dependency] = {}
        self._wanted: set[str] = set()
        """Real directories to be watched."""
        self._watched: frozenset[str] = frozenset()
        self._notify: RustNotify | None = None

    def fileno(self) -> None:
        """There is nothing to wait for."""
        return

    def watch(self, dependency: Dependency) -> None:
        """See `Backend`; what happens before the next `read` is found by it."""
        self._dependencies[dependency.kind, dependency.path] = dependency
        self._want(dependency)

    def _want(self, dependency: Dependency) -> None:
        path = dependency.path
        self._wanted.add(_nearest_directory(os.path.dirname(path)))
        self._wanted.add(_nearest_directory(os.path.dirname(os.path.realpath(path))))
        if dependency.kind in ("directory", "missing-module"):
            self._wanted.add(_nearest_directory(path))

    def read(self) -> list[str]:
        """See `Backend`."""
        for dependency in self._dependencies.values():  # links may have turned, directories come and gone
            self._want(dependency)
        wanted = frozenset(directory for directory in self._wanted if os.path.isdir(directory))
        if wanted != self._watched or (self._notify is None and wanted):
            self._watch_directories(wanted)
            return self._all()
        if self._notify is None:
            return []
        raw = self._notify.watch(_MILLISECOND, _MILLISECOND, _MILLISECOND, None)
        if not isinstance(raw, set):
            return []
        directories = {os.path.dirname(path) for _, path in raw if not never_matters(os.path.basename(path))}
        return self._all() if directories else []

    def _all(self) -> list[str]:
        return list(dict.fromkeys(path for _, path in self._dependencies))

    def _watch_directories(self, directories: frozenset[str]) -> None:
        self.close()
        self._watched = directories
        if directories:
            self._notify = RustNotify(sorted(directories), False, False, 0, False, True)

    def take_unclosed(self) -> list[str]:
        """Nobody is seen writing."""
        return []

    def take_refused(self) -> list[tuple[Dependency, WatchLimitError]]:
        """Nothing is ever refused."""
        return []

    def forget(self) -> None:
        """See `Backend`."""
        self._dependencies.clear()
        self._wanted.clear()

    def close(self) -> None:
        """See `Backend`."""
        if self._notify is not None:
            self._notify.close()
            self._notify = None


def _nearest_directory(path: str) -> str:
    """The real directory that this path is, or would be in."""
    path = os.path.realpath(path)
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path
