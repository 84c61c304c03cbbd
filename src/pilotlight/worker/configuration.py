"""From the user's settings to the HTTP engine's. Must never import TLS unless it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pilotlight.errors import UserError
from pilotlight.server.application import ServerConfig
from pilotlight.settings import Settings
from pilotlight.worker.recording import PRESERVE_CONTEXT, take_context
from pilotlight.worker.reporting import KEPT_BODY_BYTES, Debugging
from pilotlight.worker.screen import Screen

CONTEXT_OF_SCRIPT = "ssl.SSLContext of the script"
"""Stands in `Settings.cert` for a context object that a script gave, which cannot leave its process."""


def server_config(
    settings: Settings,
    context: object = None,
    notice: Callable[[str], None] | None = None,
    screen: Screen | None = None,
) -> ServerConfig:
    """How to serve.

    Args:
        screen: of this worker, where the debugger is on.
        notice: told once where a certificate of our own making lies.
        context: the `ssl.SSLContext` that a script gave to its run call.

    Raises:
        UserError: the certificate or its key is not usable.
    """
    if settings.cert is not None and context is None:
        from pilotlight.server.tls import load_context

        context = load_context(settings.cert, settings.key, notice=notice)
    if not settings.debugger:
        return ServerConfig(threads=settings.threads, ssl_context=context)
    return ServerConfig(
        threads=settings.threads,
        ssl_context=context,
        keep_body_bytes=KEPT_BODY_BYTES,
        environ={PRESERVE_CONTEXT: take_context},
        screen=screen,
    )


def debugging_of(settings: Settings, url: str, note: str, generation: str) -> Debugging:
    """What error pages need to know.

    Args:
        url, note: see `order.StartOrder`.
        generation: of the code that is served.
    """
    pairs = (each.partition("=") for each in settings.path_mappings)
    return Debugging(
        url=url,
        note=note,
        generation=generation,
        editor=settings.editor or "",
        mapping=tuple((here, there) for here, _, there in pairs),
        allowed=settings.allowed_hosts,
        live=settings.reload,
        show=settings.debugger,
    )


def config_of_stand_in(
    settings: Settings, notice: Callable[[str], None], screen: Screen | None
) -> ServerConfig:
    """How to serve a page of ours in place of an app that could not be loaded.

    The certificate may be in what could not be loaded: then the page has the one of `--cert adhoc`, or, where
    that cannot be made, no TLS at all.

    Args:
        notice: told of either.
        screen: as in `server_config`.
    """
    try:
        return server_config(settings, screen=screen)
    except UserError:
        notice("Until the app can be loaded, its certificate is replaced by that of --cert adhoc.")
    try:
        return server_config(replace(settings, cert="adhoc", key=None), screen=screen)
    except UserError as error:
        notice(f"{error.message} Until the app can be loaded, its error is shown over plain HTTP.")
    return server_config(replace(settings, cert=None, key=None), screen=screen)
