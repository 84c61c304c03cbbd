"""What of a request is kept, so that a failure can be reported with it and the request repeated.

An app may fail before it has read the body, or all of it: the client goes on sending, and what it sends is
waited for, for a moment. Must never keep more than it is allowed, and must cost next to nothing for a request
without a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilotlight.server.application import RequestInfo

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection
    from pilotlight.server.head import RequestHead

REST_SECONDS = 1.0
"""That the answer to a failed request waits, at most, for the rest of its body."""


class KeptBody:
    """The beginning of one body.

    Args:
        limit: how many bytes are kept; of a longer body nothing is, since half of one is of no use.
        first: what came with the head.
        complete: whether that is all.
    """

    __slots__ = ("_limit", "_pieces", "complete", "size")

    def __init__(self, limit: int, first: bytes, complete: bool) -> None:
        self._limit = limit
        self.size = len(first)
        self.complete = complete
        self._pieces = [first] if first and self.size <= limit else []

    def add(self, data: bytes, complete: bool) -> None:
        """More of the body, and whether that is the rest."""
        self.complete = complete
        self.size += len(data)
        if self.size <= self._limit:
            self._pieces.append(data)
        elif self._pieces:
            self._pieces = []

    @property
    def content(self) -> bytes:
        """The whole body, or nothing."""
        return b"".join(self._pieces) if self.complete else b""

    def lacks_rest(self, head: RequestHead) -> bool:
        """Whether the client is still sending what is to be kept."""
        if self.complete or (head.expects_continue and not self.size):
            return False
        return 0 < max(self.size, head.content_length) <= self._limit


def request_info(
    connection: Connection, head: RequestHead, environ: Mapping[str, Any], body: KeptBody
) -> RequestInfo:
    """What an error report may know."""
    return RequestInfo(
        head.method,
        head.target.decode("latin-1"),
        head.headers,
        connection.client_name,
        connection.scheme,
        head.version,
        environ,
        body.content,
        body.size,
        body.complete,
    )
