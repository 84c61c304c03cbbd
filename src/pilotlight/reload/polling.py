"""Watching by looking again and again: where events do not arrive, or the system grants no more of them.

A `stat` of each path finds what may have changed. Must never read contents, never use more than about one per
cent of a core (the interval grows with what the last look took), and never hold its caller up for long: where
one `stat` takes a millisecond, as over a network, a round is made in slices.

A file that has just become empty, or is gone, may be in the middle of a save: it is not reported before the
next look finds it so again.
"""

from __future__ import annotations

import os
import stat
import time

from pilotlight.reload.backend import WatchLimitError
from pilotlight.reload.dependencies import Dependency

SHORTEST_INTERVAL = 0.2
"""Seconds: below this, nobody notices the difference."""
_SHARE = 0.007
"""Of one core."""
_RECENT = 2.0
"""Seconds after a touch, in which a second save may leave the same time stamps: the clocks of file systems
tick every few milliseconds, FAT's every two seconds."""
_DOUBT = 0.1
"""Seconds for which a file that is empty or gone may be in the middle of a save."""
_SLICE = 0.05
"""Seconds that one `read` may take."""

_Look = tuple[int, ...] | None


class PollingBackend:
    """A `Backend` that compares `stat` results."""

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}
        """What was looked at, and what was there."""
        self._concerned: dict[str, dict[str, None]] = {}
        """What is looked at: paths of the dependencies that it decides about."""
        self._round: list[str] = []
        """What this round has still to look at."""
        self._doubtful: dict[str, float] = {}
        """What has become empty or gone and is not reported yet: since when."""
        self._recent: dict[str, float] = {}
        """What was touched a moment ago: until when it counts as touched at each look."""
        self._used = 0.0
        """Seconds of processor time, by the last look."""

    @property
    def interval(self) -> float:
        """Seconds until the next `read` is due."""
        return max(SHORTEST_INTERVAL, self._used / _SHARE)

    def fileno(self) -> None:
        """There is nothing to wait for."""
        return

    def watch(self, dependency: Dependency) -> None:
        """See `Backend`."""
        looked_at = [dependency.path]
        if dependency.kind == "missing-module":  # its directory tells of any new name in it
            looked_at.append(os.path.dirname(dependency.path))
        for path in looked_at:
            self._concerned.setdefault(path, {})[dependency.path] = None
            self._looks.setdefault(path, _look(path))

    def read(self) -> list[str]:
        """See `Backend`."""
        started, now = time.thread_time(), time.monotonic()
        self._recent = {path: until for path, until in self._recent.items() if now < until}
        touched: dict[str, None] = {}
        for path in self._recent:
            touched.update(self._concerned.get(path, {}))
        self._round = self._round or list(self._looks)
        while self._round and time.monotonic() < now + _SLICE:
            path = self._round.pop()
            look = _look(path)
            if look == self._looks[path]:
                self._doubtful.pop(path, None)
            elif not _is_unfinished(look) or now >= self._doubtful.setdefault(path, now) + _DOUBT:
                self._doubtful.pop(path, None)
                self._looks[path] = look
                self._recent[path] = now + _RECENT
                touched.update(self._concerned[path])
        self._used = time.thread_time() - started
        return list(touched)

    def take_unclosed(self) -> list[str]:
        """Nobody is seen writing."""
        return []

    def take_refused(self) -> list[tuple[Dependency, WatchLimitError]]:
        """Nothing is ever refused."""
        return []

    def forget(self) -> None:
        """See `Backend`."""
        self._looks.clear()
        self._concerned.clear()
        self._round.clear()
        self._doubtful.clear()

    def close(self) -> None:
        """There is nothing to give back."""


def _is_unfinished(look: _Look) -> bool:
    """Whether a save that replaces the file, or writes it anew, looks like this while it lasts."""
    if look is None:
        return True
    size, mode = look[2], look[5]
    return size == 0 and stat.S_ISREG(mode)


def _look(path: str) -> _Look:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
        status.st_ino,
        status.st_dev,
        status.st_mode,
    )
