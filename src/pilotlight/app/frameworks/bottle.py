"""Bottle: a WSGI app."""

from __future__ import annotations

from typing import Any, cast

from pilotlight.server.application import Application

from . import is_instance

NAME = "Bottle"
DISTRIBUTION = "bottle"


def is_app(candidate: object) -> bool:
    """Whether it is a `Bottle` or of a class derived from it."""
    return is_instance(candidate, "bottle", "Bottle")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """The app as it is: `debug` of Bottle shows its own error page, so the app's setting is left alone."""
    return Application("wsgi", cast(Any, candidate))
