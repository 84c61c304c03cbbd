"""What a process writes, collected in order of arrival while a test waits for it.

Must never know whose output it is.
"""

from __future__ import annotations

import threading
from typing import Literal

Stream = Literal["stdout", "stderr", "terminal"]


class Transcript:
    """What a process wrote, in order of arrival. The one place where the reader threads and the test meet."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._parts: list[tuple[Stream, bytes]] = []
        self.ended = False
        """The process has ended, and its last words have been read."""

    def append(self, stream: Stream, data: bytes) -> None:
        with self.changed:
            self._parts.append((stream, data))
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def text(self, *streams: Stream) -> str:
        with self.changed:
            wanted = b"".join(part for stream, part in self._parts if not streams or stream in streams)
        return wanted.decode("utf-8", "replace")
