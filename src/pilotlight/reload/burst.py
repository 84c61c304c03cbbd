"""When to act on changes: at once for a lone save, after some quiet for a burst. A state machine; the time is
passed in.

* The first change after a quiet time is acted on at once.
* Changes that follow soon after an action are a burst (`git checkout`, a formatter after the save): they are
  acted on together, `QUIET` after the last one, but not later than `LONGEST` after the first of them.
* A burst that has lasted long may pause for longer, an eighth of its time but not above `LONGEST_QUIET`,
  before it counts as over: a busy disk makes gaps, and half a checkout is worth no reload.
* A file that has gone away is never acted on at once: many a save removes the old file before the new one is
  there.

All times are seconds of one monotonic clock. Must never read a clock or the disk.
"""

from __future__ import annotations

from dataclasses import dataclass

QUIET = 0.03
"""Of quiet that end a burst."""
LONGEST_QUIET = 0.2
"""Of quiet that end even the longest burst."""
LONGEST = 3.0
"""That the changes of a burst may wait: a checkout that takes longer gives another reload, not a blind
server."""
SOON = 0.3
"""After an action, or after the last change of its burst: a further change belongs to the same burst."""


@dataclass(slots=True)
class Burst:
    """Collects changes until they are due."""

    _quiet_until: float = float("-inf")
    """Before this moment a change belongs to a burst."""
    _first: float | None = None
    _last: float = float("-inf")

    def changed(self, now: float, *, vanished: bool = False) -> float:
        """Notes a change; returns the moment at which to act, `now` if that is at once.

        Args:
            vanished: all that was noticed is that something is gone.
        """
        at_once = not vanished and self._first is None and now >= self._quiet_until
        if self._first is None:
            self._first = now
        self._last = now
        if at_once:
            return now
        return self._end_of(self._first)

    @property
    def due(self) -> float | None:
        """The moment at which waiting changes are acted on; None if none wait."""
        return None if self._first is None else self._end_of(self._first)

    @property
    def calm(self) -> float:
        """The moment from which the changes seen so far are not expected to go on. What was loaded before and
        failed may be half of a burst, and is no news yet."""
        return self._last + QUIET if self._first is None else self._end_of(self._first)

    def acted(self, now: float) -> None:
        """The changes were taken up: nothing waits any more."""
        self._first = None
        self._quiet_until = now + SOON

    def _end_of(self, first: float) -> float:
        lasted = self._last - first
        return min(self._last + min(max(QUIET, lasted / 8), LONGEST_QUIET), first + LONGEST)
