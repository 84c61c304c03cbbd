"""How a connection leaves a server that has a successor: a plain one moves, with what was read of its next
request; a TLS one cannot, and ends when it is answered.

Must never drop a byte that was read or written, nor close over a request that has come.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pilotlight.server.application import DetachedConnection

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection

JUST_NOW_SECONDS = 1.0
"""A TLS connection that was opened longer ago and never used is idle: browsers open some in advance."""
FAREWELL_SECONDS = 0.5
"""How long a leaving server waits for a TLS client to close after its last response."""
_TURNS_OF_A_READ = 3
"""Turns of the loop until bytes that are in the kernel have reached `data_received`."""


def leave(connection: Connection) -> None:
    """Hands the connection over, or closes it if that cannot be done.

    What was written before must have been sent first: while it has not, this is to be called again when it
    has.
    """
    shared, wire = connection.shared, connection.wire
    hand_over = connection.destination or shared.hand_over
    if wire.lost or connection.state == "lingering":
        return
    if hand_over is None:
        connection.close()
        return
    if connection.scheme == "https":
        _leave_when_answered(connection, _TURNS_OF_A_READ)
        return
    connection.begin_leaving()
    if wire.unsent:
        wire.tell_when_sent()
        if not connection.write_paused:
            shared.loop.call_soon(leave, connection)
        return
    try:
        sock = wire.take_socket()
    except OSError as error:
        shared.hooks.notice(
            f"A connection could not be handed over ({os.strerror(error.errno or 0)}); it is closed."
        )
        connection.close()
        return
    hand_over(DetachedConnection(sock, connection.take_unanswered()))


def has_left(connection: Connection) -> bool:
    """Whether nothing is left to be done or sent (a TLS client may still owe its farewell)."""
    if connection.state != "closed":
        return False
    if connection.wire.has_ended:
        return True
    # A TLS transport does not count what the one under it still has to send: hence the farewell.
    parted = not connection.farewell or connection.shared.loop.time() >= connection.farewell
    return parted and not connection.wire.unsent


def _leave_when_answered(connection: Connection, turns: int) -> None:
    """Close, but not over a request that has come or that a client who has just connected will send: its
    response says that the connection closes."""
    if connection.state != "reading" or connection.has_read:
        return
    loop = connection.shared.loop
    opened = connection.deadline - connection.shared.limits.keep_alive_seconds
    if connection.is_unused and loop.time() - opened < JUST_NOW_SECONDS:
        return
    if turns and connection.wire.is_readable():
        loop.call_soon(_leave_when_answered, connection, turns - 1)
    else:
        connection.close()
