"""Starlette: an ASGI app."""

from __future__ import annotations

from typing import Any, cast

from pilotlight.server.application import Application

from . import is_instance

NAME = "Starlette"
DISTRIBUTION = "starlette"


def is_app(candidate: object) -> bool:
    """Whether it is a `Starlette` or of a class derived from it."""
    return is_instance(candidate, "starlette.applications", "Starlette")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: `debug` of Starlette shows its own error page, so the app's setting is left alone."""
    return Application("asgi", cast(Any, candidate))
