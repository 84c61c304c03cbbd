"""Starlette: an ASGI app."""

from __future__ import annotations

from typing import Any, cast

from pilotlight.server.application import Application

from . import is_instance

NAME = "Starlette"
DISTRIBUTION = "starlette"
NEWS_OF_DISCONNECT = ("starlette.websockets", "WebSocketDisconnect")
"""Module and name of the exception by which a handler learns that its WebSocket has ended."""


def is_app(candidate: object) -> bool:
    """Whether it is a `Starlette` or of a class derived from it."""
    return is_instance(candidate, "starlette.applications", "Starlette")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: `debug` of Starlette shows its own error page, so the app's setting is left alone."""
    return Application("asgi", cast(Any, candidate))


def is_default_error_page(body: bytes) -> bool:
    """That of Starlette itself, in debug mode and otherwise. The error follows it."""
    return (
        body == b"Internal Server Error"
        or b"<title>Starlette Debugger</title>" in body[:4096]
        or body.startswith(b"Traceback (most recent call last):")
    )
