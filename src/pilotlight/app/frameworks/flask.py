"""Flask: a WSGI app whose debug flag decides that exceptions reach the server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from importlib import import_module
from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance

NAME = "Flask"
DISTRIBUTION = "flask"
CAUGHT = "pilotlight.caught"
"""Under which an error stands in the environ or scope until its answer is known."""


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
    """Also outside debug mode, unless the app says what it wants, or has a page of its own for them. What a
    handler of the app's own answers is noted if that is a failure."""
    signals = import_module("flask.signals")
    request = import_module("flask").request

    def caught(sender: object, exception: BaseException, **_: object) -> None:
        request.environ[CAUGHT] = exception

    def answered(sender: object, response: Any, **_: object) -> None:
        error = request.environ.pop(CAUGHT, None)
        if error is not None and response.status_code >= 500:
            note(error)

    def left(sender: object, **_: object) -> None:
        """Functions of the app's own have spoiled the answer: there was no `answered`."""
        error = request.environ.pop(CAUGHT, None)
        if error is not None:
            note(error)

    handle = app.handle_user_exception

    @wraps(handle)
    def handle_user_exception(*arguments: Any, **named: Any) -> Any:
        try:
            answer = handle(*arguments, **named)
        except Exception as unhandled:
            leave_out_this_call(unhandled)
            raise
        error = error_in(arguments, named)
        if error is not None:
            caught(app, error)
        return answer

    app.handle_user_exception = handle_user_exception
    signals.request_finished.connect(answered, app, weak=False)
    signals.request_tearing_down.connect(left, app, weak=False)
    if app.config.get("PROPAGATE_EXCEPTIONS") is None:
        app.config["PROPAGATE_EXCEPTIONS"] = True
        _ask_own_page(app, caught)
    elif not app.config["PROPAGATE_EXCEPTIONS"]:
        signals.got_request_exception.connect(caught, app, weak=False)


def _ask_own_page(app: Any, caught: Callable[..., None]) -> None:
    """`errorhandler(500)` answers what nobody has handled, as it does without `PROPAGATE_EXCEPTIONS`."""
    signals = import_module("flask.signals")
    request = import_module("flask").request
    handle = app.handle_exception

    @wraps(handle)
    def handle_exception(*arguments: Any, **named: Any) -> Any:
        error = error_in(arguments, named)
        page = own_page(app, request.blueprints)
        try:
            if error is None or page is None:
                request.environ.pop(CAUGHT, None)  # handled before this one
                return handle(*arguments, **named)  # which raises it
            caught(app, error)
            signals.got_request_exception.send(app, _async_wrapper=app.ensure_sync, exception=error)
            app.log_exception(*arguments[:-1], sys.exc_info())
            answer = app.ensure_sync(page)(server_error(error))
            return app.finalize_request(*arguments[:-1], answer, from_error_handler=True)
        except Exception as unhandled:
            leave_out_this_call(unhandled)
            raise

    app.handle_exception = handle_exception


def own_page(app: Any, blueprints: Sequence[str]) -> Callable[[object], Any] | None:
    """The app's handler for status 500. One for `HTTPException` is none: it gives all statuses their form,
    and would hide what is to be mended.

    Args:
        blueprints: of the request, the innermost first.
    """
    for scope in (*blueprints, None):
        for page in app.error_handler_spec.get(scope, {}).get(500, {}).values():
            return cast(Callable[[object], Any], page)
    return None


def server_error(error: BaseException) -> Exception:
    """What a handler for 500 gets in place of the error."""
    made = import_module("werkzeug.exceptions").InternalServerError(original_exception=error)
    return cast(Exception, made)


def error_in(arguments: tuple[object, ...], named: dict[str, object]) -> BaseException | None:
    """What `handle_user_exception` was asked to handle, unless that is an answer that was raised. Versions
    differ in what they give besides."""
    for each in (*arguments, *named.values()):
        if isinstance(each, BaseException):
            return None if is_instance(each, "werkzeug.exceptions", "HTTPException") else each
    return None


def leave_out_this_call(error: BaseException) -> None:
    """Takes the call that has caught `error`, and raises it again, out of its traceback. (Python 3.10 puts it
    back.)"""
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
