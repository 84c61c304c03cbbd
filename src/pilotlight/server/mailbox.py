"""From pool threads to the event loop: calls that run there in order, with one wake-up for many.

Must never block, neither the thread that posts nor the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Mailbox:
    """Calls for the loop's thread.

    A wake-up of the loop is a system call and a fight for the interpreter lock, so it is only asked for when
    none is under way already.
    """

    __slots__ = ("_calls", "_loop", "_woken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._woken = False

    def post(self, call: Callable[[Any], None], argument: Any) -> None:
        """Have `call(argument)` run on the loop. Any thread; after the end of the loop it does nothing."""
        self._calls.append((call, argument))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: nobody is left to answer
                self._calls.clear()

    def _deliver(self) -> None:
        # First the flag, then the calls: a call that is posted from now on is either seen below or wakes
        # again.
        self._woken = False
        calls = self._calls
        while calls:
            call, argument = calls.popleft()
            call(argument)
