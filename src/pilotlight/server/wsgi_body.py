"""The body of a WSGI request while it arrives: the loop feeds it, a pool thread reads it.

Must never hold more than the limits say: above that the connection stops reading.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from typing import Any, Protocol


class ClientDisconnected(ConnectionError):
    """The client is gone; raised inside the app when it reads the body or writes the response."""


class Source(Protocol):
    """Where the body comes from. Called on the pool thread; must not block."""

    @property
    def buffer_limit(self) -> int:
        """Bytes after which the faster side waits."""

    def ask_for_body(self) -> None:
        """The app waits for the body."""

    def resume_body(self) -> None:
        """The app has read most of what is there."""


class BodyStream(io.RawIOBase):
    """The body of a request as a pool thread reads it while it arrives.

    Args:
        source: whose body it is.
        first: what arrived with the head.
    """

    def __init__(self, source: Source, first: bytes) -> None:
        self._source = source
        self._ready = threading.Condition()
        self._pieces: deque[memoryview] = deque()
        self._size = 0
        self._complete = False
        self._broken = False
        self._paused = False
        if first:
            self._pieces.append(memoryview(first))
            self._size = len(first)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes; 0 at the end of the body.

        Raises:
            ClientDisconnected: the client went away before the end of the body.
        """
        with self._ready:
            if not self._pieces and not self._complete:
                self._source.ask_for_body()
            while not self._pieces:
                if self._broken:
                    raise ClientDisconnected("The client went away before it had sent the whole body.")
                if self._complete:
                    return 0
                self._ready.wait()
            piece = self._pieces[0]
            count = min(len(piece), len(buffer))
            buffer[:count] = piece[:count]
            if count == len(piece):
                self._pieces.popleft()
            else:
                self._pieces[0] = piece[count:]
            self._size -= count
            if self._paused and self._size <= self._source.buffer_limit // 2:
                self._paused = False
                self._source.resume_body()
            return count

    def skip(self, seconds: float) -> bool:
        """Throw away what is there and wait for more, or for the end; False if neither has come in time."""
        with self._ready:
            self._pieces.clear()
            self._size = 0
            if self._paused:
                self._paused = False
                self._source.resume_body()
            if self._complete or self._broken:
                return self._complete
            return self._ready.wait(seconds)

    def feed(self, data: bytes, complete: bool) -> bool:
        """Loop: more of the body. True when reading should pause."""
        with self._ready:
            if data:
                self._pieces.append(memoryview(data))
                self._size += len(data)
            self._complete = complete
            self._ready.notify()
            if self._size > self._source.buffer_limit and not self._paused:
                self._paused = True
                return True
            return False

    def fail(self) -> None:
        """Loop: the rest of the body will not come."""
        with self._ready:
            self._broken = not self._complete
            self._ready.notify()
