"""What the app forks is the app's own: it must hold nothing of ours, and behave as if it had been forked by a
plain Python.

A fork without a following exec keeps all descriptors. Without this a child that outlives the server would
keep its port, and one that reads or writes our channel would speak in our name. Must never touch a descriptor
that is not one of ours any more: they are told by their inode, since their numbers may be others' by now.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

_OPEN_DESCRIPTORS = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"


def disown_in_forks(descriptors: Iterable[int], reset: Callable[[], None]) -> None:
    """Every process that is forked from this one, or from those, lets go of what the descriptors stand for.

    Args:
        descriptors: sockets of ours; duplicates of them that are open at the fork count as well.
        reset: called in the child.
    """
    ours = frozenset(_identity(descriptor) for descriptor in descriptors)

    def in_child() -> None:
        reset()
        _replace(ours)

    os.register_at_fork(after_in_child=in_child)


def _replace(ours: frozenset[tuple[int, int] | None]) -> None:
    """Not closed but replaced by nothing: their objects would close others' descriptors later."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for name in os.listdir(_OPEN_DESCRIPTORS):
        descriptor = int(name)
        identity = _identity(descriptor)
        if identity is not None and identity in ours:
            os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
