"""The load that is under way, and the one that waits: from where it begins, with which process, by which
order. Must never decide that there is one, or what a failure means.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pilotlight.console import Console
from pilotlight.errors import UserError
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.links import logical_directory
from pilotlight.settings import Settings
from pilotlight.supervisor.answering import Answering
from pilotlight.supervisor.binder import Bound
from pilotlight.supervisor.changes import ChangeWatch
from pilotlight.supervisor.child import Child, State
from pilotlight.supervisor.descriptors import advice
from pilotlight.supervisor.ending import Ending
from pilotlight.supervisor.events import Due
from pilotlight.supervisor.explanation import Explanation
from pilotlight.supervisor.line import Line
from pilotlight.supervisor.processes import Processes
from pilotlight.supervisor.reaping import become_subreaper, checkpoints_obstacle

PREDECESSOR_SECONDS = 0.25
"""How long a load waits for the worker before it to be gone, so that both do not hold the app's own
resources."""
RETRY_SECONDS = 1.0
"""Until a process that could not be started is tried again."""
SLOW_SECONDS = 5.0


@dataclass(slots=True)
class Load:
    """A load, for the line that tells of it.

    Args:
        reason: which file changed, or who asked.
        number: as the word says it that tells who may answer.
    """

    reason: str
    number: int
    explanation: Explanation

    @property
    def began(self) -> float:
        """In seconds of the monotonic clock."""
        return self.explanation.began


@dataclass(frozen=True, slots=True)
class Orders:
    """What every order to a worker says alike.

    Args:
        target: what a worker loads; see `worker.order.StartOrder`.
        environment: called before each load from scratch: what `.env` files say now.
        debug_url, debug_note: see `worker.order.StartOrder`.
    """

    settings: Settings
    target: dict[str, Any]
    bound: Bound
    environment: Callable[[], dict[str, str | None]]
    debug_url: str
    debug_note: str


class Loads:
    """One load at a time.

    Args:
        on_bad_environment: told that nothing can be loaded because of what `.env` files say.
        later: posts an event after some seconds.

    Attributes:
        current: the process that loads or serves the app, or has failed to.
        under_way: None between loads.
        served: an app has been served.
        last_seconds: what the last load took, until it was ready.
        directory: the current directory of every load, as the user has gone to it.
    """

    def __init__(
        self,
        orders: Orders,
        processes: Processes,
        ending: Ending,
        watch: ChangeWatch,
        answering: Answering,
        console: Console,
        later: Callable[[float, Due], None],
        on_bad_environment: Callable[[str], None],
    ) -> None:
        self._orders = orders
        self._processes = processes
        self._ending = ending
        self._watch = watch
        self._answering = answering
        self._console = console
        self._later = later
        self._on_bad_environment = on_bad_environment
        self._line = Line(processes.adopt)
        self._checkpoints = self._may_checkpoint()
        self._waiting: Child | None = None
        """Made for the next load, which waits for the predecessor's end."""
        self._number = 0
        """Of the last load, or of the last report in place of one."""
        self.last_seconds = 0.0
        self._ended = False
        """There are no more loads."""
        self._refused = False
        """The system did not let us start a process, and will be asked again."""
        self.current: Child | None = None
        self.under_way: Load | None = None
        self.served = False
        self.directory = logical_directory()

    def _may_checkpoint(self) -> bool:
        engine = self._orders.settings.reload_engine
        obstacle = checkpoints_obstacle()
        if engine == "restart" or obstacle is not None:
            if engine == "checkpoint":
                self._console.warning(
                    f"There are no checkpoints here: {obstacle}. Reloads begin from scratch."
                )
            return False
        become_subreaper()
        return True

    # Begin.

    def begin(self, reason: str, changed: Sequence[Dependency] | None = None) -> None:
        """Ends what is there, and goes on from the last checkpoint at which nothing of what changed had been
        read, or from scratch.

        Args:
            changed: what the last load had read and is different now; None for a load from scratch anyway.
        """
        if self._ended:
            return
        here = self._return_to_directory()
        position = self._position(changed) if here else None
        self._discard_waiting()
        fresh = self._try_to_start() if position is None else None
        if position is None and fresh is None:
            return
        self._number += 1
        place = None if position is None else self._line.place(position)
        explanation = Explanation(
            time.monotonic(), None if changed is None else tuple(changed), place, self._checkpoints
        )
        self.under_way = Load(reason, self._number, explanation)
        self._answering.appoint_nobody()
        self._ending.retire_all()
        self.current = None
        for child in self._line.cut_after(position):
            if child.state is State.PAUSED:
                self._ending.drop(child)
        self._watch.begin_load(None if position is None else self._line.reads())
        spare = self._line.take_useless_spare()
        if spare is not None:
            self._ending.drop(spare)
        self._waiting = fresh or self._line.resume()
        if self._waiting is None:  # the checkpoint is gone
            self.begin(reason)
            return
        if not here:
            self._watch.add(Dependency("missing", self.directory))
        if self._processes.predecessors():
            self._later(PREDECESSOR_SECONDS, Due("predecessor", self._waiting))
        else:
            self.start_waiting()

    def _position(self, changed: Sequence[Dependency] | None) -> int | None:
        """The checkpoint to go on from; None for a load from scratch."""
        if changed is None or not self._checkpoints:
            return None
        self._line.edited(changed)
        return self._line.deepest_before(changed)

    def _discard_waiting(self) -> None:
        """Another load takes the place of the one that has not begun."""
        child, self._waiting = self._waiting, None
        if child is None:
            return
        if child.is_copy:
            self._ending.drop(child)
        else:
            self._processes.put_back(child)

    def _return_to_directory(self) -> bool:
        """A checkout may remove the directory that we were started in and make it anew.

        Returns:
            False while it is gone.
        """
        try:
            os.chdir(self.directory)
        except OSError:
            return False
        return True

    def _try_to_start(self) -> Child | None:
        """None after the system's refusal has been told: then there will be another try, with what serves
        still in place, or the end if nothing ever was."""
        try:
            child = self._processes.start()
        except OSError as error:
            if not self._refused:
                self._refused = True
                refusal = f"No process can be started for the app ({error.strerror})."
                again = " Trying again every second." if self.served else ""
                self._console.error(f"{refusal}{advice(error)}{again}")
                self._later(RETRY_SECONDS if self.served else 0.0, Due("retry"))
            return None
        self._refused = False
        return child

    def retry(self) -> None:
        """A second after the system's refusal."""
        if self._refused:
            self.begin("the app")
        if self._refused and not self._ended:
            self._later(RETRY_SECONDS, Due("retry"))

    # Go on.

    def is_waiting(self, child: Child) -> bool:
        """Whether it was made for the next load, and has not begun."""
        return child is self._waiting

    def lost_waiting(self) -> None:
        """It has ended before it had begun."""
        self._waiting = None

    def predecessor_gone(self) -> None:
        """If it was the last one, the load begins that has waited for that."""
        if not self._processes.predecessors():
            self.start_waiting()

    def start_waiting(self) -> None:
        """The load that waits begins, if there is one."""
        child = self._waiting
        if child is None or self._ended or not (child.is_copy or self._order_load(child)):
            return
        self.reached("end of the one before")
        self._waiting = None
        if child.is_copy and self.under_way is not None:
            child.go(self.under_way.number, self._line.hot)
        self._becomes_current(child)

    def _order_load(self, child: Child) -> bool:
        """Orders a load from scratch; False if the environment does not allow one."""
        assert self.under_way is not None
        try:
            environment = self._orders.environment()
        except (UserError, OSError) as error:
            text = error.message if isinstance(error, UserError) else f"{self.directory}: {error.strerror}."
            self.under_way = self._waiting = None
            self._processes.put_back(child)
            self._on_bad_environment(text)
            return False
        self._order(child, self.under_way.number, self._orders.target, environment)
        self._line.begin(child)
        real = os.getcwd()
        if real != self.directory:
            self.read(child, Dependency("link", self.directory, real))
        return True

    def _becomes_current(self, child: Child) -> None:
        self.current = child
        if self.under_way is not None:
            due = self.under_way.began + max(SLOW_SECONDS, 3 * self.last_seconds)
            self._later(max(0.0, due - time.monotonic()), Due("slow", child))

    def introduced(self, child: Child) -> None:
        """A copy has said who it is."""
        if child is self.current or child is self._waiting:
            self.reached("fork")

    def read(self, child: Child, dependency: Dependency) -> None:
        """The load has read something."""
        self._line.read(child, dependency)
        if self.under_way is not None:
            self.under_way.explanation.read(dependency)
        self._watch.add(dependency)

    def paused(self, child: Child, place: str, seconds: float, descriptors: Sequence[int]) -> Child | None:
        """The process that loads has become a checkpoint; gives the copy that goes on, if it came through."""
        self.reached("load")
        copy = self._line.paused(child, place, seconds, descriptors)
        if copy is None:
            self.begin(self.under_way.reason if self.under_way is not None else "the app")
            return None
        self._becomes_current(copy)
        surplus = self._line.surplus()
        if surplus is not None:
            self._ending.drop(surplus)
        return copy

    def lost_checkpoint(self, child: Child) -> None:
        """A checkpoint has ended."""
        self._line.ended(child)

    def over(self) -> Load | None:
        """The current process is ready. Gives the load that has led to that."""
        load, self.under_way = self.under_way, None
        if load is not None:
            self.last_seconds = time.monotonic() - load.began
        return load

    def end(self) -> None:
        """The server ends: no load begins any more."""
        self._ended = True

    def prepare_next(self) -> None:
        """Has a process ready for the next load, in a moment when nobody waits."""
        current = self.current
        busy = self._ended or self._waiting is not None
        if not busy and current is not None and current.state in (State.SERVING, State.FAILED):
            if self._checkpoints:
                self._line.prepare()
            else:
                self._processes.start_in_advance()

    # Reports in place of the app.

    def serve_report(self, report: dict[str, Any]) -> None:
        """Starts a worker that answers with a report of ours, while no worker with the app can."""
        self._ending.retire_notices()
        child = self._try_to_start()
        if child is not None:
            child.is_notice = True
            self._number += 1
            self._order(child, self._number, {"kind": "report", "report": report}, {})
            self._answering.appoint(self._number)

    def _order(
        self, child: Child, number: int, target: dict[str, Any], environment: dict[str, str | None]
    ) -> None:
        noticing = self._watch.descriptor
        shared = [self._answering.descriptor] if noticing is None else [self._answering.descriptor, noticing]
        child.start(
            self._orders.settings.to_json(),
            target,
            environment,
            self.directory,
            [*shared, *(sock.fileno() for sock in self._orders.bound.sockets)],
            first=not self.served,
            number=number,
            noticed=noticing is not None,
            checkpoints=self._checkpoints and not child.is_notice,
            hot=self._line.hot,
            debug_url=self._orders.debug_url,
            debug_note=self._orders.debug_note,
        )

    # What `--explain-reload` tells.

    def reached(self, what: str) -> None:
        """A part of the load is over."""
        if self.under_way is not None and self._orders.settings.explain_reload:
            self.under_way.explanation.reached(what, time.monotonic())

    def explain(self, load: Load) -> None:
        """Tells of a load that is over, if the user wants to know."""
        if self._orders.settings.explain_reload:
            load.explanation.reached("start of serving", time.monotonic())
            for line in load.explanation.lines(os.path.realpath(self.directory)):
                self._console.line(f"  {line}")
