"""Ended processes: our own children, and those that their parents have left behind. Must never wait.

A checkpoint reaps its copies and reports their ends. When the checkpoint itself has ended, the kernel gives
its copies to us, if we are a subreaper; otherwise they would go to init, and we would never hear of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from pilotlight.supervisor.child import Child

_PR_SET_CHILD_SUBREAPER = 36
"""From linux/prctl.h; see prctl(2)."""


def become_subreaper() -> None:
    """Makes descendants that lose their parent children of ours. Linux only.

    Raises:
        OSError: the kernel refuses.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def checkpoints_obstacle() -> str | None:
    """Why no checkpoints can be had on this system, as the end of a sentence; None if they can."""
    if sys.platform != "linux":
        return "they need Linux"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return "they need a kernel that knows pidfd_open (Linux 5.3)"
    return None


def reap(children: Iterable[Child]) -> list[tuple[Child, int]]:
    """Those that have ended, each with its exit status as `os.waitstatus_to_exitcode` gives it. Orphans that
    are none of these are reaped as well, and forgotten."""
    known = {child.pid: child for child in children if child.pid is not None and not child.reaped}
    ended = []
    for pid, child in known.items():
        if child.is_copy:
            continue
        try:
            gone, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # it ended while SIGCHLD was ignored, as whoever started us had it
            gone, status = pid, 0
        if gone:
            ended.append((child, os.waitstatus_to_exitcode(status)))
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid in known:
            ended.append((known[pid], os.waitstatus_to_exitcode(status)))
