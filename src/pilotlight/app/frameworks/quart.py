"""Quart: Flask's interface as an ASGI app; its debug flag decides that exceptions reach the server."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance

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
    """In debug mode Quart answers with a page of its own, and raises nothing."""
    if app.config.get("PROPAGATE_EXCEPTIONS") is None:
        app.config["PROPAGATE_EXCEPTIONS"] = True

    def noted(sender: object, exception: BaseException, **_: object) -> None:
        note(exception)

    import_module("quart.signals").got_request_exception.connect(noted, app, weak=False)


def is_default_error_page(body: bytes) -> bool:
    """That of its debug mode."""
    return body.lstrip().startswith(b"<style>\npre {") and b'class="traceback"' in body
