"""The processes of the load that counts, as `Child`ren: which is continued, which are ended, which modules
are hot. Must never decide that there is a reload."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence

from pilotlight import messages
from pilotlight.channel import LOST, Channel, close_received
from pilotlight.reload.dependencies import Dependency
from pilotlight.supervisor.child import Child, State, child_to_be
from pilotlight.supervisor.lineage import Lineage

MOST_CHECKPOINTS = 6
MOST_HOT = 2
"""Modules that were edited last, whose checkpoints are kept."""


class Line:
    """One line of processes, from the first checkpoint to the worker.

    Args:
        connect: called with each new child, before anything is expected of it.
    """

    def __init__(self, connect: Callable[[Child], None]) -> None:
        self._connect = connect
        self._lineage: Lineage[Child] = Lineage()
        self._hot: dict[str, None] = {}
        """Paths of modules that were edited in this run, the latest last."""
        self._origin: Child | None = None
        """The checkpoint from which the last load went on, or the next one probably will."""
        self._spare: Child | None = None
        """A copy of it that was made in advance, and waits."""

    @property
    def hot(self) -> list[str]:
        """Those that were edited last."""
        return list(self._hot)[-MOST_HOT:]

    def begin(self, child: Child) -> None:
        """A load from scratch."""
        self._lineage.begin(child)

    def read(self, child: Child, dependency: Dependency) -> None:
        """A process has read something."""
        self._lineage.read(child, dependency)

    def reads(self) -> list[Dependency]:
        """All that the line has read."""
        return self._lineage.reads()

    def edited(self, changed: Sequence[Dependency]) -> None:
        """These modules are hot from now on."""
        for dependency in changed:
            if dependency.path.endswith(".py") and dependency.kind in ("file", "head"):
                self._hot.pop(dependency.path, None)
                self._hot[dependency.path] = None

    def deepest_before(self, changed: Sequence[Dependency]) -> int | None:
        """See `Lineage.deepest_before`."""
        return self._lineage.deepest_before(changed)

    def place(self, position: int) -> str:
        """Where a checkpoint is paused."""
        return self._lineage.nodes[position].place or ""

    def cut_after(self, position: int | None) -> list[Child]:
        """See `Lineage.cut_after`."""
        return self._lineage.cut_after(position)

    def paused(self, child: Child, place: str, seconds: float, descriptors: Sequence[int]) -> Child | None:
        """A process has become a checkpoint.

        Args:
            descriptors: as they came with `PAUSED`.

        Returns:
            the copy that goes on; None if its descriptors were lost on the way.
        """
        child.state = State.PAUSED
        if LOST in descriptors:
            close_received(descriptors)
            return None
        channel, lifeline, crash_log = descriptors
        os.set_blocking(crash_log, False)
        copy = Child(None, Channel(socket.socket(fileno=channel)), lifeline, crash_log)
        copy.goes_on(child.number)
        self._connect(copy)
        self._lineage.paused(place, seconds, copy)
        return copy

    def surplus(self) -> Child | None:
        """A checkpoint that is not worth its memory; it is none any more."""
        child = self._lineage.surplus(MOST_CHECKPOINTS, self.hot)
        if child is not None:
            self._lineage.lost(child)
        return child

    def prepare(self) -> None:
        """Lets the checkpoint fork in advance from which the last load went on: the next one will most likely
        do so, too. Where none has (before an edit, or from scratch) it is the innermost."""
        origin = self._origin
        if origin is None or origin.state is not State.PAUSED:
            origin = self._lineage.innermost()
        if origin is not None and self._spare is None:
            self._origin = origin
            self._spare = self._fork(origin)

    def resume(self) -> Child | None:
        """A copy of the last checkpoint, which waits for `Child.go`. None if it cannot be had."""
        checkpoint = self._lineage.nodes[-1].process
        copy, spare = None, self._spare
        if spare is not None and self._origin is checkpoint:
            copy, self._spare = spare, None
        copy = copy or self._fork(checkpoint)
        if copy is not None:
            self._origin = checkpoint
            self._lineage.continued(copy)
        return copy

    def take_useless_spare(self) -> Child | None:
        """The copy that was made in advance, if the next load does not go on from its checkpoint."""
        spare = self._spare
        if spare is None or (self._lineage.nodes and self._lineage.nodes[-1].process is self._origin):
            return None
        self._spare = None
        return spare

    def _fork(self, checkpoint: Child) -> Child | None:
        try:
            copy, theirs = child_to_be()
        except OSError:  # a load from scratch will be told why, if that is no passing trouble
            return None
        sent = checkpoint.send({"type": messages.CONTINUE}, theirs)
        for descriptor in theirs:
            os.close(descriptor)
        if not sent:
            copy.close()
            return None
        self._connect(copy)
        return copy

    def ended(self, child: Child) -> None:
        """A checkpoint is gone; for the last process of the line, what it has read still counts."""
        if child is self._spare:
            self._spare = None
        self._lineage.lost(child)
