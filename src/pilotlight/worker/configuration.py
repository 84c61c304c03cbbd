"""From the user's settings to the HTTP engine's. Must never import TLS unless it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pilotlight.errors import UserError
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


def config_of_stand_in(settings: Settings, notice: Callable[[str], None]) -> ServerConfig:
    """How to serve a page of ours in place of an app that could not be loaded.

    The certificate may be in what could not be loaded: then the page has the one of `--cert adhoc`, or, where
    that cannot be made, no TLS at all.

    Args:
        notice: told of either.
    """
    try:
        return server_config(settings)
    except UserError:
        notice("Until the app can be loaded, its certificate is replaced by that of --cert adhoc.")
    try:
        return server_config(replace(settings, cert="adhoc", key=None))
    except UserError as error:
        notice(f"{error.message} Until the app can be loaded, its error is shown over plain HTTP.")
    return server_config(replace(settings, cert=None, key=None))
