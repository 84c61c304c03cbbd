"""Falcon: WSGI and ASGI apps; the ASGI class is derived from the WSGI one."""

from __future__ import annotations

from typing import Any, cast

from pilotlight.server.application import Application

from . import is_instance

NAME = "Falcon"
DISTRIBUTION = "falcon"


def is_app(candidate: object) -> bool:
    """Whether it is a `falcon.App` or a `falcon.asgi.App`."""
    return is_instance(candidate, "falcon.app", "App") or _is_asgi(candidate)


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: Falcon has no debug mode."""
    return Application("asgi" if _is_asgi(candidate) else "wsgi", cast(Any, candidate))


def _is_asgi(candidate: object) -> bool:
    return is_instance(candidate, "falcon.asgi.app", "App")
