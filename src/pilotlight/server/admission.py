"""Whether a request that has been read is the app's: it may be another server's by now, or one that we answer
ourselves.

Must never call the app, nor let a request pass while the code that would answer it is not today's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.server.answering import answer_instead, keep_waiting
from pilotlight.server.application import Elsewhere, ErrorResponse, Later
from pilotlight.server.leaving import leave
from pilotlight.server.own_answers import OPTIONS_ANSWER

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection
    from pilotlight.server.head import RequestHead


def is_for_the_app(connection: Connection, head: RequestHead, end: int) -> bool:
    """False when the request has been dealt with otherwise, or will be.

    Args:
        end: of the head, in what has been read.
    """
    if _is_anothers(connection):
        connection.state = "parked"
        if connection.shared.hand_over is not None or connection.shared.draining:
            leave(connection)
        return False
    screen = connection.shared.config.screen
    answer = None if screen is None else screen(head, connection.client_name)
    if answer is None and head.raw_path == b"*":
        answer = OPTIONS_ANSWER
    if answer is None:
        return True
    if isinstance(answer, Elsewhere):
        connection.state, connection.destination = "parked", answer.take
        leave(connection)
    elif isinstance(answer, Later):
        keep_waiting(connection, head, answer, end)
    else:
        _answer(connection, head, answer, end)
    return False


def _is_anothers(connection: Connection) -> bool:
    """A TLS connection cannot move: it is answered here."""
    shared = connection.shared
    if connection.scheme != "http":
        return False
    return (shared.admit is not None and not shared.admit()) or (
        shared.draining and shared.hand_over is not None
    )


def _answer(connection: Connection, head: RequestHead, answer: ErrorResponse, end: int) -> None:
    connection.reader.buffer = connection.reader.buffer[end:]
    answer_instead(connection, head, answer)
