"""Flask: a WSGI app whose debug flag decides that exceptions reach the server."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance

NAME = "Flask"
DISTRIBUTION = "flask"


def is_app(candidate: object) -> bool:
    """Whether it is a `Flask` or of a class derived from it."""
    return is_instance(candidate, "flask.app", "Flask")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app, with its debug flag set as `flask run` and `app.run(debug=...)` set it.

    In debug mode Flask lets exceptions propagate, unless the app set `PROPAGATE_EXCEPTIONS` itself.
    """
    app = cast(Any, candidate)
    if debug is not None and bool(app.debug) != debug:
        app.debug = debug
    return Application("wsgi", app)


def console_names(app: Any) -> dict[str, Any]:
    """As `flask shell` has them: those of the shell context processors."""
    with app.app_context():
        return dict(app.make_shell_context())


def console_contexts(app: Any) -> tuple[AbstractContextManager[Any], ...]:
    """As `flask shell` is in."""
    return (app.app_context(),)


def let_errors_out(app: Any, note: Note) -> None:
    """Also outside debug mode, unless the app says what it wants; then they are noted."""
    if app.config.get("PROPAGATE_EXCEPTIONS") is None:
        app.config["PROPAGATE_EXCEPTIONS"] = True
        return

    def noted(sender: object, exception: BaseException, **_: object) -> None:
        note(exception)

    import_module("flask.signals").got_request_exception.connect(noted, app, weak=False)
