"""How processes are ended: workers politely, with a deadline and then without further ado; checkpoints, which
have nothing to finish, by and by. Must never decide who.
"""

from __future__ import annotations

from collections.abc import Callable

from pilotlight import messages
from pilotlight.supervisor.child import Child, State
from pilotlight.supervisor.events import Due
from pilotlight.supervisor.processes import Processes

GRACE_SECONDS = 5.0
"""Requests in flight at a reload may take this long; breakpoints do not count."""
STOP_GRACE_SECONDS = 2.0
STOP_KILL_SECONDS = 4.5
DRAIN_KILL_SECONDS = GRACE_SECONDS + 3.0
LATEST_SECONDS = 1.0
"""Until a checkpoint that was dropped is ended although no load has come to its end."""


class Ending:
    """Ends processes.

    Args:
        processes: all that there are.
        later: posts an event after some seconds; `drained` and `stopped` ask for `Child.kill`.
    """

    def __init__(self, processes: Processes, later: Callable[[float, Due], None]) -> None:
        self._processes = processes
        self._later = later

    def drain(self, child: Child) -> None:
        """A successor comes."""
        child.drain(GRACE_SECONDS)
        self._later(DRAIN_KILL_SECONDS, Due("drained", child))

    def drop(self, child: Child) -> None:
        """A checkpoint, or a copy that has not gone on, is not wanted any more."""
        child.state = State.DRAINING
        child.finished = child.was_paused = True
        self._later(LATEST_SECONDS, Due("drained", child))

    def end_finished(self) -> None:
        """A load is over, and the processor free for the end of what it has made superfluous: that of a large
        process takes as long as a reload."""
        for child in self._processes:
            if child.state is State.DRAINING and child.finished:
                if child.was_paused:
                    child.kill()
                else:
                    child.send({"type": messages.SUCCEEDED})

    def retire_all(self) -> None:
        """Another load begins: who loads is killed at once, who serves is drained."""
        for child in self._processes:
            if child.state is State.LOADING:
                child.kill()
                child.state = State.DRAINING
            elif child.state in (State.SERVING, State.FAILED):
                self.drain(child)

    def retire_notices(self) -> None:
        """The app, or another report, takes the place of the reports that are served."""
        for child in self._processes.notices():
            self.drain(child)

    def stop(self, child: Child) -> None:
        """The server ends."""
        if child.state in (State.DRAINING, State.PAUSED):
            child.kill()
        else:
            child.stop(STOP_GRACE_SECONDS)
        self._later(STOP_KILL_SECONDS, Due("stopped", child))

    def stop_all(self) -> None:
        """The server ends, politely."""
        for child in self._processes:
            self.stop(child)

    def kill_all(self) -> None:
        """The server ends at once."""
        for child in self._processes:
            child.kill()
