"""aiohttp: recognised in order to be refused, because its apps run on its own server alone."""

from __future__ import annotations

from pilotlight.app.errors import UnsupportedFramework
from pilotlight.server.application import Application

from . import is_instance

NAME = "aiohttp"
DISTRIBUTION = "aiohttp"


def is_app(candidate: object) -> bool:
    """Whether it is an `aiohttp.web.Application`."""
    return is_instance(candidate, "aiohttp.web_app", "Application")


def application(candidate: object, where: str, debug: bool | None) -> Application:
    """Refuse it.

    Raises:
        UnsupportedFramework: always.
    """
    raise UnsupportedFramework(where, NAME, "Run it with aiohttp's own server: `aiohttp.web.run_app(app)`.")
