"""From the user's settings to the HTTP engine's. Must never import TLS unless it is wanted."""

from __future__ import annotations

from pilotlight.server.application import ServerConfig
from pilotlight.settings import Settings


def server_config(settings: Settings) -> ServerConfig:
    """How to serve.

    Raises:
        UserError: the certificate or its key is not usable.
    """
    if settings.cert is None:
        return ServerConfig(threads=settings.threads)
    from pilotlight.server.tls import load_context

    return ServerConfig(threads=settings.threads, ssl_context=load_context(settings.cert, settings.key))
