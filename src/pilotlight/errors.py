"""Errors that are meant for the user: one or two sentences that say what happened, where, and what to do
next.

This module must never import another of ours. A `UserError` is printed without a traceback; any other
exception that escapes from our own code is a bug of ours.
"""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend.

    Args:
        message: one or two sentences, naming the option, file or line that is concerned.
        status: the exit status of the command (2 for wrong usage, 1 for anything else).
    """

    def __init__(self, message: str, *, status: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
