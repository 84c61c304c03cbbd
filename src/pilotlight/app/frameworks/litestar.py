"""Litestar: an ASGI app."""

from __future__ import annotations

from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance

NAME = "Litestar"
DISTRIBUTION = "litestar"
NEWS_OF_DISCONNECT = ("litestar.exceptions", "WebSocketDisconnect")
"""Module and name of the exception by which a handler learns that its WebSocket has ended."""


def is_app(candidate: object) -> bool:
    """Whether it is a `Litestar` or of a class derived from it."""
    return is_instance(candidate, "litestar.app", "Litestar")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: `debug` of Litestar shows its own error page, so the app's setting is left alone."""
    return Application("asgi", cast(Any, candidate))


def let_errors_out(app: Any, note: Note) -> None:
    """Litestar answers every error by itself, and raises nothing."""

    async def noted(error: BaseException, scope: object) -> None:
        if getattr(error, "status_code", 500) >= 500:
            note(error)

    app.after_exception.append(noted)


def is_default_error_page(body: bytes) -> bool:
    """That of Litestar itself, in debug mode and otherwise."""
    return (
        b'"detail":"Internal Server Error"' in body
        or b"Litestar" in body[:4096]
        or body.startswith((b"Traceback (most recent call last):", b'{"details":"Traceback'))
    )
