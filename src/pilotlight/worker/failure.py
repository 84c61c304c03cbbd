"""What stands in for an app that could not be loaded: the same report on every URL, until the next worker.
Must never run the user's code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from pilotlight.server.application import Application
from pilotlight.worker.reporting import Reporter

if TYPE_CHECKING:
    from pilotlight.debugger.model import Report

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def application_for(report: Report, reporter: Reporter) -> Application:
    """An ASGI application that answers every request with `report`."""

    async def answer(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1011})  # before accept: refused
        else:
            client = scope["client"]
            answer = reporter.response(report, scope["method"], scope["headers"], client[0] if client else "")
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": answer.body})

    return Application("asgi", answer)


async def _live(receive: _Receive, send: _Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
