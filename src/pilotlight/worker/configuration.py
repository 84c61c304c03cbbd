"""From the user's settings to the HTTP engine's. Must never import TLS unless it is wanted."""

from __future__ import annotations

from collections.abc import Callable

from pilotlight.server.application import ServerConfig
from pilotlight.settings import Settings

CONTEXT_OF_SCRIPT = "ssl.SSLContext of the script"
"""Stands in `Settings.cert` for a context object that a script gave, which cannot leave its process."""


def server_config(
    settings: Settings, context: object = None, notice: Callable[[str], None] | None = None
) -> ServerConfig:
    """How to serve.

    Args:
        notice: told once where a certificate of our own making lies.
        context: the `ssl.SSLContext` that a script gave to its run call.

    Raises:
        UserError: the certificate or its key is not usable.
    """
    if settings.cert is None or context is not None:
        return ServerConfig(threads=settings.threads, ssl_context=context)
    from pilotlight.server.tls import load_context

    tls = load_context(settings.cert, settings.key, notice=notice)
    return ServerConfig(threads=settings.threads, ssl_context=tls)
