"""Client connections that have left one worker and not yet reached the next. Every descriptor that comes in
goes out again, or is closed. Must never read from a connection."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable

from pilotlight import messages
from pilotlight.channel import LOST
from pilotlight.supervisor.child import Child


class Parking:
    """Connections that wait, the oldest first.

    Args:
        say: shows one line to the user.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._waiting: deque[tuple[str, int]] = deque()

    def take_in(self, data: str, descriptor: int) -> None:
        """A worker has handed over a connection, with what it had read from it (base64)."""
        if descriptor == LOST:
            self._say("A connection was lost in the reload: too many files are open.")
        else:
            self._waiting.append((data, descriptor))

    def give_to(self, child: Child | None) -> None:
        """All of them, to the worker that accepts, if there is one; what it cannot be sent any more stays."""
        while self._waiting and child is not None:
            data, descriptor = self._waiting[0]
            if not child.send({"type": messages.ADOPT, "data": data}, [descriptor]):
                return
            self._waiting.popleft()
            os.close(descriptor)

    def take_back_from(self, child: Child) -> None:
        """What a worker that has ended had no time to take is there for the next one."""
        for message in child.channel.take_unsent():
            if message.body["type"] == messages.ADOPT:
                self.take_in(message.body["data"], message.descriptors[0])
            else:
                for descriptor in message.descriptors:
                    os.close(descriptor)
