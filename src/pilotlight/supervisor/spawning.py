"""Starts a worker process. The first thing that the command does, so it imports almost nothing: what
`socket`, `signal` and `pathlib` take to be imported is time in which the worker could already run.

Must never import another module of ours.
"""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, socketpair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ENTRY = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "worker", "__main__.py")
_SIGINT = 2
"""Blocked until the worker has a handler: a Ctrl-C while the interpreter starts must not print a
traceback."""


class Spawned:
    """A worker process that has got no order yet.

    Args:
        pid: of our child.
        channel: the descriptor of our end.
        lifeline, crash_log: our ends; see `supervisor.child.Child`.
        travelling: the worker's ends of these, which go with its start message.
    """

    __slots__ = ("channel", "crash_log", "lifeline", "pid", "travelling")

    def __init__(
        self, pid: int, channel: int, lifeline: int, crash_log: int, travelling: tuple[int, int]
    ) -> None:
        self.pid = pid
        self.channel = channel
        self.lifeline = lifeline
        self.crash_log = crash_log
        self.travelling = travelling


def spawn_worker(interpreter_flags: Sequence[str], label: Sequence[str]) -> Spawned:
    """Starts a worker process that waits for its start message.

    Args:
        interpreter_flags, label: see `supervisor.child.CommandLine`.

    Raises:
        OSError: the process could not be started.
    """
    _occupy_standard_descriptors()
    opened: list[int] = []
    try:
        ours, theirs = (sock.detach() for sock in socketpair(AF_UNIX, SOCK_STREAM))
        opened += (ours, theirs)
        os.set_inheritable(ours, False)
        os.set_inheritable(theirs, True)
        lifeline_read, lifeline_write = os.pipe()
        opened += (lifeline_read, lifeline_write)
        crash_read, crash_write = os.pipe()
        opened += (crash_read, crash_write)
        os.set_blocking(crash_read, False)
        words = [sys.executable, *interpreter_flags, _ENTRY, str(theirs), *label]
        pid = os.posix_spawn(sys.executable, words, os.environ, setsigmask=[_SIGINT])
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    os.close(theirs)
    return Spawned(pid, ours, lifeline_write, crash_read, (lifeline_read, crash_write))


def _occupy_standard_descriptors() -> None:
    """A command that was started with closed standard streams must not get its sockets in their places, where
    anybody would write to them."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # noqa: PERF203 - three times
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number
