"""Files watched by their inodes, for writes. Their directories tell of a save when the file is closed; some
programs write and never close, or cut a file off with truncate(2).

Must never decide what a write means.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection

from pilotlight.reload.inotify import IN_MASK_ADD, IN_MODIFY, Inotify


class Contents:
    """The watches of files.

    Args:
        inotify: the events of a file come there, without a name.
    """

    def __init__(self, inotify: Inotify) -> None:
        self._inotify = inotify
        self._watches: dict[str, int] = {}
        self._paths: dict[int, set[str]] = {}
        """Watch descriptor: several paths, if a file has several names."""

    def watch(self, path: str) -> None:
        """Watches the file that has this name now, links followed, and no other that had it. A directory has
        a watch of its own, which must not become ours.

        Raises:
            OSError: see `Inotify.add`; or there is nothing under the name.
        """
        before = self._watches.pop(path, None)
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                watch = self._inotify.add(path, IN_MODIFY | IN_MASK_ADD)
                self._watches[path] = watch
                self._paths.setdefault(watch, set()).add(path)
        finally:
            if before is not None and before != self._watches.get(path):
                self._part(before, path)

    def paths(self, watch: int) -> Collection[str]:
        """The names of the file that this watch is for."""
        return self._paths.get(watch, ())

    def end(self, watch: int) -> None:
        """Nobody cares for the file any more. An `IN_IGNORED` may still come of its watch."""
        if watch in self._paths:
            self.ended(watch)
            self._inotify.remove(watch)

    def ended(self, watch: int) -> None:
        """The kernel has ended a watch, of a file or not: the file is gone."""
        for path in self._paths.pop(watch, ()):
            if self._watches.get(path) == watch:
                del self._watches[path]

    def _part(self, watch: int, path: str) -> None:
        """The name leads to another file now."""
        others = self._paths.get(watch)
        if others is not None:
            others.discard(path)
            if not others:
                self.end(watch)
