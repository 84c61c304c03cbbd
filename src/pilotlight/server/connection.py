"""One client connection: reads requests, hands them to the app one after another, ends or hands over the
connection.

    reading ──request──> (parked: not admitted yet) ──> active ──response──> reading ...
       │         └──for another server──> waiting          └──body left over──> skipping │ lingering ──>
       closed └── detached (to another server), refused (bad request) ──> lingering ──> closed

Must never run app code itself, and never start a request before the one in front of it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, cast

from pilotlight.server.admission import is_for_the_app
from pilotlight.server.answering import linger, nothing, refuse
from pilotlight.server.application import AccessRecord
from pilotlight.server.framing import BodyFraming, LengthFraming, framing_for
from pilotlight.server.head import BadRequest, RequestHead
from pilotlight.server.leaving import FAREWELL_SECONDS, leave
from pilotlight.server.reader import RequestReader
from pilotlight.server.upgrading import become_websocket
from pilotlight.server.wire import Wire

if TYPE_CHECKING:
    from pilotlight.server.shared import Exchange, HandOver, Shared

_SKIP_BYTES = 64 * 1024
"""A rest of a body that the app did not want and that is no longer than this is read, to keep the
connection."""
_TLS_HANDSHAKE = 0x16
_HTTPS_NOTICE = (
    "A client spoke TLS on this plain HTTP port (a browser with an https:// address?). Use http:// instead."
)

State = Literal["reading", "active", "skipping", "lingering", "parked", "waiting", "leaving", "closed"]


class Connection(asyncio.Protocol):
    """The HTTP protocol of one accepted connection.

    Args:
        shared: what the server's connections have in common.
        scheme: `http` or `https`.
        adopted: bytes that another process has read from this connection already.
    """

    def __init__(self, shared: Shared, scheme: str, adopted: bytes = b"") -> None:
        self.shared = shared
        self.scheme = scheme
        self.client: tuple[str, int] | None = None
        self.client_name = "local"
        """The client's address for the log; `local` behind a UNIX socket."""
        self.server: tuple[str, int | None] | None = None
        self.environ_base: dict[str, Any] | None = None
        self.gone = False
        """No exchange can write to the client any more. Read by pool threads too."""
        self.destination: HandOver | None = None
        """Who takes this connection, whatever becomes of the others."""
        self.half_closed = False
        self.write_paused = False
        self.deadline = 0.0
        """Loop time at which the connection is given up; 0 for never."""
        self.farewell = 0.0
        """Loop time until which a leaving server waits for the client's end."""
        self.is_unused = not adopted
        """Nothing has been read yet."""
        self.state: State = "reading"
        self.reader = RequestReader(
            shared.parser, shared.limits, collects=shared.application.interface == "wsgi", kept=adopted
        )
        self._framing: BodyFraming = LengthFraming(0)
        self._exchange: Exchange | None = None
        self.answer_in_time: Callable[[], None] = nothing
        """What the request that waits gets if no other server takes it."""
        self._continue_due = False
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.wire: Wire = cast("Wire", None)

    # --- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        shared = self.shared
        self.wire = wire = Wire(self._transport, shared.limits.body_buffer_bytes)
        self.client, self.server = wire.client, wire.server
        if wire.client is not None:
            self.client_name = wire.client[0]
        shared.connections.add(self)
        self.deadline = shared.loop.time() + shared.limits.keep_alive_seconds
        # Not from in here: uvloop does not allow a transport to be closed before this has returned.
        if self.reader.buffer:
            shared.loop.call_soon(self._read_kept)
        if shared.draining:
            shared.loop.call_soon(self.drain)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        state = self.state
        if state == "reading":
            if self.is_unused:
                self.is_unused = False
                if data[0] == _TLS_HANDSHAKE and self.scheme == "http":
                    self.shared.hooks.notice(_HTTPS_NOTICE)
                    self.close()
                    return
            self._read(data)
        elif state == "active" or state == "skipping":
            if not self._framing.complete:
                data = self._feed_body(data)
            if data:
                self._keep(data)
        elif state in ("parked", "waiting"):
            self._keep(data)

    def eof_received(self) -> bool:
        """The client sends nothing more; it may still read (RFC 9112 9.6)."""
        if self.scheme == "https":
            return False
        if self.state == "reading" and self.reader.buffer and self.reader.phase == "idle":
            self.half_closed = True  # a whole request may wait in the buffer
            return True
        if self.state == "parked":
            self.half_closed = True
            return True
        if self.state == "waiting":
            self.half_closed = True
            self.answer_in_time()
            return True
        if self.state != "active" or not self._framing.complete:
            return False
        self.half_closed = True
        if self._exchange is not None:
            self._exchange.disconnected()
        return True

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.write_paused = False
        if self._exchange is not None:
            self._exchange.writable()
        if self.state == "leaving":
            leave(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self.gone = True
        self.wire.has_been_lost(tls=self.scheme == "https")
        self.state = "closed"
        self.reader.clear()
        self.answer_in_time = nothing
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.disconnected()
        self.shared.connections.discard(self)
        self.shared.on_change()

    # --- called by the exchange, on the loop's thread

    @property
    def body_incomplete(self) -> bool:
        """Whether so much of the request's body is still to come that the connection cannot be kept.

        Read by pool threads too.
        """
        framing = self._framing
        if framing.complete:
            return False
        remaining = framing.remaining
        return self._continue_due or remaining is None or remaining > _SKIP_BYTES

    @property
    def closes_after(self) -> bool:
        """Whether the response should say `Connection: close`. Read by pool threads too."""
        shared = self.shared
        return (
            (not self._framing.complete and self.body_incomplete)
            or (self.half_closed and not self.reader.buffer)
            or (shared.draining and (shared.hand_over is None or self.scheme == "https"))
        )

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes of the response."""
        if not self.gone:
            self._transport.write(data)

    def send_continue(self) -> None:
        """The app wants the body: tell a client that waits for that (RFC 9110 10.1.1)."""
        if self._continue_due and self.state == "active":
            self._continue_due = False
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def pause_body(self) -> None:
        """The app reads its body more slowly than the client sends."""
        self.wire.pause_reading()

    def resume_body(self) -> None:
        """The app has caught up."""
        if len(self.reader.buffer) <= self.shared.limits.body_buffer_bytes:
            self.wire.resume_reading()

    def finish(self, exchange: Exchange, record: AccessRecord, keep_alive: bool) -> None:
        """The response of `exchange` has been written, or will never be complete.

        Args:
            exchange: the one that is over.
            record: for the access log.
            keep_alive: whether another request may follow.
        """
        shared = self.shared
        shared.hooks.access(record)
        if self._exchange is not exchange:
            return
        self._exchange = None
        if self.state != "active":
            return
        self.deadline = shared.loop.time() + shared.limits.keep_alive_seconds
        if shared.draining and self.scheme == "https":
            self.farewell = shared.loop.time() + FAREWELL_SECONDS
        if not self._framing.complete:
            if keep_alive and not self.body_incomplete:
                self.state = "skipping"
                self.wire.resume_reading()
            else:
                linger(self)
        elif not keep_alive or (self.half_closed and not self.reader.buffer):
            self.close()
        else:
            self.next_request()

    def next_request(self) -> None:
        """The one in front of it has been answered."""
        self.state = "reading"
        self.wire.resume_reading()
        if self.shared.draining and not (self.reader.buffer and self.ends_here):
            leave(self)
        elif self.reader.buffer:
            self.shared.loop.call_soon(self._read_kept)  # not at once: no recursion over a long pipeline

    @property
    def ends_here(self) -> bool:
        """Whether a successor is there, but cannot take this connection, because it is TLS."""
        return self.scheme == "https" and self.shared.hand_over is not None

    def close(self) -> None:
        """End the connection when everything written has been sent."""
        self.state = "closed"
        self.gone = True
        self.deadline = self.shared.loop.time() + self.shared.limits.keep_alive_seconds
        self.wire.close()

    def abort(self) -> None:
        """End the connection at once."""
        self.state = "closed"
        self.gone = True
        self.deadline = 0.0
        self.wire.abort()

    # --- called by the engine, and by those who leave

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = 0.0
        if self.state == "reading" and self.reader.buffer:
            refuse(self, BadRequest(408, "The request did not arrive in time."))
        elif self.state == "waiting":
            self.answer_in_time()
        elif self.state in ("closed", "leaving"):
            self.abort()
        else:
            self.close()

    def ask_again(self) -> None:
        """A request that was not admitted may be by now."""
        if self.state == "parked":
            self.state = "reading"
            self.wire.resume_reading()
            self._read_kept()

    def drain(self) -> None:
        """The server stops: leave at once unless a request is being answered."""
        if self.state == "waiting" and self.scheme == "https":
            self.answer_in_time()
        elif self.state in ("reading", "parked", "waiting"):
            leave(self)
        elif self.state in ("lingering", "skipping"):
            self.close()
        elif self._exchange is not None and self._exchange.is_event_stream:
            exchange, self._exchange = self._exchange, None
            self.close()
            exchange.disconnected()
            exchange.abandon()

    @property
    def has_read(self) -> bool:
        """Whether something of a request has come that is not being answered."""
        return bool(self.reader.buffer)

    def begin_leaving(self) -> None:
        """Nothing more is read or written here."""
        self.state = "leaving"
        self.gone = True
        self.wire.pause_reading()

    def take_unanswered(self) -> bytes:
        """What was read of the requests that are not being answered; the connection is over here."""
        self.state = "closed"
        return self.reader.unread

    def close_unused(self) -> None:
        """Nothing more is waited for: end politely unless a request is being answered."""
        if self.state == "reading":
            self.close()

    # --- reading

    def _read(self, data: bytes) -> None:
        """Take up the next request when enough of it is there."""
        reader = self.reader
        before = reader.phase
        try:
            head = reader.feed(data)
        except BadRequest as error:
            refuse(self, error)
            return
        if head is None:
            if self.half_closed:
                self.close()
            elif reader.phase != before:
                limits = self.shared.limits
                seconds = limits.header_seconds if reader.phase == "head" else limits.keep_alive_seconds
                self.deadline = self.shared.loop.time() + seconds
            return
        self.deadline = 0.0
        if head.has_body:
            self._framing = framing_for(head)
        elif not self._framing.complete or type(self._framing) is not LengthFraming:
            self._framing = LengthFraming(0)
        self._admit(head, reader.buffer, reader.end)

    def _admit(self, head: RequestHead, data: bytes, end: int) -> None:
        """Give the request to whom it belongs."""
        if not is_for_the_app(self, head, end):
            return
        if head.wants_websocket and self.shared.application.interface == "asgi":
            become_websocket(self, self._transport, head, data)
        else:
            self._begin(head, data, end)

    def _begin(self, head: RequestHead, data: bytes, end: int) -> None:
        """The app gets the request."""
        self.state = "active"
        self.reader.buffer = b""
        body = data[end:] if end < len(data) else b""
        rest = b""
        if head.has_body:
            try:
                body, rest = self._framing.feed(body)
            except BadRequest as error:
                refuse(self, error)
                return
            self._continue_due = head.expects_continue and not self._framing.complete
        else:
            body, rest = b"", body
        exchange = self.shared.new_exchange(self, head, body, self._framing.complete)
        self._exchange = exchange
        if rest:
            self._keep(rest)
        exchange.start()
        if self.half_closed:
            exchange.disconnected()

    def _feed_body(self, data: bytes) -> bytes:
        """Pass on what belongs to the body; give back what comes behind it."""
        try:
            body, rest = self._framing.feed(data)
        except BadRequest as error:
            exchange, self._exchange = self._exchange, None
            if exchange is None or getattr(exchange, "head_sent", False):
                self.abort()
            else:
                refuse(self, error)
            if exchange is not None:
                exchange.disconnected()
            return b""
        if self._exchange is not None:
            if body:
                self._continue_due = False
            if body or self._framing.complete:
                self._exchange.feed_body(body, self._framing.complete)
        elif self._framing.complete:
            self.reader.buffer += rest
            self.next_request()
            return b""
        return rest

    def _keep(self, data: bytes) -> None:
        """Keep what belongs to later requests, but not without bounds."""
        self.reader.buffer += data
        if len(self.reader.buffer) > self.shared.limits.body_buffer_bytes:
            self.wire.pause_reading()

    def _read_kept(self) -> None:
        if self.state == "reading" and self.reader.buffer:
            self._read(b"")
