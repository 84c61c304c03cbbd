"""Bottle: a WSGI app."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
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
    """Bottle's own switch for that. Handlers for `HTTPError` and `@error(404)` are not affected.
    `@error(500)` stays; what it answers is noted if that is a failure."""
    handler = app.error_handler.get(500)
    if handler is None:
        app.catchall = False
    else:
        app.error_handler[500] = _watched(handler, note)


def _watched(handler: Callable[..., Any], note: Note) -> Callable[..., Any]:
    @wraps(handler)
    def watched(failure: Any) -> Any:
        """Gets an `HTTPError`, with the error that it stands for, if there is one."""
        try:
            answer = handler(failure)
        except Exception as raised:  # Bottle answers that, whatever it is, with a page of its own
            note(raised)
            raise
        error = getattr(failure, "exception", None)
        if isinstance(error, BaseException) and _status_of(answer) >= 500:
            note(error)
        return answer

    return watched


def _status_of(answer: object) -> int:
    """Of a response, or of a body: that has the status of the current response."""
    said = answer if is_instance(answer, "bottle", "HTTPResponse") else sys.modules["bottle"].response
    return cast(int, cast(Any, said).status_code)
