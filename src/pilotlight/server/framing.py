"""Where the body of a request ends: by length, or chunked (RFC 9112 6 and 7.1).

Pure: bytes in, body bytes and the bytes of the next request out. Must never accept two readings of one
message: each size line and each chunk ends with exactly CR LF.
"""

from __future__ import annotations

import re
from typing import Protocol

from pilotlight.server.head import BadRequest, RequestHead

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")
_MAX_LINE = 4096
_MAX_TRAILERS = 16 * 1024
_MAX_EXTENSIONS = 16 * 1024


class BodyFraming(Protocol):
    """Finds the end of one request body."""

    complete: bool

    @property
    def remaining(self) -> int | None:
        """Body bytes still to come; None when that is not known."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what was read; give back the body bytes in it and the bytes behind the end of the message.

        Raises:
            BadRequest: the framing is broken; nothing more can be read from this connection.
        """
        ...


class LengthFraming:
    """A body of a known number of bytes."""

    __slots__ = ("_left", "complete")

    def __init__(self, length: int) -> None:
        self._left = length
        self.complete = length == 0

    @property
    def remaining(self) -> int | None:
        """Body bytes still to come."""
        return self._left

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """See `BodyFraming.feed`."""
        left = self._left
        if len(data) < left:
            self._left = left - len(data)
            return data, b""
        self._left = 0
        self.complete = True
        if len(data) == left:
            return data, b""
        return data[:left], data[left:]


class ChunkedFraming:
    """A chunked body. Chunk extensions and trailers are checked, bounded and ignored."""

    __slots__ = ("_buffer", "_extensions", "_left", "_state", "_trailers", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._buffer = b""
        self._state = "size"  # size -> data -> data end -> size ...; after the last chunk: trailers
        self._left = 0
        self._extensions = 0
        self._trailers = 0

    @property
    def remaining(self) -> int | None:
        """Not known before the last chunk has arrived."""
        return 0 if self.complete else None

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """See `BodyFraming.feed`."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        body: list[bytes] = []
        position = 0
        while not self.complete and position < len(data):
            if self._state == "data":
                piece = data[position : position + self._left]
                body.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = "data end"
                continue
            end = data.find(b"\n", position, position + _MAX_LINE) + 1
            if not end:
                self._keep_partial_line(data[position:])
                position = len(data)
                break
            self._take_line(data[position:end])
            position = end
        return b"".join(body), data[position:]

    def _keep_partial_line(self, line: bytes) -> None:
        if len(line) >= _MAX_LINE or (self._state == "data end" and line != b"\r"):
            raise BadRequest(400, "The chunked body is malformed.")
        self._buffer = line

    def _take_line(self, line: bytes) -> None:
        if self._state == "data end":
            if line != b"\r\n":
                raise BadRequest(400, "A chunk does not end with CR LF.")
            self._state = "size"
        elif self._state == "size":
            match = _SIZE_LINE.fullmatch(line)
            if match is None:
                raise BadRequest(400, "The size of a chunk is malformed.")
            self._extensions += len(line) - len(match[1]) - 2
            if self._extensions > _MAX_EXTENSIONS:
                raise BadRequest(400, "The chunked body has too many extensions.")
            self._left = int(match[1], 16)
            self._state = "data" if self._left else "trailers"
        elif line == b"\r\n":
            self.complete = True
        else:
            self._trailers += len(line)
            if self._trailers > _MAX_TRAILERS:
                raise BadRequest(431, "The trailers are too large.")
            if not _TRAILER_LINE.fullmatch(line):
                raise BadRequest(400, "A trailer is malformed.")


def framing_for(head: RequestHead) -> BodyFraming:
    """The framing that the head announces."""
    return ChunkedFraming() if head.chunked else LengthFraming(head.content_length)
