"""All worker processes that there are: started, introduced, reaped. Must never decide what one of them is to
do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from pilotlight.supervisor.child import Child, CommandLine, State, spawn
from pilotlight.supervisor.events import Ended, Event
from pilotlight.supervisor.reaping import reap
from pilotlight.supervisor.wires import Wires


class Processes:
    """The processes, as `Child`ren, in the order in which they came.

    Args:
        command: how one is started.
        wires: to them.
        post: takes `Ended`, once for each.
        early: one that was started in advance.
    """

    def __init__(
        self, command: CommandLine, wires: Wires, post: Callable[[Event], None], early: Child | None
    ) -> None:
        self._command = command
        self._wires = wires
        self._post = post
        self._all: list[Child] = []
        self._standby: Child | None = None
        """Started in advance, without an order."""
        self._unknown_ends: dict[int, int] = {}
        """By pid: statuses of copies that have ended before they had introduced themselves."""
        if early is not None:
            self.adopt(early)
            self._standby = early

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._all))

    def __bool__(self) -> bool:
        return bool(self._all)

    def adopt(self, child: Child) -> None:
        """It is ours from now on."""
        self._all.append(child)
        self._wires.connect(child)

    def start(self) -> Child:
        """One that waits for its order: that which was started in advance, or a new one.

        Raises:
            OSError: no process could be started.
        """
        standby, self._standby = self._standby, None
        return standby or self._spawn()

    def start_in_advance(self) -> None:
        """Has one ready for the next `start`."""
        if self._standby is None:
            with suppress(OSError):  # it will be told when the process is needed
                self._standby = self._spawn()

    def put_back(self, child: Child) -> None:
        """One that has got no order is there for the next `start`."""
        self._standby = child

    def predecessors(self) -> list[Child]:
        """Those that may still run the app's code, although they are no longer wanted."""
        return [
            child
            for child in self._all
            if child.state is State.DRAINING and not child.finished and not child.is_notice
        ]

    def accepting(self) -> Child | None:
        """One that takes connections."""
        return next((child for child in self._all if child.accepts), None)

    def notices(self) -> list[Child]:
        """Those that serve, or will, a report in place of the app."""
        return [
            child for child in self._all if child.is_notice and child.state in (State.LOADING, State.SERVING)
        ]

    def introduced(self, child: Child, pid: int, handle: int) -> None:
        """A copy has said who it is."""
        child.introduced(pid, handle)
        status = self._unknown_ends.pop(pid, None)
        if status is not None and child.has_ended():  # else that was another one with this pid
            self.gone(child, status)

    def copy_ended(self, pid: int, status: int) -> None:
        """A checkpoint has reaped a copy."""
        child = next((one for one in self._all if one.pid == pid and not one.reaped), None)
        if child is None:
            self._unknown_ends[pid] = status
        else:
            self.gone(child, status)

    def reap(self) -> None:
        """Takes the ends of our own children, and of copies whose checkpoint has gone before them."""
        for child, status in reap(self._all):
            self.gone(child, status)

    def gone(self, child: Child, status: int) -> None:
        """A process has ended. What it had said before comes first."""
        if child.reaped:
            return
        child.reaped = True
        child.accepts = False
        self._wires.read_rest(child)
        self._post(Ended(child, status))

    def remove(self, child: Child) -> None:
        """It has ended, and nothing of it is needed any more. Closes it."""
        self._all.remove(child)
        if self._standby is child:
            self._standby = None
        self._wires.disconnect(child)
        child.close()

    def _spawn(self) -> Child:
        child = spawn(self._command)
        self.adopt(child)
        return child
