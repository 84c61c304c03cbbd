"""What the HTTP engine serves and whom it tells: the seams between the server and the rooms above it.

Types only, no behaviour; must stay free of imports that cost start-up time.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Interface = Literal["wsgi", "asgi"]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Application:
    """A WSGI or ASGI 3 callable, told apart."""

    interface: Interface
    callable: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may take. Sizes in bytes, times in seconds."""

    header_bytes: int = 64 * 1024
    header_count: int = 200
    header_seconds: float = 20.0
    """From the first byte of a request to the end of its headers."""
    keep_alive_seconds: float = 75.0
    linger_seconds: float = 2.0
    """How long a refused upload is still read after the response (RFC 9112 9.6)."""
    body_buffer_bytes: int = 256 * 1024
    """Back pressure: above this a request body or a response waits for the other side."""
    websocket_message_bytes: int = 16 * 1024 * 1024
    threads: int = 40


@dataclass(frozen=True, slots=True)
class AccessRecord:
    """One finished request, for the access log. `target` and the rest come from the client: never print them
    raw."""

    client: str
    method: str
    target: str
    http_version: str
    status: int
    seconds: float
    response_bytes: int
    complete: bool = True
    """False when the response was cut short."""


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What the error reporter may know of the request that failed."""

    method: str
    target: str
    headers: Headers
    client: str
    scheme: str
    http_version: str = "1.1"
    environ: Mapping[str, Any] = field(default_factory=dict)
    """The WSGI environ or the ASGI scope, as the app has left it."""
    body: bytes = b""
    """All of the body; nothing if it has not come whole, or is longer than `ServerConfig.keep_body_bytes`."""
    body_bytes: int = 0
    """How much of it has come."""
    body_complete: bool = True
    """Whether that is all."""
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """A complete response that stands in for the one the app failed to give."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The connection is not for the app.

    Args:
        take: gets it, with all bytes from the first of the request on; plain HTTP only.
    """

    take: Callable[[DetachedConnection], None]


@dataclass(frozen=True, slots=True)
class Later:
    """The request waits for another server, to which its connection moves; no app gets it meanwhile.

    Args:
        answer: is given after all when nobody has come, or when the connection cannot move (TLS).
        seconds: that it waits.
    """

    answer: ErrorResponse
    seconds: float


Screened = ErrorResponse | Elsewhere | Later | None
"""What becomes of a request before the app gets it; None lets it pass."""


class RequestFacts(Protocol):
    """What is known of a request before the app gets it."""

    @property
    def method(self) -> str:
        """As sent."""
        ...

    @property
    def target(self) -> bytes:
        """As sent."""
        ...

    @property
    def raw_path(self) -> bytes:
        """Without the query, not decoded."""
        ...

    @property
    def headers(self) -> Headers:
        """Names in lower case."""
        ...


class ServerHooks(Protocol):
    """What the server tells its owner. Called on the loop's thread unless said otherwise; must not raise,
    must not block."""

    def request_begins(self) -> None:
        """The app is about to be called, in this thread and this context."""

    def request_ends(self) -> None:
        """The app has returned, in the same thread and context, and what it raised has been told."""

    def noted_error(self) -> BaseException | None:
        """What the app's framework has caught of this request's errors, and answered by itself."""
        ...

    def answered_error(self, error: BaseException, request: RequestInfo) -> None:
        """The app has answered a request with a status of 500 or more, and this is what `noted_error` gives
        of it. Records the error; its answer is sent already."""

    def is_default_error_page(self, body: bytes) -> bool:
        """Whether a response with status 500 is what a framework answers by itself to an error that it is
        about to raise again: such a response is held back, and `app_error` may replace it."""
        ...

    def is_news_of_disconnect(self, error: BaseException) -> bool:
        """Whether this is how a framework tells a handler that its WebSocket has ended."""
        ...

    def access(self, record: AccessRecord) -> None:
        """A request has been answered."""

    def notice(self, message: str) -> None:
        """Something the developer should read in the terminal (a TLS hello on the plain port, a cut
        response, ...)."""

    def app_error(
        self, error: BaseException, request: RequestInfo | None, response_started: bool
    ) -> ErrorResponse | None:
        """The app raised. May be called on a pool thread. Prints or records the error; its answer (None: a
        plain 500) is sent if the response has not started yet. `request` is None for lifespan and background
        failures."""
        ...


@dataclass(frozen=True, slots=True)
class DetachedConnection:
    """An open client connection taken out of one server to be adopted by another: the descriptor and the
    bytes that were read from it but not yet given to an app (from the first byte of the pending request
    on)."""

    sock: socket.socket
    data: bytes


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How to serve."""

    threads: bool = True
    """False: one request at a time reaches a WSGI app (`wsgi.multithread` is false)."""
    limits: Limits = field(default_factory=Limits)
    ssl_context: Any = None
    """An `ssl.SSLContext`, or None for plain HTTP."""
    root_path: str = ""
    keep_body_bytes: int = 0
    """How much of a request's body is kept for a report of its failure."""
    environ: Mapping[str, Any] = field(default_factory=dict)
    """What each WSGI environ has in addition."""
    screen: Callable[[RequestFacts, str], Screened] | None = None
    """Looks at each request, with the client's address, before the app gets it; its answer stands in for the
    app's."""
