"""Falcon: WSGI and ASGI apps; the ASGI class is derived from the WSGI one."""

from __future__ import annotations

from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance

NAME = "Falcon"
DISTRIBUTION = "falcon"
NEWS_OF_DISCONNECT = ("falcon.errors", "WebSocketDisconnected")
"""Module and name of the exception by which a handler learns that its WebSocket has ended."""


def is_app(candidate: object) -> bool:
    """Whether it is a `falcon.App` or a `falcon.asgi.App`."""
    return is_instance(candidate, "falcon.app", "App") or _is_asgi(candidate)


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: Falcon has no debug mode."""
    return Application("asgi" if _is_asgi(candidate) else "wsgi", cast(Any, candidate))


def _is_asgi(candidate: object) -> bool:
    return is_instance(candidate, "falcon.asgi.app", "App")


def let_errors_out(app: Any, note: Note) -> None:
    """In place of Falcon's handler for all that has no other; one of the app's own stays."""
    handler = getattr(app, "_error_handlers", {}).get(Exception)
    if getattr(handler, "__name__", "") != "_python_error_handler":
        return

    def raise_again(request: object, response: object, error: Exception, parameters: object) -> None:
        raise error

    async def raise_again_in_task(
        request: object, response: object, error: Exception, parameters: object, **_: object
    ) -> None:
        raise error

    app.add_error_handler(Exception, raise_again_in_task if _is_asgi(app) else raise_again)
