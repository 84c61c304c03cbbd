"""The line of processes of one load, from the first checkpoint to the worker, and what each has read. Pure.

Each process reads some files and then pauses (it is a checkpoint from then on, and a copy goes on) or serves.
A checkpoint may be continued after a change if neither it nor any process before it has read what changed.
Must never do I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar

from pilotlight.messages import INSIDE
from pilotlight.reload.dependencies import Dependency

Process = TypeVar("Process")
_Key = tuple[str, str]


@dataclass(slots=True)
class Node(Generic[Process]):
    """One process of the line.

    Args:
        process: whatever its owner has of it.
        reads: by kind and path.
        place: where it is paused; None while it loads or serves.
        seconds: of the load, until that place.
    """

    process: Process
    reads: dict[_Key, Dependency] = field(default_factory=dict)
    place: str | None = None
    seconds: float = 0.0


class Lineage(Generic[Process]):
    """The line. Its last node loads, serves or has ended; all before it are paused."""

    def __init__(self) -> None:
        self.nodes: list[Node[Process]] = []

    def begin(self, process: Process) -> None:
        """A load from scratch."""
        self.nodes = [Node(process)]

    def read(self, process: Process, dependency: Dependency) -> None:
        """A process of the line has read something."""
        for node in self.nodes:
            if node.process is process:
                node.reads[dependency.kind, dependency.path] = dependency

    def paused(self, place: str, seconds: float, copy: Process) -> None:
        """The last process has become a checkpoint, and `copy` goes on."""
        last = self.nodes[-1]
        last.place, last.seconds = place, seconds
        self.nodes.append(Node(copy))

    def deepest_before(self, changed: Iterable[Dependency]) -> int | None:
        """The position of the last checkpoint that had read nothing of what changed.

        Returns:
            None if there is none, or if something changed that no process of the line has read: then only a
            load from scratch is sure to be right.
        """
        wanted = {(one.kind, one.path) for one in changed}
        limit = len(self.nodes)
        for position, node in enumerate(self.nodes):
            touched = wanted & node.reads.keys()
            if touched:
                limit = min(limit, position)
                wanted -= touched
        if wanted:
            return None
        while limit > 0 and self.nodes[limit - 1].place is None:
            limit -= 1
        return limit - 1 if limit else None

    def innermost(self) -> Process | None:
        """The last process that is paused inside a module: such a module is hot, or the newest."""
        inside = (node.process for node in reversed(self.nodes) if (node.place or "").startswith(INSIDE))
        return next(inside, None)

    def cut_after(self, position: int | None) -> list[Process]:
        """Drops all processes behind a checkpoint (None: all), the last first; gives them back."""
        begin = 0 if position is None else position + 1
        dropped = [node.process for node in reversed(self.nodes[begin:])]
        del self.nodes[begin:]
        return dropped

    def continued(self, copy: Process) -> None:
        """The last node, a checkpoint, goes on in `copy`."""
        self.nodes.append(Node(copy))

    def lost(self, process: Process) -> None:
        """A checkpoint has ended, or is not worth its memory: what it had read, the next one had as well."""
        for position, node in enumerate(self.nodes[:-1]):
            if node.process is process:
                following = self.nodes[position + 1]
                following.reads = {**node.reads, **following.reads}
                del self.nodes[position]
                return

    def surplus(self, most: int, hot: Collection[str]) -> Process | None:
        """The checkpoint that saves the least, if there are more than `most`.

        Kept are the first one, the last one, and those at a module that is hot; among the others that one
        goes which lies closest behind the one before it.

        Args:
            most: checkpoints.
            hot: paths.
        """
        paused = [node for node in self.nodes if node.place is not None]
        if len(paused) <= most:
            return None
        gaps = [
            (node.seconds - before.seconds, index)
            for index, (before, node) in enumerate(pairwise(paused[:-1]), start=1)
            if not any(path in (node.place or "") for path in hot)
        ]
        return paused[min(gaps)[1]].process if gaps else None

    def reads(self) -> list[Dependency]:
        """All that the line has read."""
        return [dependency for node in self.nodes for dependency in node.reads.values()]
