"""What all connections of one server share. Data only: the engine writes it, connections read it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pilotlight.server.application import Application, DetachedConnection, ServerConfig, ServerHooks
from pilotlight.server.head import HeadParser
from pilotlight.server.mailbox import Mailbox
from pilotlight.server.pool import ThreadPool
from pilotlight.server.response import ServerHeaders

if TYPE_CHECKING:
    from pilotlight.server.connection import Connection
    from pilotlight.server.head import RequestHead

HandOver = Callable[[DetachedConnection], None]


class Exchange(Protocol):
    """One request that has been given to the app, with its response."""

    head: RequestHead
    head_sent: bool
    """The response has begun."""
    began: float
    """In seconds, as `time.perf_counter` gives them."""

    def start(self) -> None:
        """Let the app run."""

    def feed_body(self, data: bytes, complete: bool) -> None:
        """More of the request's body."""

    def disconnected(self) -> None:
        """The client is gone, or (half-closed) will send nothing more."""

    def writable(self) -> None:
        """The client has read what was written before."""

    @property
    def is_event_stream(self) -> bool:
        """Whether a response that may never end has begun."""

    def abandon(self) -> None:
        """The server goes away: stop the app if that can be done."""


class Shared:
    """The common state of a server's connections."""

    def __init__(
        self,
        application: Application,
        config: ServerConfig,
        hooks: ServerHooks,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.application = application
        self.config = config
        self.limits = config.limits
        self.hooks = hooks
        self.loop = loop
        self.parser = HeadParser(config.limits)
        self.fixed_headers = ServerHeaders()
        self.mailbox = Mailbox(loop)
        self.pool = ThreadPool(loop, config.limits.threads if config.threads else 1)
        self.lifespan_state: dict[str, Any] | None = None
        """What the app left in the lifespan's state; None without lifespan."""
        self.new_exchange: Callable[[Connection, RequestHead, bytes, bool], Exchange] = _exchange_type(
            application
        )
        """Makes the exchange for an admitted request: connection, head, (start of the) body, whether that is
        all."""
        self.connections: set[Any] = set()
        self.exchanges: set[Exchange] = set()
        self.draining = False
        self.hand_over: HandOver | None = None
        self.admit: Callable[[], bool] | None = None
        self.on_change: Callable[[], None] = _nothing
        """Told when an exchange or a connection has ended while draining."""


def _exchange_type(application: Application) -> Callable[[Connection, RequestHead, bytes, bool], Exchange]:
    """Only the one interface that is served costs start-up time."""
    if application.interface == "wsgi":
        from pilotlight.server.wsgi import WsgiExchange

        return WsgiExchange
    from pilotlight.server.asgi import AsgiExchange

    return AsgiExchange


def _nothing() -> None:
    pass
