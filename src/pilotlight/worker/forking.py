"""What the app forks is the app's own: it must hold nothing of ours, and behave as if it had been forked by a
plain Python.

A fork without a following exec keeps all descriptors. Without this a child that outlives the server would
keep its port, and one that reads or writes our channel would speak in our name. Must never touch a descriptor
that is not one of ours any more: they are told by their inode, since their numbers may be others' by now.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable

from pilotlight.reload.openfiles import identity

_OPEN_DESCRIPTORS = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"


class Forks:
    """The forks of this process: the app's lose what is ours, and those made by `fork` here keep it.

    Args:
        reset: called in the child of a fork of the app's.
    """

    def __init__(self, reset: Callable[[], None]) -> None:
        self._reset = reset
        self._ours: frozenset[tuple[int, int] | None] = frozenset()
        self._forking = False
        os.register_at_fork(after_in_child=self._in_child)

    def own(self, descriptors: Iterable[int]) -> None:
        """Which descriptors are ours from now on; duplicates of them that are open at a fork count as
        well."""
        self._ours = frozenset(identity(descriptor) for descriptor in descriptors)

    def fork(self) -> int:
        """As `os.fork`, for a copy of this process that goes on in its place.

        A signal that would end the load comes before or after it: what a handler raises in one of the hooks
        around a fork is lost.

        Raises:
            OSError: the system refuses.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
        self._forking = True
        try:
            return os.fork()
        finally:
            self._forking = False
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _in_child(self) -> None:
        if not self._forking:
            self._reset()
            _replace(self._ours)


def _replace(ours: frozenset[tuple[int, int] | None]) -> None:
    """Not closed but replaced by nothing: their objects would close others' descriptors later."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for name in os.listdir(_OPEN_DESCRIPTORS):
        descriptor = int(name)
        found = identity(descriptor)
        if found is not None and found in ours:
            os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
