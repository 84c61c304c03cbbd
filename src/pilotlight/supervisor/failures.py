"""What a failed load, an ended worker or a load without end mean: what is told, and what is served instead
of the app. Must never end a process itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pilotlight import messages
from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.supervisor.answering import Answering
from pilotlight.supervisor.autopsy import (
    ask_for_stacks,
    death_report,
    describe_end,
    error_report,
    read_crash_log,
)
from pilotlight.supervisor.changes import ChangeWatch
from pilotlight.supervisor.child import Child, State
from pilotlight.supervisor.events import Due
from pilotlight.supervisor.frequency import Frequency
from pilotlight.supervisor.loads import SLOW_SECONDS, Loads
from pilotlight.supervisor.processes import Processes

CRASHES_IN_A_ROW = 3
"""Without any request: nothing but the app itself can be the cause."""
CRASH_WINDOW_SECONDS = 10.0
_STACKS_SECONDS = 0.1
"""For a worker to write them."""


class Failures:
    """Tells of failures.

    Args:
        note: takes the reports that are made here.
        ends_server: the user wants a reload that fails to end the server.
        stop: ends the server with a status.
        later: posts an event after some seconds.
    """

    def __init__(
        self,
        loads: Loads,
        processes: Processes,
        watch: ChangeWatch,
        answering: Answering,
        console: Console,
        note: Callable[[dict[str, Any]], None],
        *,
        ends_server: bool,
        stop: Callable[[int], None],
        later: Callable[[float, Due], None],
    ) -> None:
        self._loads = loads
        self._processes = processes
        self._watch = watch
        self._answering = answering
        self._console = console
        self._note = note
        self._ends_server = ends_server
        self._stop = stop
        self._later = later
        self._crashes = Frequency(CRASHES_IN_A_ROW, CRASH_WINDOW_SECONDS)

    # A load that fails.

    def load_failed(self, child: Child, body: dict[str, Any]) -> None:
        """The worker has said why."""
        child.state = State.FAILED
        child.failure = body
        self._watch.await_return()
        self.tell_of_failed_load(child)

    def tell_of_failed_load(self, child: Child) -> None:
        """Not while a further change is about to be acted on: what failed is then the half of a save."""
        unsettled = self._watch.unsettled_for() if self._loads.served else 0.0
        if unsettled:
            self._later(unsettled, Due("failed", child))
            return
        body = child.failure
        show = self._console.error if body["sentence"] else self._console.block
        show(body["text"])
        if not self._loads.served or self._ends_server:
            self._stop(body["status"] if not self._loads.served else 1)
            return
        self._console.error("The app could not be loaded; the browser shows why. Waiting for the fix.")
        self._answering.appoint(child.number)
        child.send({"type": messages.SERVE_FAILURE})

    def bad_environment(self, text: str) -> None:
        """Nothing can be loaded until what `.env` files say, or where they are, has been mended."""
        self._console.error(text)
        if self._loads.served:
            self._loads.serve_report(error_report(UserError(text)))
        else:
            self._stop(1)

    # A worker that ends.

    def ended_before_it_began(self, status: int, stacks: str) -> None:
        """Nothing is wrong with the app, unless this happens again and again."""
        if self._crashes.exceeded_at(time.monotonic()):
            self._tell_of_end(status, stacks, loading=True)
        else:
            self._begin_again()

    def ended(self, child: Child, state: State, status: int, stacks: str) -> None:
        """The current worker has ended in this state, and nobody had wished that."""
        if state is State.STANDBY:
            self._begin_again()
        elif not child.heard and self._loads.served:
            self.ended_before_it_began(status, stacks)
        else:
            asked = self._answering.was_asked(child.number)
            self._tell_of_end(status, stacks, loading=state is State.LOADING, asked=asked)

    def report_ended(self, status: int) -> None:
        """A worker that served a report has ended."""
        self._console.error(describe_end(status, "showing what is wrong with the app"))

    def _begin_again(self) -> None:
        load = self._loads.under_way
        self._loads.begin(load.reason if load is not None else "the app")

    def _tell_of_end(self, status: int, stacks: str, *, loading: bool, asked: bool = False) -> None:
        """A worker that was asked may have ended by what it was asked for, and works for all else."""
        description = describe_end(status, "loading the app" if loading else "serving")
        self._console.error(description)
        if stacks:
            self._console.block(stacks)
        if loading and (not self._loads.served or self._ends_server):
            self._stop(1)
        elif loading or (not asked and self._crashes.exceeded_at(time.monotonic())):
            self._loads.under_way = None
            self._loads.serve_report(self._death(description, stacks))
        else:
            self._death(description, stacks)
            changes = self._watch.take()  # one that was about to be acted on is not lost
            self._loads.begin("after the crash", () if changes is None else changes.dependencies)

    # A load that does not end.

    def slow(self, child: Child, *, has_terminal: bool) -> None:
        """A load takes long."""
        if has_terminal:
            self._later(SLOW_SECONDS, Due("slow", child))
        elif self._is_loading(child) and ask_for_stacks(child):
            self._later(_STACKS_SECONDS, Due("stacks", child))

    def tell_of_slow_load(self, child: Child) -> None:
        """Where it is by now."""
        load = self._loads.under_way
        if not self._is_loading(child) or load is None:
            return
        stacks = read_crash_log(child)
        seconds = time.monotonic() - load.began
        description = f"The app has been loading for {seconds:.0f} s and has not finished."
        self._console.line(f"{description} It is here now:")
        self._console.block(stacks)
        if self._loads.served and not self._processes.notices():
            self._loads.serve_report(self._death(description, stacks, alive=True))

    def _death(self, description: str, stacks: str, *, alive: bool = False) -> dict[str, Any]:
        report = death_report(description, stacks, alive=alive)
        self._note(report)
        return report

    def _is_loading(self, child: Child) -> bool:
        return child is self._loads.current and child.state is State.LOADING
