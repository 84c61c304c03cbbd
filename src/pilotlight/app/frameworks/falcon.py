"""Falcon: WSGI and ASGI apps; the ASGI class is derived from the WSGI one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import Any, cast

from pilotlight.server.application import Application

from . import Note, is_instance

NAME = "Falcon"
DISTRIBUTION = "falcon"
NEWS_OF_DISCONNECT = ("falcon.errors", "WebSocketDisconnected")
"""Module and name of the exception by which a handler learns that its WebSocket has ended."""


def is_app(candidate: object) -> bool:
    """Whether it is a `falcon.App` or a `falcon.asgi.App`."""
    return is_instance(candidate, "falcon.app", "App") or _is_asgi(candidate)


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: Falcon has no debug mode."""
    return Application("asgi" if _is_asgi(candidate) else "wsgi", cast(Any, candidate))


def _is_asgi(candidate: object) -> bool:
    return is_instance(candidate, "falcon.asgi.app", "App")


def let_errors_out(app: Any, note: Note) -> None:
    """In place of Falcon's handler for all that has no other. Those of the app's own stay; what they answer
    is noted if that is a failure."""
    for kind, handler in list(getattr(app, "_error_handlers", {}).items()):
        if kind is Exception and getattr(handler, "__name__", "") == "_python_error_handler":
            app.add_error_handler(Exception, _raise_again_in_task if _is_asgi(app) else _raise_again)
        elif not issubclass(kind, _answers()):
            watched = _watched_in_task if _is_asgi(app) else _watched
            app.add_error_handler(kind, watched(handler, note))


def _raise_again(request: object, response: object, error: Exception, parameters: object) -> None:
    raise error


async def _raise_again_in_task(
    request: object, response: object, error: Exception, parameters: object, **_: object
) -> None:
    raise error


def _watched(handler: Callable[..., Any], note: Note) -> Callable[..., Any]:
    """Named arguments, and not those of `handler`: Falcon goes by their names, and has adapted it already."""

    def watched(request: object, response: Any, error: Exception, parameters: object) -> None:
        with _noted_if_it_fails(response, error, note):
            handler(request, response, error, parameters)

    return watched


def _watched_in_task(handler: Callable[..., Any], note: Note) -> Callable[..., Any]:
    """With the arguments of `handler`: Falcon gives the WebSocket to those that name it."""

    @wraps(handler)
    async def watched(
        request: object, response: Any, error: Exception, parameters: object, **named: object
    ) -> None:
        with _noted_if_it_fails(response, error, note):
            await handler(request, response, error, parameters, **named)

    return watched


@contextmanager
def _noted_if_it_fails(response: Any, error: Exception, note: Note) -> Iterator[None]:
    """A handler answers by what it makes of the response, or raises one. A WebSocket has no response."""
    answer = response
    try:
        yield
    except _answers() as raised:
        answer = raised
        raise
    finally:
        if response is not None and answer.status_code >= 500:
            note(error)


def _answers() -> tuple[type[BaseException], ...]:
    """What is raised to answer with it."""
    falcon = import_module("falcon")
    return (falcon.HTTPError, falcon.HTTPStatus)
