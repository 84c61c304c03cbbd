"""What a process writes, collected in order of arrival while a test waits for it.

Must never know whose output it is.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Literal

Stream = Literal["stdout", "stderr", "terminal"]

CATCH_UP_TIMEOUT = 3.0
"""Seconds; for a process that writes without end."""


class Transcript:
    """What a process wrote, in order of arrival. The one place where the reader threads and the test meet."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._parts: list[tuple[Stream, bytes]] = []
        self._descriptors: set[int] = set()
        """Those that are being read."""
        self.ended = False
        """The process has ended, and its last words have been read."""

    def collect(self, stream: Stream, descriptor: int) -> None:
        """Read until the end: for a thread of its own."""
        with self.changed:
            self._descriptors.add(descriptor)
        while self._collected_some(stream, descriptor):
            pass
        with self.changed:
            self._descriptors.discard(descriptor)
            self.changed.notify_all()

    def _collected_some(self, stream: Stream, descriptor: int) -> bool:
        try:
            _readable({descriptor}, None)
            with self.changed:  # so that nothing is on its way between the pipe and the text
                data = os.read(descriptor, 65536)
                if data:
                    self._parts.append((stream, data))
                    self.changed.notify_all()
                return bool(data)
        except OSError:  # EIO: nobody has the terminal open any more
            return False

    def catch_up(self) -> None:
        """Wait until all that the process has written so far is collected: what it wrote before it answered
        can be asked for when the answer is there.
        """
        deadline = time.monotonic() + CATCH_UP_TIMEOUT
        with self.changed:
            while _readable(self._descriptors, 0) and time.monotonic() < deadline:
                self.changed.wait(deadline - time.monotonic())

    def close(self) -> None:
        """The descriptors are about to be closed."""
        with self.changed:
            self._descriptors.clear()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def text(self, *streams: Stream) -> str:
        with self.changed:
            wanted = b"".join(part for stream, part in self._parts if not streams or stream in streams)
        return wanted.decode("utf-8", "replace")


def _readable(descriptors: set[int], timeout: float | None) -> bool:
    poll = select.poll()  # not `select`, which knows no descriptor over 1023
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout))
