"""Quart: Flask's interface as an ASGI app; its debug flag decides that exceptions reach the server."""

from __future__ import annotations

from typing import Any, cast

from pilotlight.server.application import Application

from . import is_instance

NAME = "Quart"
DISTRIBUTION = "quart"


def is_app(candidate: object) -> bool:
    """Whether it is a `Quart` or of a class derived from it."""
    return is_instance(candidate, "quart.app", "Quart")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app, with its debug flag set as `quart run` and `app.run(debug=...)` set it."""
    app = cast(Any, candidate)
    if debug is not None and bool(app.debug) != debug:
        app.debug = debug
    return Application("asgi", app)
