"""A loading process becomes a checkpoint: it forks, the copy goes on with the load, and this process waits to
be told to do it again.

Only code that knows it may run in a fork is here: no thread, no lock held, no buffered output, every
descriptor accounted for. Must never let a checkpoint run any code of the app's.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, Protocol

from pilotlight import messages
from pilotlight.channel import Channel
from pilotlight.reload.openfiles import Positions, flush_writers
from pilotlight.reload.purity import Purity
from pilotlight.reload.randomness import Randomness
from pilotlight.worker.ending import flush_standard_streams
from pilotlight.worker.forking import Forks
from pilotlight.worker.prefault import Prefault
from pilotlight.worker.signals import die_with

_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class Listener(Protocol):
    """Who is told, in a copy, that it is one."""

    def moved(self, lifeline: int, crash_log: int) -> None:
        """This process is a copy of the one that was paused.

        Args:
            lifeline, crash_log: its own; see `StartOrder`.
        """
        ...

    def waits(self) -> None:
        """It was made in advance, and may use the time until the channel has something to read."""
        ...

    def begins(self, number: int, hot: frozenset[str]) -> None:
        """It goes on with another load than the one that was paused.

        Args:
            number: of that load.
            hot: modules that have been edited in this run.
        """
        ...


class Pauser:
    """Forks at the places that it is told.

    Args:
        channel: of this process; in a copy it is connected anew, so that whoever has it can keep it.
        forks: of this process.
        lifeline, crash_log: of this process; see `StartOrder`.
        listener: told in each copy.
        purity: of this process; it has been judged just before a pause.
        prefault: of this process.
    """

    def __init__(
        self,
        channel: Channel,
        forks: Forks,
        lifeline: int,
        crash_log: int,
        listener: Listener,
        purity: Purity,
        prefault: Prefault,
    ) -> None:
        self._channel = channel
        self._forks = forks
        self._lifeline = lifeline
        self._crash_log = crash_log
        self._listener = listener
        self._purity = purity
        self._prefault = prefault
        self._reaping = False
        self._ends_to_reap = False
        self._positions = Positions(())
        self._randomness = Randomness.of_this_process()

    def __call__(self, place: str, seconds: float) -> None:
        """Returns in a copy, now and whenever the supervisor continues this checkpoint; never in this
        process.

        Args:
            place: for the user.
            seconds: of the load until here.

        Raises:
            OSError: no process can be forked; this one goes on unchanged.
        """
        os.fstat(self._channel.fileno())  # the app may have closed what is not its own
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        lifeline, their_lifeline = os.pipe()
        their_crash_log, crash_log = os.pipe()
        flush_standard_streams()
        self._prefault.learn()
        self._prefault.descends()
        self._randomness.keep()
        flush_writers(self._purity.files_of_app("appended"))
        self._positions = Positions(self._purity.files_of_app("read"))
        gc.freeze()
        timers = [(which, *signal.getitimer(which)) for which in _TIMERS]
        try:
            pid = self._forks.fork()
        except OSError:
            ours.close()
            theirs.close()
            for end in (lifeline, their_lifeline, their_crash_log, crash_log):
                os.close(end)
            raise
        if pid == 0:
            self._arm(timers)
            theirs.close()
            os.close(their_lifeline)
            os.close(their_crash_log)
            self._move(ours, lifeline, crash_log)
            return
        ours.close()
        os.close(lifeline)
        os.close(crash_log)
        paused = {"type": messages.PAUSED, "place": place, "seconds": seconds}
        self._tell(paused, [theirs.fileno(), their_lifeline, their_crash_log])
        theirs.close()
        os.close(their_lifeline)
        os.close(their_crash_log)
        self._wait()

    def _wait(self) -> None:
        """The life of a checkpoint. Returns in copies only."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGCHLD)}
        timers = [(which, *signal.setitimer(which, 0)) for which in _TIMERS]
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, self._reap)
        self._reap(signal.SIGCHLD, None)
        while (message := self._channel.receive()) is not None:
            if message.body["type"] != messages.CONTINUE:
                continue
            channel, lifeline, crash_log = message.descriptors
            try:
                pid = self._forks.fork()
            except OSError:
                pid = -1  # the end of the channel tells the supervisor, which then loads from scratch
            if pid == 0:
                self._move(socket.socket(fileno=channel), lifeline, crash_log)
                go = self._wait_for_go()
                for number, handler in handlers.items():
                    signal.signal(number, signal.SIG_DFL if handler is None else handler)
                self._arm(timers)
                self._prefault.begins()
                self._listener.begins(go["number"], frozenset(go["hot"]))
                return
            for descriptor in message.descriptors:
                os.close(descriptor)
        os._exit(0)

    def _wait_for_go(self) -> dict[str, Any]:
        self._listener.waits()
        message = self._channel.receive()
        if message is None or message.body["type"] != messages.GO:
            os._exit(0)
        return message.body

    @staticmethod
    def _arm(timers: list[tuple[int, float, float]]) -> None:
        """A fork has none of the timers of the process that it was forked from."""
        for which, seconds, interval in timers:
            if seconds:
                signal.setitimer(which, seconds, interval)

    def _reap(self, number: int, frame: FrameType | None) -> None:
        """Called within itself it leaves the work to the outer call: the channel's lock is not to be taken
        twice. (Blocking the signal would not do: a native thread may take it.)"""
        self._ends_to_reap = True
        while self._ends_to_reap and not self._reaping:
            self._reaping, self._ends_to_reap = True, False
            while (ended := _ended_child()) is not None:
                pid, status = ended
                self._tell({"type": messages.CHILD_ENDED, "pid": pid, "status": status})
            self._reaping = False

    def _tell(self, body: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """From a checkpoint to the supervisor; if that is gone, so is the checkpoint."""
        try:
            self._channel.send(body, descriptors)
        except OSError:
            os._exit(0)

    def _move(self, sock: socket.socket, lifeline: int, crash_log: int) -> None:
        """In the copy: its own channel, its own lifeline."""
        os.close(self._lifeline)
        os.close(self._crash_log)
        self._lifeline, self._crash_log = lifeline, crash_log
        die_with(lifeline)
        self._randomness.goes_on()
        main: Any = threading.main_thread()
        main._set_native_id()  # which Python leaves as it was in the parent
        self._positions.take_over()
        self._channel.connect_anew(sock)
        handle = os.pidfd_open(os.getpid())
        self._channel.send({"type": messages.HELLO, "pid": os.getpid()}, [handle])
        os.close(handle)
        self._listener.moved(lifeline, crash_log)


def _ended_child() -> tuple[int, int] | None:
    """Pid and status of a child that has ended, reaped."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return None if pid == 0 else (pid, os.waitstatus_to_exitcode(status))
