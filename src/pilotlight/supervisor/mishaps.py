"""What becomes of an exception in the supervisor's own loop: a bug of ours, or a lack of descriptors.

It must not cost the developer the server, nor go on for ever. Must never hide what has happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pilotlight.console import Console
from pilotlight.supervisor.autopsy import describe_error
from pilotlight.supervisor.descriptors import advice, is_exhaustion
from pilotlight.supervisor.events import Due
from pilotlight.supervisor.failures import CRASH_WINDOW_SECONDS, CRASHES_IN_A_ROW
from pilotlight.supervisor.frequency import Frequency
from pilotlight.supervisor.loads import RETRY_SECONDS, Loads


class Mishaps:
    """Those of one server.

    Args:
        later: posts an event after some seconds.
        stop: ends the server politely, with this status.
        kill_all: ends it at once.
    """

    def __init__(
        self,
        loads: Loads,
        console: Console,
        later: Callable[[float, Due], None],
        stop: Callable[[int], None],
        kill_all: Callable[[int], None],
    ) -> None:
        self._loads = loads
        self._console = console
        self._later = later
        self._stop = stop
        self._kill_all = kill_all
        self._bugs = Frequency(CRASHES_IN_A_ROW, CRASH_WINDOW_SECONDS)
        self._exhausted = False
        """No file may be opened, and that was told."""

    def happened(self, error: Exception) -> None:
        """An event could not be dealt with; the state begins anew."""
        if isinstance(error, OSError) and is_exhaustion(error):
            self._on_exhaustion(error)
        else:
            self._on_bug(error)

    def recovered(self) -> None:
        """A worker is ready."""
        self._exhausted = False

    def _on_bug(self, error: Exception) -> None:
        self._console.error(
            f"Pilotlight has a bug: {describe_error(error)}. Please report it. The app is loaded anew."
        )
        if self._bugs.exceeded_at(time.monotonic()):
            self._kill_all(1)
        else:
            self._later(RETRY_SECONDS, Due("anew"))

    def _on_exhaustion(self, error: OSError) -> None:
        """What was begun is not whole. Until files may be opened again, that is tried every second."""
        if not self._exhausted:
            then = " The app is loaded anew as soon as that is possible." if self._loads.served else ""
            self._console.error(f"The server cannot go on ({error.strerror}).{advice(error)}{then}")
        self._exhausted = True
        if self._loads.served:
            self._later(RETRY_SECONDS, Due("anew"))
        else:
            self._stop(1)
