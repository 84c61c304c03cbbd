"""Who reads the terminal: the supervisor (its keys) or the app (`breakpoint()`, `input()`).

CPython raises the audit events `builtins.input` and `builtins.input/result` around every prompt, pdb's
included, so the lease needs no patch of any debugger. Must never hold up the app when no supervisor reads
the terminal.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable

from pilotlight import messages
from pilotlight.channel import Channel, Message


class TerminalLease:
    """Asks the supervisor for the terminal before a prompt and returns it after the answer.

    Args:
        channel: to the supervisor. On the thread that owns it (the main thread) the answer is read here,
        since that thread
            cannot run its loop meanwhile; other messages are kept for `kept`.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._owner = threading.get_ident()
        self._pid = os.getpid()
        self._lent = threading.Event()
        self._holder: int | None = None
        self._wake: Callable[[], object] | None = None
        self.kept: deque[Message] = deque()

    def goes_on(self) -> None:
        """This process is a copy of the one in which the lease was made, and goes on in its place."""
        self._pid = os.getpid()

    def install(self) -> None:
        """Starts to listen for prompts. Cannot be undone (an audit hook stays for the life of the
        process)."""
        sys.addaudithook(self._audit)

    def wake_with(self, wake: Callable[[], object]) -> None:
        """`wake` is called after messages were put into `kept`, from the thread that owns the channel."""
        self._wake = wake

    def lent(self) -> None:
        """The supervisor has answered."""
        self._lent.set()

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "builtins.input":
            if os.getpid() == self._pid:  # a process that the app has forked has no channel
                self._acquire()
        elif event == "builtins.input/result":
            self._release()

    def _acquire(self) -> None:
        if self._holder is not None:
            return
        self._holder = threading.get_ident()
        self._lent.clear()
        try:
            self._channel.send({"type": messages.TERMINAL_WANTED})
            if threading.get_ident() == self._owner:
                self._wait_on_channel()
            else:
                self._lent.wait()
        except OSError:
            self._holder = None  # the supervisor is gone: so will be this process, in a moment

    def _wait_on_channel(self) -> None:
        while (message := self._channel.receive()) is not None:
            if message.body["type"] == messages.TERMINAL_LENT:
                break
            self.kept.append(message)
        if self.kept and self._wake is not None:
            self._wake()

    def _release(self) -> None:
        if self._holder != threading.get_ident():
            return
        self._holder = None
        try:
            self._channel.send({"type": messages.TERMINAL_RETURNED})
        except OSError:
            return  # as above
