"""One worker process as its parent sees it: spawned, ordered, ended. Must never decide when, and never wait
for the worker.

The transitions of `State` are made by the supervisor alone, through the methods here.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pilotlight import messages
from pilotlight.channel import LOST, Channel
from pilotlight.supervisor.spawning import Spawned, spawn_worker

_CHUNK = 64 * 1024
_MOST_CRASH_TEXT = 512 * 1024
"""Bytes of stacks that are kept; what comes after is read and dropped."""


class State(Enum):
    """Where a worker is in its life."""

    STANDBY = auto()
    """Interpreter and server are imported; no order yet."""
    LOADING = auto()
    PAUSED = auto()
    """A checkpoint: it waits to be continued in a copy."""
    FAILED = auto()
    """The app could not be loaded; the worker answers with the reason, or is about to."""
    SERVING = auto()
    DRAINING = auto()
    """A successor has been called; requests in flight finish."""
    STOPPING = auto()
    """The server ends."""
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class CommandLine:
    """How a worker is started.

    Args:
        interpreter_flags: `-X dev`, `-W error`, ... as the supervisor's own Python got them.
        label: shown by `ps`, so that a developer recognises the process; nothing reads it.
    """

    interpreter_flags: tuple[str, ...] = ()
    label: tuple[str, ...] = ()


class Child:
    """The supervisor's end of one worker. Owns its channel, its lifeline and the log of its crash.

    Args:
        pid: of a child process of ours; None for a copy that a checkpoint makes, until it has said `HELLO`.
        travelling: the worker's ends of lifeline and crash log, which go with its start message.
    """

    def __init__(
        self,
        pid: int | None,
        channel: Channel,
        lifeline: int,
        crash_log: int,
        travelling: tuple[int, ...] = (),
    ) -> None:
        self.pid = pid
        self.is_copy = pid is None
        """A child of a checkpoint, which reaps it: its pid may be used through its pidfd only."""
        self._handle: int | None = None
        self.channel = channel
        self.state = State.STANDBY
        self.number = 0
        """Of its load."""
        self.waits = False
        """A request in it waits for word whether it may be answered there."""
        self.failure: dict[str, Any] = {}
        """What it has said about a load that failed."""
        self.heard = False
        """It has said something since it got its order."""
        self.accepts = False
        """It serves, the app or a report, and can be given connections."""
        self.finished = False
        """Nothing of the app is left in it, though the process may still be there."""
        self.was_paused = False
        """It runs nothing: it was a checkpoint, or waited to go on."""
        self.reaped = False
        """The process is gone, and its pid may be somebody else's."""
        self.is_notice = False
        """It serves a report that the supervisor wrote, beside or in place of a worker with the app."""
        self.crash_log = crash_log
        self._lifeline: int | None = lifeline
        self._travelling = travelling
        self._crash_text = bytearray()

    def start(
        self,
        settings: dict[str, Any],
        target: dict[str, Any],
        environment: Mapping[str, str | None],
        directory: str,
        descriptors: Sequence[int],
        *,
        first: bool,
        number: int,
        noticed: bool,
        checkpoints: bool,
        hot: Sequence[str],
        debug_url: str,
        debug_note: str,
    ) -> None:
        """Sends the start message; see `messages.START`."""
        self.number = number
        self.send(
            {
                "type": messages.START,
                "settings": settings,
                "target": target,
                "environment": dict(environment),
                "directory": directory,
                "first": first,
                "number": number,
                "checkpoints": checkpoints,
                "hot": list(hot),
                "noticed": noticed,
                "debug_url": debug_url,
                "debug_note": debug_note,
            },
            [*self._travelling, *descriptors],
        )
        self._close_travelling()
        self.state = State.LOADING

    def goes_on(self, number: int) -> None:
        """It is a copy that goes on with this load."""
        self.number = number
        self.state = State.LOADING

    def go(self, number: int, hot: Sequence[str]) -> None:
        """It was continued in advance, and goes on now, with this load."""
        self.send({"type": messages.GO, "number": number, "hot": list(hot)})
        self.goes_on(number)

    def introduced(self, pid: int, handle: int) -> None:
        """A copy has said who it is.

        Args:
            handle: its pidfd, ours from now on; `LOST` if there was no room for it: its lifeline still ends
                it.
        """
        self.pid = pid
        self._handle = None if handle == LOST else handle
        if self.state is State.STOPPING:
            self.signal(signal.SIGTERM)

    def has_ended(self) -> bool:
        """Of a copy that has introduced itself: whether its process is gone, reaped or not. To be taken for
        granted of one without a handle."""
        if self._handle is None:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)  # what pidfd_open(2) says of a process that has ended
        return bool(poll.poll(0))

    def send(self, body: dict[str, Any], descriptors: Sequence[int] = ()) -> bool:
        """Sends a message, now or as soon as the worker takes it.

        Returns:
            False if it cannot be sent: the worker has ended, or will be found to have.
        """
        try:
            self.channel.post(body, descriptors)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Sends what has waited for the worker to read."""
        with suppress(OSError):  # its end is noticed elsewhere
            self.channel.flush()

    def drain(self, grace: float) -> None:
        """A successor comes."""
        self.state = State.DRAINING
        self.accepts = False
        self.send({"type": messages.DRAIN, "grace": grace})

    def stop(self, grace: float) -> None:
        """The server ends. A worker that loads does not read its channel: the signal unwinds the load; one
        that has just begun to serve ends by either."""
        loading = self.state in (State.LOADING, State.STANDBY)
        self.state = State.STOPPING
        self.accepts = False
        self.send({"type": messages.STOP, "grace": grace})
        if loading:
            self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process without further ado."""
        if self.is_copy:
            self._cut_lifeline()
        else:
            self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Sends a signal. A child of ours keeps its pid until we reap it, and a copy is meant by its pidfd,
        so that it never reaches another process; a copy that has not said who it is gets none."""
        if self.reaped or self.pid is None:
            return
        if not self.is_copy:
            os.kill(self.pid, number)
        elif self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def _cut_lifeline(self) -> None:
        """The kernel ends the process (`worker.signals.die_with`), or does as soon as it has armed that."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def read_crash_log(self) -> bool:
        """Takes what faulthandler has written, so that it never waits for a reader.

        Returns:
            False when no more can come.
        """
        try:
            while chunk := os.read(self.crash_log, _CHUNK):
                self._crash_text += chunk[: _MOST_CRASH_TEXT - len(self._crash_text)]
        except BlockingIOError:
            return True
        return False

    def take_crash_text(self) -> str:
        """What faulthandler has written and nobody has taken yet."""
        self.read_crash_log()
        text = self._crash_text.decode("utf-8", "replace")
        self._crash_text.clear()
        return text

    def discard(self) -> None:
        """Ends a worker that got no order, and waits for it."""
        assert self.pid is not None
        self.kill()
        with suppress(ChildProcessError):  # whoever started us ignores SIGCHLD: the kernel has reaped it
            os.waitpid(self.pid, 0)
        self.reaped = True
        self.close()

    def close(self) -> None:
        """Lets go of everything, once the process has been reaped."""
        self.state = State.ENDED
        self.accepts = False
        self.channel.close()
        self._close_travelling()
        self._cut_lifeline()
        if self._handle is not None:
            os.close(self._handle)
        os.close(self.crash_log)

    def _close_travelling(self) -> None:
        for descriptor in self._travelling:
            os.close(descriptor)
        self._travelling = ()


def spawn(command: CommandLine) -> Child:
    """Starts a worker process that waits for its start message.

    Raises:
        OSError: the process could not be started.
    """
    return child_of(spawn_worker(command.interpreter_flags, command.label))


def child_to_be() -> tuple[Child, list[int]]:
    """A copy that a checkpoint is about to make, and the copy's ends of channel, lifeline and crash log,
    which are the caller's.

    Raises:
        OSError: there are no descriptors for it.
    """
    opened: list[int] = []
    try:
        channel, theirs = (end.detach() for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM))
        opened += (channel, theirs)
        their_lifeline, lifeline = os.pipe()
        opened += (their_lifeline, lifeline)
        crash_log, their_crash_log = os.pipe()
    except OSError:
        for descriptor in opened:
            os.close(descriptor)
        raise
    os.set_blocking(crash_log, False)
    copy = Child(None, Channel(socket.socket(fileno=channel)), lifeline, crash_log)
    copy.state = State.PAUSED
    return copy, [theirs, their_lifeline, their_crash_log]


def child_of(spawned: Spawned) -> Child:
    """A process that has just been started."""
    channel = Channel(socket.socket(fileno=spawned.channel))
    return Child(spawned.pid, channel, spawned.lifeline, spawned.crash_log, spawned.travelling)
