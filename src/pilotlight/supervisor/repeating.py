"""A request that failed is sent again, to the app's own port. Must never go anywhere else."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

_MOST_HEAD = 64 * 1024
_SECONDS = 60.0
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


async def repeat(request: bytes, listening: socket.socket, *, tls: bool) -> dict[str, Any]:
    """The event that tells how the app has answered; see `debugger.desk.Desk.repeat`.

    Args:
        request: its bytes.
        listening: the app's socket.
    """
    head, empty, body = request.partition(b"\r\n\r\n")
    try:
        answer = await asyncio.wait_for(
            _ask(head + b"\r\nconnection: close" + empty + body, listening, tls), _SECONDS
        )
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        text = str(error) or type(error).__name__
        return {"type": "note", "text": f"The app has not answered the request: {text}."}
    lines = answer.decode("latin-1").split("\r\n")
    headers = dict(line.lower().partition(": ")[::2] for line in lines[1:])
    return {"type": "response", "status": int(lines[0].split(" ")[1]), "error": headers.get("x-error-id", "")}


async def _ask(request: bytes, listening: socket.socket, tls: bool) -> bytes:
    """The head of the response."""
    reader, writer = await _connect(listening, tls)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.transport.abort()


async def _connect(listening: socket.socket, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    name = listening.getsockname()
    if listening.family == getattr(socket, "AF_UNIX", None):
        return await asyncio.open_unix_connection(name, limit=_MOST_HEAD)
    context = _own_context() if tls else None
    host = _WILDCARDS.get(name[0], name[0])
    return await asyncio.open_connection(host, name[1], limit=_MOST_HEAD, ssl=context)


def _own_context() -> Any:
    """The other side is a socket of our own, whatever its certificate says."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
