"""Where a request begins and whether enough of it is there to be given to the app.

Pure: bytes in, heads out. Must never lose a byte: what is not given to an app can move to another server.
"""

from __future__ import annotations

from typing import Literal

from pilotlight.server.application import Limits
from pilotlight.server.head import HeadParser, RequestHead, check_partial

Phase = Literal["idle", "head", "body"]
"""What is incomplete: nothing, a head, or a small body that is collected before the app sees the request."""


class RequestReader:
    """The bytes of one connection that belong to no admitted request.

    Args:
        parser: of heads.
        limits: of the server.
        collects: small bodies are waited for, so that a slow client never holds a thread.
        kept: what was read already.
    """

    __slots__ = ("_collects", "_head", "_limits", "_parser", "_pieces", "_wanted", "buffer", "end", "phase")

    def __init__(self, parser: HeadParser, limits: Limits, *, collects: bool, kept: bytes) -> None:
        self._parser = parser
        self._limits = limits
        self._collects = collects
        self.buffer = kept
        """It begins with the first byte of the next request."""
        self.end = 0
        """Of the head that was given out, in the buffer."""
        self.phase: Phase = "idle"
        self._head: RequestHead | None = None
        self._pieces: list[bytes] = []
        """While a body is collected: all of the request so far."""
        self._wanted = 0
        """And how many bytes are missing."""

    def feed(self, data: bytes) -> RequestHead | None:
        """Takes what was read (perhaps nothing), and gives out the head of the next request if that can be
        given to the app: it is in front of the buffer.

        Raises:
            BadRequest: what is there is no request.
        """
        if self.phase == "body":
            return self._collect(data)
        if self.buffer:
            data = self.buffer + data
        while data.startswith(b"\r\n"):  # RFC 9112 2.2: an empty line in front is ignored
            data = data[2:]
        self.buffer = data
        if not data:
            return None
        end = data.find(b"\r\n\r\n")
        if end < 0:
            check_partial(data, self._limits)
            self.phase = "head"
            return None
        end += 4
        head = self._parser.parse(data if end == len(data) else data[:end])
        self.end = end
        if head.has_body and self._is_to_be_collected(head):
            self.phase = "body"
            self._head = head
            self._pieces = [data]
            self._wanted = end + head.content_length - len(data)
            return None
        self.phase = "idle"
        return head

    @property
    def unread(self) -> bytes:
        """All that another server needs to go on here."""
        return b"".join(self._pieces) or self.buffer

    def clear(self) -> None:
        """Nothing of it is needed any more."""
        self.buffer = b""
        self._pieces = []

    def _is_to_be_collected(self, head: RequestHead) -> bool:
        return (
            self._collects
            and not head.chunked
            and not head.expects_continue
            and head.content_length <= self._limits.body_buffer_bytes
            and len(self.buffer) < self.end + head.content_length
        )

    def _collect(self, data: bytes) -> RequestHead | None:
        self._pieces.append(data)
        self._wanted -= len(data)
        if self._wanted > 0:
            return None
        self.buffer = b"".join(self._pieces)
        self._pieces = []
        self.phase = "idle"
        head, self._head = self._head, None
        return head
