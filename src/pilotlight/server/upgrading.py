"""A connection goes on with another protocol. Must never lose a byte that came behind the request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection
    from pilotlight.server.head import RequestHead


def become_websocket(
    connection: Connection, transport: asyncio.Transport, head: RequestHead, data: bytes
) -> None:
    """The transport belongs to a WebSocket from now on.

    Args:
        data: all that was read, from the first byte of the request on.
    """
    from pilotlight.server.scope import http_scope
    from pilotlight.server.websocket import WebSocketProtocol

    shared = connection.shared
    connection.state = "closed"
    connection.deadline = 0.0
    connection.reader.buffer = b""
    shared.connections.discard(connection)
    scope = http_scope(connection, head)
    protocol = WebSocketProtocol(
        shared.application, shared.config, shared.hooks, scope, shared.connections, data
    )
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if shared.draining and connection.ends_here:
        protocol.close_for_reload()
