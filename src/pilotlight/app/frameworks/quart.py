"""Quart: Flask's interface as an ASGI app; its debug flag decides that exceptions reach the server."""

from __future__ import annotations

import sys
from functools import wraps
from importlib import import_module
from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance
from .flask import CAUGHT, error_in, leave_out_this_call, own_page, server_error

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


def console_names(app: Any) -> dict[str, Any]:
    """As `quart shell` has them: those of the shell context processors. Not for the app's own thread."""
    import asyncio

    async def made() -> dict[str, Any]:
        async with app.app_context():
            return dict(app.make_shell_context())

    return asyncio.run(made())


def let_errors_out(app: Any, note: Note) -> None:
    """In debug mode Quart answers with a page of its own, and raises nothing. What a handler of the app's own
    answers is noted if that is a failure, also one for 500."""
    signals = import_module("quart.signals")
    quart = import_module("quart")
    if app.config.get("PROPAGATE_EXCEPTIONS") is None:
        app.config["PROPAGATE_EXCEPTIONS"] = True
    answers = not app.config["PROPAGATE_EXCEPTIONS"]

    # All receivers are coroutines: others would be called in a thread.
    async def caught(sender: object, exception: BaseException, **_: object) -> None:
        if not answers and CAUGHT not in quart.request.scope:
            note(exception)
        else:
            quart.request.scope[CAUGHT] = exception

    async def answered(sender: object, response: Any, **_: object) -> None:
        error = quart.request.scope.pop(CAUGHT, None)
        if error is not None and response.status_code >= 500:
            note(error)

    async def left(sender: object, **_: object) -> None:
        """Functions of the app's own have spoiled the answer: there was no `answered`."""
        error = quart.request.scope.pop(CAUGHT, None)
        if error is not None:
            note(error)

    handle = app.handle_user_exception

    @wraps(handle)
    async def handle_user_exception(*arguments: Any, **named: Any) -> Any:
        try:
            answer = await handle(*arguments, **named)
        except Exception as unhandled:
            leave_out_this_call(unhandled)
            raise
        error = error_in(arguments, named)
        if error is not None and quart.has_request_context():  # a WebSocket has no answer
            quart.request.scope[CAUGHT] = error
        return answer

    app.handle_user_exception = handle_user_exception
    if not answers:
        _ask_own_page(app)
    signals.request_finished.connect(answered, app, weak=False)
    signals.got_request_exception.connect(caught, app, weak=False)
    signals.request_tearing_down.connect(left, app, weak=False)


def _ask_own_page(app: Any) -> None:
    """As with Flask: `errorhandler(500)` answers what nobody has handled."""
    signals = import_module("quart.signals")
    quart = import_module("quart")
    handle = app.handle_exception

    @wraps(handle)
    async def handle_exception(*arguments: Any, **named: Any) -> Any:
        error = error_in(arguments, named)
        page = own_page(app, quart.request.blueprints)
        try:
            if error is None or page is None:
                quart.request.scope.pop(CAUGHT, None)  # handled before this one
                return await handle(*arguments, **named)  # which raises it
            quart.request.scope[CAUGHT] = error
            await signals.got_request_exception.send_async(
                app, _sync_wrapper=app.ensure_async, exception=error
            )
            app.log_exception(*arguments[:-1], sys.exc_info())
            answer = await app.ensure_async(page)(server_error(error))
            return await app.finalize_request(*arguments[:-1], answer, from_error_handler=True)
        except Exception as unhandled:
            leave_out_this_call(unhandled)
            raise

    app.handle_exception = handle_exception


def is_default_error_page(body: bytes) -> bool:
    """That of its debug mode."""
    return body.lstrip().startswith(b"<style>\npre {") and b'class="traceback"' in body
