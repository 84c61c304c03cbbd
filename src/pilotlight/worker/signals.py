"""Signals and ends of a worker: who may end it, and how it dies with its supervisor.

Must never start a thread: a worker may be forked while it loads.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

BLOCKED_AT_SPAWN = frozenset({signal.SIGINT})
"""A Ctrl-C while the interpreter starts must not print a traceback; unblocked when there is a handler."""


class LoadAbandoned(BaseException):
    """The supervisor ended the load; not an `Exception`, so that the app's own handlers let it pass."""


def _ignore(signum: int, frame: FrameType | None) -> None:
    """Ctrl-C reaches the whole process group; the supervisor decides what it means."""


def _abandon(signum: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, _end_already)
    raise LoadAbandoned


def _end_already(signum: int, frame: FrameType | None) -> None:
    """Raising would cut short what the app registered with `atexit`, and Python would tell of it."""


def prepare_for_loading() -> None:
    """SIGINT does nothing (by a handler, which unlike SIG_IGN is not inherited by programs that the app
    starts); SIGTERM unwinds the load so that what it registered with `atexit` runs."""
    signal.signal(signal.SIGINT, _ignore)
    signal.signal(signal.SIGTERM, _abandon)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_AT_SPAWN)


def prepare_for_serving(stop: Callable[[], object]) -> None:
    """From here on SIGTERM calls `stop` (in the main thread, between any two bytecodes), unless the app has a
    handler of its own.

    Not the loop's own way with signals: that would make a SIGTERM to a process that the app forks one to this
    process, since both share what wakes the loop.
    """
    # The app may have caught what `_abandon` raised.
    if signal.getsignal(signal.SIGTERM) in (_abandon, _end_already):
        signal.signal(signal.SIGTERM, _Stop(stop))


def prepare_for_the_end() -> None:
    """The load or the loop is over: our handler has nobody to tell any more."""
    handler = signal.getsignal(signal.SIGTERM)
    if handler is _abandon:
        signal.signal(signal.SIGTERM, _end_already)
    elif isinstance(handler, _Stop):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def reset_in_fork() -> None:
    """A process that the app forks ends by signals as any other."""
    if signal.getsignal(signal.SIGINT) is _ignore:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    handler = signal.getsignal(signal.SIGTERM)
    if handler in (_abandon, _end_already) or isinstance(handler, _Stop):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Stop:
    """A signal handler that calls `stop`."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self._stop()


def die_with(lifeline: int) -> None:
    """Makes the kernel end this process when the write end of `lifeline` (a pipe's read end) is closed, even
    while the app loops in C code: the supervisor holds that end and closes it only by dying.

    Linux only (`F_SETSIG`, fcntl(2)); elsewhere the end of the channel is noticed when the loop next runs.
    """
    if sys.platform != "linux":
        return
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, 10, signal.SIGKILL)  # F_SETSIG, which the fcntl module does not name
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_NONBLOCK | os.O_ASYNC)
    try:
        os.read(lifeline, 1)
    except BlockingIOError:
        return
    os.kill(os.getpid(), signal.SIGKILL)  # the supervisor died before the signal was armed
