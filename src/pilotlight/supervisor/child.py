"""One worker process as its parent sees it: spawned, ordered, ended. Must never decide when.

The transitions of `State` are made by the supervisor alone, through the methods here.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from pilotlight import messages
from pilotlight.channel import Channel

_ENTRY = str(Path(__file__).resolve().parent.parent / "worker" / "__main__.py")


class State(Enum):
    """Where a worker is in its life."""

    STANDBY = auto()
    """Interpreter and server are imported; no order yet."""
    LOADING = auto()
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
    """The parent's end of one worker. Owns its channel, its lifeline and the log of its crash."""

    def __init__(self, pid: int, channel: Channel, lifeline: int, crash_log: int) -> None:
        self.pid = pid
        self.channel = channel
        self.state = State.STANDBY
        self.finished = False
        """Nothing of the app is left in it, though the process may still be there."""
        self.is_notice = False
        """It serves a report that the supervisor wrote, beside or in place of a worker with the app."""
        self._lifeline = lifeline
        self.crash_log = crash_log

    def start(
        self,
        settings: dict[str, Any],
        target: dict[str, Any],
        environment: Mapping[str, str | None],
        sockets: Sequence[socket.socket],
        descriptors: tuple[int, int],
        *,
        first: bool,
    ) -> None:
        """Sends the start message; `descriptors` are the worker's ends of lifeline and crash log, closed
        here."""
        try:
            self.send(
                {
                    "type": messages.START,
                    "settings": settings,
                    "target": target,
                    "environment": dict(environment),
                    "first": first,
                },
                [*descriptors, *(sock.fileno() for sock in sockets)],
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self.state = State.LOADING

    def send(self, body: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Sends a message; a worker that is already dead is noticed by its end, not here."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send(body, descriptors)

    def drain(self, grace: float) -> None:
        """A successor comes."""
        self.state = State.DRAINING
        self.send({"type": messages.DRAIN, "grace": grace})

    def stop(self, grace: float) -> None:
        """The server ends. A worker that loads does not read its channel: the signal unwinds the load."""
        loading = self.state in (State.LOADING, State.STANDBY)
        self.state = State.STOPPING
        if loading:
            self.signal(signal.SIGTERM)
        else:
            self.send({"type": messages.STOP, "grace": grace})

    def kill(self) -> None:
        """Ends the process without further ado."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Sends a signal; the process is ours until it is reaped, so the pid cannot be somebody else's."""
        if self.state is not State.ENDED:
            os.kill(self.pid, number)

    def close(self) -> None:
        """Lets go of everything, once the process has been reaped."""
        self.state = State.ENDED
        self.channel.close()
        os.close(self._lifeline)
        os.close(self.crash_log)


@dataclass(frozen=True, slots=True)
class Spawned:
    """A new child and the descriptors that travel with its start message."""

    child: Child
    lifeline: int
    crash_log: int

    def discard(self) -> None:
        """Ends a worker that got no order, and waits for it."""
        os.close(self.lifeline)
        os.close(self.crash_log)
        self.child.kill()
        os.waitpid(self.child.pid, 0)
        self.child.close()


def spawn(command: CommandLine) -> Spawned:
    """Starts a worker process that waits for its start message.

    Raises:
        OSError: the process could not be started.
    """
    channel, theirs = Channel.pair()
    lifeline_read, lifeline_write = os.pipe()
    crash_read, crash_write = os.pipe()
    os.set_blocking(crash_read, False)
    with theirs:
        theirs.set_inheritable(True)
        arguments = [sys.executable, *command.interpreter_flags, _ENTRY, str(theirs.fileno()), *command.label]
        pid = os.posix_spawn(sys.executable, arguments, os.environ, setsigmask=[signal.SIGINT])
    return Spawned(Child(pid, channel, lifeline_write, crash_read), lifeline_read, crash_write)
