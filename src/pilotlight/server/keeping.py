"""What of a request's body is kept, so that a failure can be reported with it and the request repeated.

Must never keep more than it is allowed, and must cost next to nothing for a request without a body.
"""

from __future__ import annotations


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
