"""What a connection answers without the app: at once, in time (a request that waits for another server), or
as its last word.

Must never let a request pass to the app, nor cut an answer off because the client is still sending.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pilotlight.server.own_answers import OwnAnswer, own_answer, refusal

if TYPE_CHECKING:
    from pilotlight.server.application import ErrorResponse, Later
    from pilotlight.server.connection import Connection
    from pilotlight.server.head import BadRequest, RequestHead


def refuse(connection: Connection, error: BadRequest) -> None:
    """What has come is no request that could be answered, and nothing behind it can be either."""
    fixed = connection.shared.fixed_headers
    _say(connection, refusal(error, connection.reader.buffer, connection.client_name, fixed))
    linger(connection)


def answer_instead(connection: Connection, head: RequestHead, response: ErrorResponse) -> None:
    """The app does not get this request."""
    shared = connection.shared
    stays = not connection.closes_after
    answer = own_answer(head, response, connection.client_name, shared.fixed_headers, stays=stays)
    _say(connection, answer)
    if head.has_body:
        linger(connection)
    elif answer.closes:
        connection.close()
    else:
        connection.deadline = shared.loop.time() + shared.limits.keep_alive_seconds
        connection.next_request()


def keep_waiting(connection: Connection, head: RequestHead, later: Later, end: int) -> None:
    """Keep the request for the next server, which gets its bytes; or answer it when its time is over.

    Args:
        end: of the head, in what has been read.
    """

    def answer() -> None:
        connection.answer_in_time = nothing
        connection.reader.buffer = connection.reader.buffer[end:]
        answer_instead(connection, head, later.answer)

    connection.answer_in_time = answer
    connection.state = "waiting"
    connection.deadline = connection.shared.loop.time() + later.seconds
    if connection.shared.draining:
        answer()


def nothing() -> None:
    """What a connection does in time for which no request waits."""


def linger(connection: Connection) -> None:
    """Close so that the answer arrives although the client is still sending (RFC 9112 9.6): stop writing, and
    read for a while before the descriptor is closed."""
    wire, shared = connection.wire, connection.shared
    if wire.lost:
        return
    connection.state = "lingering"
    connection.gone = True
    connection.reader.buffer = b""
    connection.deadline = 0.0
    wire.resume_reading()
    if connection.scheme == "http":
        wire.stop_writing()
    shared.loop.call_later(shared.limits.linger_seconds, _end, connection)


def _end(connection: Connection) -> None:
    if not connection.wire.lost:
        connection.close()


def _say(connection: Connection, answer: OwnAnswer) -> None:
    connection.write(answer.data)
    connection.shared.hooks.access(answer.record)
