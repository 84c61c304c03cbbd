"""What workers say becomes events, and what they are slow to take is sent when they do. Must never
understand a message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from pilotlight.channel import ChannelError
from pilotlight.supervisor.child import Child
from pilotlight.supervisor.events import Due, Event, Said

MUTE_SECONDS = 0.5
"""For the end of a worker whose channel has ended."""


class Wires:
    """The loop's readers and writers of all workers.

    Args:
        post: puts an event on the supervisor's queue.
        complain: shows an error to the user.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, post: Callable[[Event], None], complain: Callable[[str], None]
    ) -> None:
        self._loop = loop
        self._post = post
        self._complain = complain

    def connect(self, child: Child) -> None:
        """Listens to a worker from now on."""
        self._loop.add_reader(child.channel.fileno(), self._read, child)
        self._loop.add_reader(child.crash_log, self._read_crash_log, child)

    def disconnect(self, child: Child) -> None:
        """Before the worker's descriptors are closed."""
        for descriptor in (child.channel.fileno(), child.crash_log):
            self._loop.remove_reader(descriptor)
        self._loop.remove_writer(child.channel.fileno())

    def read_rest(self, child: Child) -> None:
        """What a worker that has ended had said before."""
        with suppress(ChannelError, ValueError):  # a last message that was cut
            self._read_messages(child, everything=True)

    def flush_later(self, children: Iterable[Child]) -> None:
        """A worker that does not read holds nobody up: what it has not taken is sent when it does."""
        for child in children:
            if child.channel.has_unsent:
                self._loop.add_writer(child.channel.fileno(), self._flush, child)

    def _read(self, child: Child) -> None:
        try:
            self._read_messages(child)
        except (ChannelError, ValueError) as error:
            self._complain(f"A worker sent what is not a message ({error}); it is ended.")
            self._loop.remove_reader(child.channel.fileno())
            child.kill()
            return
        if child.channel.at_end:
            self._loop.remove_reader(child.channel.fileno())
            self._loop.call_later(MUTE_SECONDS, self._post, Due("mute", child))

    def _read_messages(self, child: Child, *, everything: bool = False) -> None:
        for message in child.channel.receive_ready(everything=everything):
            self._post(Said(child, message))

    def _read_crash_log(self, child: Child) -> None:
        if not child.read_crash_log():
            self._loop.remove_reader(child.crash_log)

    def _flush(self, child: Child) -> None:
        child.flush()
        if not child.channel.has_unsent or child.channel.at_end:
            self._loop.remove_writer(child.channel.fileno())
