"""What of a request is kept, so that a failure can be reported with it and the request repeated.

Must never keep more than it is allowed, and must cost next to nothing for a request without a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pilotlight.server.application import RequestInfo

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection
    from pilotlight.server.head import RequestHead


class KeptBody:
    """The beginning of one body.

    Args:
        limit: how many bytes are kept; of a longer body nothing is, since half of one is of no use.
        first: what came with the head.
    """

    __slots__ = ("_limit", "_pieces", "size")

    def __init__(self, limit: int, first: bytes) -> None:
        self._limit = limit
        self.size = len(first)
        self._pieces = [first] if first and self.size <= limit else []

    def add(self, data: bytes) -> None:
        """More of the body."""
        self.size += len(data)
        if self.size <= self._limit:
            self._pieces.append(data)
        elif self._pieces:
            self._pieces = []

    @property
    def content(self) -> bytes:
        """The whole body so far, or nothing."""
        return b"".join(self._pieces)


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
    )
