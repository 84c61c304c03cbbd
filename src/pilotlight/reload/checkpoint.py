"""Where a load is paused, and when it no longer may be. Decides; the pausing itself is passed in.

The places, each at the boundary of a user module, so that whatever was read before is known exactly:

* before the first user module;
* before each module that is hot (edited in this run), or newer than all that this load has met so far, and
  inside it, after its leading imports;
* before a module, when a good deal of time has passed since the last place: `INTERVAL` seconds, and a share
  of the whole load, so that a long load does not consist of pauses;
* after the load, before serving; but not where a load that goes on after a change has come quickly from its
  last place to its end.

Must never pause a process whose copy would not be whole (`purity`); says why not, once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from pilotlight.messages import INSIDE
from pilotlight.reload.naming import absolute
from pilotlight.reload.parts import HeadChangedError
from pilotlight.reload.purity import Purity

INTERVAL = 0.2
"""Seconds of load between two places."""
INTERVAL_AGAIN = 0.5
"""The same in a load that goes on after a change: what will be edited next is known better by then."""
SHARE = 0.5
"""Of the load so far, at least, between two places."""
NEWEST = 3
"""How many modules are taken for those that are worked on, because they are the newest met so far."""
QUICK = 0.05
"""So many seconds a crash may cost: a fork after the load is paid for by each reload."""
_NEWER = 1.0
"""Seconds by which they must be: a checkout writes all files in about the same moment."""


class Pause(Protocol):
    """Who can pause this process."""

    def __call__(self, place: str, seconds: float) -> None:
        """Returns in a copy that goes on.

        Args:
            place: for the user.
            seconds: of the load until here.

        Raises:
            OSError: no process can be forked; this one goes on unchanged.
        """
        ...


@dataclass(slots=True)
class Checkpointer:
    """The decisions of one load, in whatever copies of the process it goes on.

    Args:
        pause: see `Pause`.
        say: shows one line to the user.
        hot: absolute paths of modules that were edited in this run.
        purity: of this process.
        clock: in seconds.
    """

    pause: Pause
    say: Callable[[str], None]
    hot: frozenset[str]
    purity: Purity
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _last: float = field(init=False)
    _interval: float = INTERVAL
    _newest: float = float("-inf")
    _newest_met: int = 0
    _paused: bool = False
    _over: bool = False
    _again: bool = False
    """The load has gone on after a change."""
    _executed_in_vain: str | None = None
    """Path of a module that does not compile, whose leading imports were executed."""

    def __post_init__(self) -> None:
        self._began = self._last = self.clock()

    def before_module(self, path: str) -> bool:
        """A user module is about to be read.

        Returns:
            whether it should also be paused inside.
        """
        if self._over:
            return False
        path = absolute(path) or path
        warm = path in self.hot or self._is_newest(path)
        since = self.clock() - self._last
        if warm or not self._paused or since > max(self._interval, SHARE * (self._last - self._began)):
            self._pause(f"before {path}")
        return (warm or path in self.hot) and not self._over  # it may have become hot while this was paused

    def inside_module(self, path: str) -> None:
        """The leading imports of a user module have been executed."""
        if not self._over:
            self._pause(f"{INSIDE}{absolute(path)}, after its imports")

    def does_not_compile(self, path: str) -> None:
        """See `parts.Boundaries`."""
        self._executed_in_vain = path

    def after_load(self) -> None:
        """The app is loaded; nothing serves yet.

        Raises:
            HeadChangedError: more was executed than a fresh start would have.
        """
        if self._executed_in_vain is not None:
            raise HeadChangedError(self._executed_in_vain)
        is_near = self._again and self._paused and self.clock() - self._last < QUICK
        if not self._over and not is_near:
            self._pause("after the load")
        self.end()

    def end(self) -> None:
        """There is no later place."""
        self._over = True

    def goes_on(self) -> None:
        """This process is a copy that goes on with the load. The time in which it has waited is none of the
        load's."""
        now = self.clock()
        self._began += now - self._last
        self._last = now

    def begins(self, hot: frozenset[str]) -> None:
        """It goes on with another load than the one that was paused.

        Args:
            hot: as it is by now.
        """
        self.hot = hot
        self._again = True
        self._interval = INTERVAL_AGAIN
        self.goes_on()

    def _is_newest(self, path: str) -> bool:
        try:
            modified = os.stat(path).st_mtime
        except OSError:
            return False
        newer = modified > self._newest + _NEWER and self._newest_met < NEWEST
        self._newest = max(self._newest, modified)
        self._newest_met += newer
        return newer

    def _pause(self, place: str) -> None:
        reason = self.purity.obstacle()
        if reason is not None:
            reason += ", so a reload begins before that."
        else:
            self._last = self.clock()
            try:
                self.pause(place, self._last - self._began)
            except OSError as error:
                reason = f"No process can be forked {place} ({error.strerror}), so reloads take longer."
            else:
                self._paused = True
                return
        self._over = True
        self.say(reason)
