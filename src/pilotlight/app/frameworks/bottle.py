"""Bottle: a WSGI app."""

from __future__ import annotations

import sys
from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance

NAME = "Bottle"
DISTRIBUTION = "bottle"


def is_app(candidate: object) -> bool:
    """Whether it is a `Bottle` or of a class derived from it."""
    return is_instance(candidate, "bottle", "Bottle")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: `debug` of Bottle shows its own error page, so the app's setting is left alone."""
    return Application("wsgi", cast(Any, candidate))


def default_app() -> object | None:
    """The app that the functions of the module (`@bottle.route`) work on, if they were used."""
    app = sys.modules["bottle"].default_app()
    return cast(object, app) if app.routes else None


def let_errors_out(app: Any, note: Note) -> None:
    """Bottle's own switch for that. Handlers for `HTTPError` and `@error(404)` are not affected."""
    if 500 not in app.error_handler:
        app.catchall = False
