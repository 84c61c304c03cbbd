"""One client connection: reads requests, hands them to the app one after another, ends or hands over the
connection.

    reading ──head──> (collecting a small WSGI body) ──> active ──response──> reading ...
       │                                                   └──body left over──> skipping │ lingering ──>
       closed └── detached (to another server), refused (bad request) ──> lingering ──> closed

Must never run app code itself, and never start a request before the one in front of it is answered.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
from typing import TYPE_CHECKING, Any, Literal, cast

from pilotlight.server.application import AccessRecord, DetachedConnection, ErrorResponse, RequestInfo
from pilotlight.server.framing import BodyFraming, LengthFraming, framing_for
from pilotlight.server.head import BadRequest, RequestHead, check_partial, request_line
from pilotlight.server.response import plain_response, whole_response

if TYPE_CHECKING:
    from pilotlight.server.shared import Exchange, Shared

_SKIP_BYTES = 64 * 1024
"""A rest of a body that the app did not want and that is no longer than this is read, to keep the
connection."""
_JUST_NOW_SECONDS = 1.0
"""A TLS connection that was opened longer ago and never used is idle: browsers open some in advance."""
_FAREWELL_SECONDS = 0.5
"""How long a leaving server waits for a TLS client to close after its last response."""
_TURNS_OF_A_READ = 3
"""Turns of the loop until bytes that are in the kernel have reached `data_received`."""
_TLS_HANDSHAKE = 0x16
_HTTPS_NOTICE = (
    "A client spoke TLS on this plain HTTP port (a browser with an https:// address?). Use http:// instead."
)

State = Literal["reading", "collecting", "active", "skipping", "lingering", "parked", "leaving", "closed"]


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
        self._lost = False
        """The transport has ended."""
        self.half_closed = False
        self.write_paused = False
        self.deadline = 0.0
        """Loop time at which the connection is given up; 0 for never."""
        self._farewell = 0.0
        """Loop time until which a leaving server waits for the client's end."""
        self._fresh = not adopted
        """Nothing has been read yet."""
        self._state: State = "reading"
        self._buffer = adopted
        """What was read and belongs to no admitted request; begins with the first byte of the next one."""
        self._head_begun = False
        """Whether the first bytes of a head have come; its time is running."""
        self._pieces: list[bytes] = []
        """In state `collecting`: all of the request so far."""
        self._wanted = 0
        """In state `collecting`: how many bytes are missing."""
        self._head: RequestHead | None = None
        self._framing: BodyFraming = LengthFraming(0)
        self._exchange: Exchange | None = None
        self._continue_due = False
        self._reading_paused = False
        self._closing = False
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)

    # --- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast("asyncio.Transport", transport)
        shared = self.shared
        limit = shared.limits.body_buffer_bytes
        self._transport.set_write_buffer_limits(high=limit, low=limit // 4)
        self.client = _address(transport.get_extra_info("peername"))
        if self.client is not None:
            self.client_name = self.client[0]
        self.server = _address(transport.get_extra_info("sockname"))
        shared.connections.add(self)
        self.deadline = shared.loop.time() + shared.limits.keep_alive_seconds
        # Not from in here: uvloop does not allow a transport to be closed before this has returned.
        if self._buffer:
            shared.loop.call_soon(self._read_kept)
        if shared.draining:
            shared.loop.call_soon(self.drain)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        state = self._state
        if state == "reading":
            if self._buffer:
                data = self._buffer + data
            elif self._fresh:
                self._fresh = False
                if data[0] == _TLS_HANDSHAKE and self.scheme == "http":
                    self.shared.hooks.notice(_HTTPS_NOTICE)
                    self.close()
                    return
            self._buffer = data
            self._read_head(data)
        elif state == "active" or state == "skipping":
            if not self._framing.complete:
                data = self._feed_body(data)
            if data:
                self._keep(data)
        elif state == "collecting":
            self._collect(data)
        elif state == "parked":
            self._keep(data)

    def eof_received(self) -> bool:
        """The client sends nothing more; it may still read (RFC 9112 9.6)."""
        if self.scheme == "https":
            return False
        if self._state == "reading" and self._buffer and not self._head_begun:
            self.half_closed = True  # a whole request may wait in the buffer
            return True
        if self._state == "parked":
            self.half_closed = True
            return True
        if self._state != "active" or not self._framing.complete:
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
        if self._state == "leaving":
            self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self.gone = self._lost = True
        if sys.version_info < (3, 11) and self.scheme == "https":
            self._transport.close()  # else asyncio's own warns that it was not, although it is over
        self._state = "closed"
        self._pieces = []
        self._buffer = b""
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
            or (self.half_closed and not self._buffer)
            or (shared.draining and (shared.hand_over is None or self.scheme == "https"))
        )

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes of the response."""
        if not self.gone:
            self._transport.write(data)

    def send_continue(self) -> None:
        """The app wants the body: tell a client that waits for that (RFC 9110 10.1.1)."""
        if self._continue_due and self._state == "active":
            self._continue_due = False
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def pause_body(self) -> None:
        """The app reads its body more slowly than the client sends."""
        self._pause_reading()

    def resume_body(self) -> None:
        """The app has caught up."""
        if len(self._buffer) <= self.shared.limits.body_buffer_bytes:
            self._resume_reading()

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
        if self._state != "active":
            return
        self.deadline = shared.loop.time() + shared.limits.keep_alive_seconds
        if shared.draining and self.scheme == "https":
            self._farewell = shared.loop.time() + _FAREWELL_SECONDS
        if not self._framing.complete:
            if keep_alive and not self.body_incomplete:
                self._state = "skipping"
                self._resume_reading()
            else:
                self._linger()
        elif not keep_alive or (self.half_closed and not self._buffer):
            self.close()
        else:
            self._next_request()

    def request_info(self, head: RequestHead) -> RequestInfo:
        """What an error report may know."""
        return RequestInfo(
            head.method, head.target.decode("latin-1"), head.headers, self.client_name, self.scheme
        )

    def close(self) -> None:
        """End the connection when everything written has been sent."""
        self._state = "closed"
        self.gone = True
        self.deadline = self.shared.loop.time() + self.shared.limits.keep_alive_seconds
        if not self._closing:  # closed twice, a TLS transport of asyncio can be asked nothing any more
            self._closing = True
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self._state = "closed"
        self.gone = True
        self.deadline = 0.0
        self._transport.abort()

    # --- called by the engine

    @property
    def has_left(self) -> bool:
        """Whether nothing is left to be done or sent (a TLS client may still owe its farewell)."""
        if self._state != "closed":
            return False
        # A TLS transport that has ended has no socket for a turn, before it says so, and then counts nothing.
        if self._lost or _socket_of(self._transport) is None:
            return True
        # Nor does it count what the transport under it still has to send: hence the farewell.
        parted = not self._farewell or self.shared.loop.time() >= self._farewell
        return parted and not self._transport.get_write_buffer_size()

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = 0.0
        if self._state in ("reading", "collecting") and self._buffer:
            self._refuse(BadRequest(408, "The request did not arrive in time."))
        elif self._state in ("closed", "leaving"):
            self.abort()
        else:
            self.close()

    def ask_again(self) -> None:
        """A request that was not admitted may be by now."""
        if self._state == "parked":
            self._state = "reading"
            self._resume_reading()
            self._read_kept()

    def drain(self) -> None:
        """The server stops: leave at once unless a request is being answered."""
        if self._state in ("reading", "collecting", "parked"):
            self._leave()
        elif self._state in ("lingering", "skipping"):
            self.close()
        elif self._exchange is not None and self._exchange.is_event_stream:
            exchange, self._exchange = self._exchange, None
            self.close()
            exchange.disconnected()
            exchange.abandon()

    def close_unused(self) -> None:
        """Nothing more is waited for: end politely unless a request is being answered."""
        if self._state in ("reading", "collecting"):
            self.close()

    # --- reading

    def _read_head(self, data: bytes) -> None:
        """Look for a complete head at the start of `data`, which is `_buffer`."""
        shared = self.shared
        end = data.find(b"\r\n\r\n")
        if data[0] == 13 and data.startswith(b"\r\n"):  # RFC 9112 2.2: an empty line in front is ignored
            self._buffer = data = data[2:]
            if data:
                self._read_head(data)
            return
        try:
            if end < 0:
                check_partial(data, shared.limits)
                if self.half_closed:
                    self.close()
                    return
                if not self._head_begun:
                    self._head_begun = True
                    self.deadline = shared.loop.time() + shared.limits.header_seconds
                return
            end += 4
            head = shared.parser.parse(data if end == len(data) else data[:end])
        except BadRequest as error:
            self._refuse(error)
            return
        self._head_begun = False
        self.deadline = 0.0
        if head.has_body:
            self._framing = framing_for(head)
            if (
                shared.application.interface == "wsgi"
                and not head.chunked
                and not head.expects_continue
                and head.content_length <= shared.limits.body_buffer_bytes
                and len(data) < end + head.content_length
            ):
                # A small body is collected first, so that a slow client never holds a thread.
                self._state = "collecting"
                self._head = head
                self._pieces = [data]
                self._wanted = end + head.content_length - len(data)
                self.deadline = shared.loop.time() + shared.limits.keep_alive_seconds
                return
        elif not self._framing.complete or type(self._framing) is not LengthFraming:
            self._framing = LengthFraming(0)
        self._admit(head, data, end)

    def _collect(self, data: bytes) -> None:
        self._pieces.append(data)
        self._wanted -= len(data)
        if self._wanted > 0:
            return
        whole = b"".join(self._pieces)
        self._pieces = []
        self._buffer = whole
        self.deadline = 0.0
        self._state = "reading"
        head = cast("RequestHead", self._head)
        self._head = None
        self._admit(head, whole, whole.find(b"\r\n\r\n") + 4)

    def _admit(self, head: RequestHead, data: bytes, end: int) -> None:
        """Give the request to the app, unless it belongs to another server by now."""
        shared = self.shared
        if (shared.admit is not None and self.scheme == "http" and not shared.admit()) or (
            shared.draining and shared.hand_over is not None and self.scheme == "http"
        ):
            self._state = "parked"
            if shared.hand_over is not None or shared.draining:
                self._leave()
            return
        if head.wants_websocket and shared.application.interface == "asgi":
            self._become_websocket(head, data)
            return
        if head.raw_path == b"*":
            self._buffer = data[end:]
            self._answer_options(head)
            return
        self._state = "active"
        self._buffer = b""
        body = data[end:] if end < len(data) else b""
        rest = b""
        if head.has_body:
            try:
                body, rest = self._framing.feed(body)
            except BadRequest as error:
                self._refuse(error)
                return
            self._continue_due = head.expects_continue and not self._framing.complete
        else:
            body, rest = b"", body
        exchange = shared.new_exchange(self, head, body, self._framing.complete)
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
                self._refuse(error)
            if exchange is not None:
                exchange.disconnected()
            return b""
        if self._exchange is not None:
            if body:
                self._continue_due = False
            if body or self._framing.complete:
                self._exchange.feed_body(body, self._framing.complete)
        elif self._framing.complete:
            self._buffer += rest
            self._next_request()
            return b""
        return rest

    def _keep(self, data: bytes) -> None:
        """Keep what belongs to later requests, but not without bounds."""
        self._buffer += data
        if len(self._buffer) > self.shared.limits.body_buffer_bytes:
            self._pause_reading()

    def _next_request(self) -> None:
        self._state = "reading"
        self._resume_reading()
        if self.shared.draining and not (self._buffer and self._ends_here):
            self._leave()
        elif self._buffer:
            self.shared.loop.call_soon(self._read_kept)  # not at once: no recursion over a long pipeline

    def _read_kept(self) -> None:
        if self._state == "reading" and self._buffer:
            self._read_head(self._buffer)

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self._lost:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and not self._lost:
            self._reading_paused = False
            self._transport.resume_reading()

    # --- answers of the server's own

    def _refuse(self, error: BadRequest) -> None:
        """Answer a request that cannot be understood; nothing behind it can be either."""
        method, target = request_line(self._buffer)
        answer = plain_response(error.status, f"{error.reason}\n")
        self._own_answer(answer, method=method, target=target, version="1.1", close=True)
        self._buffer = b""
        self._linger()

    def _answer_options(self, head: RequestHead) -> None:
        """`OPTIONS *` asks about the server, not about the app (RFC 9110 9.3.7)."""
        allow = [(b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]
        draining_tls = self.shared.draining and self.scheme == "https"
        close = not head.keep_alive or head.has_body or draining_tls
        self._own_answer(
            ErrorResponse(204, allow, b""), method="OPTIONS", target="*", version=head.version, close=close
        )
        if head.has_body:
            self._linger()
        elif close:
            self.close()
        else:
            self._next_request()

    def _own_answer(
        self, answer: ErrorResponse, *, method: str, target: str, version: str, close: bool
    ) -> None:
        with_body = method != "HEAD"
        self.write(whole_response(answer, self.shared.fixed_headers, with_body=with_body, close=close))
        size = len(answer.body) if with_body else 0
        self.shared.hooks.access(
            AccessRecord(self.client_name, method, target, version, answer.status, 0.0, size)
        )

    def _linger(self) -> None:
        """Close so that the answer arrives although the client is still sending (RFC 9112 9.6): stop
        writing, and read for a while before the descriptor is closed."""
        if self._lost:
            return
        self._state = "lingering"
        self.gone = True
        self._buffer = b""
        self.deadline = 0.0
        self._resume_reading()
        if self._transport.can_write_eof() and self.scheme == "http":
            self._transport.write_eof()
        self.shared.loop.call_later(self.shared.limits.linger_seconds, self._end_linger)

    def _end_linger(self) -> None:
        if not self._lost:
            self.close()

    # --- leaving

    def _become_websocket(self, head: RequestHead, data: bytes) -> None:
        from pilotlight.server.asgi import http_scope
        from pilotlight.server.websocket import WebSocketProtocol

        shared = self.shared
        self._state = "closed"
        self.deadline = 0.0
        self._buffer = b""
        shared.connections.discard(self)
        scope = http_scope(self, head)
        protocol = WebSocketProtocol(
            shared.application, shared.config, shared.hooks, scope, shared.connections, data
        )
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if shared.draining and self._ends_here:
            protocol.close_for_reload()

    @property
    def _ends_here(self) -> bool:
        """Whether a successor is there, but cannot take this connection, because it is TLS."""
        return self.scheme == "https" and self.shared.hand_over is not None

    def _leave_when_answered(self, turns: int = _TURNS_OF_A_READ) -> None:
        """Close, but not over a request that has come or that a client who has just connected will send:
        its response says that the connection closes."""
        if self._state != "reading" or self._buffer:
            return
        loop = self.shared.loop
        opened = self.deadline - self.shared.limits.keep_alive_seconds
        if self._fresh and loop.time() - opened < _JUST_NOW_SECONDS:
            return
        if turns and _readable(_socket_of(self._transport)):
            loop.call_soon(self._leave_when_answered, turns - 1)
        else:
            self.close()

    def _leave(self) -> None:
        """Hand the connection over with what was read of its next request, or close it if that cannot be
        done.

        What was written before must have been sent first: while it has not, this is called again when it has.
        """
        hand_over = self.shared.hand_over
        if self._lost or self._state == "lingering":
            return
        if self._ends_here:
            self._leave_when_answered()
            return
        if hand_over is None or self.scheme != "http":
            self.close()
            return
        self._state = "leaving"
        self.gone = True
        self._pause_reading()
        if self._transport.get_write_buffer_size():
            self._transport.set_write_buffer_limits(high=0)
            if not self.write_paused:
                self.shared.loop.call_soon(self._leave)
            return
        descriptor = _socket_of(self._transport).fileno()
        data = b"".join(self._pieces) or self._buffer
        detached = DetachedConnection(socket.socket(fileno=os.dup(descriptor)), data)
        self._lost = True
        self._state = "closed"
        self._transport.abort()
        hand_over(detached)


def _readable(sock: Any) -> bool:
    """Whether the kernel has bytes (or the end) for us. A transport that has just ended has no socket."""
    descriptor = -1 if sock is None else sock.fileno()
    if descriptor < 0:
        return False
    if sys.platform == "win32":
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _socket_of(transport: asyncio.Transport) -> Any:
    """The socket under a transport; None once it has ended, when a TLS transport of asyncio (3.11 on)
    raises."""
    try:
        return transport.get_extra_info("socket")
    except AttributeError:
        return None


def _address(name: Any) -> tuple[str, int] | None:
    """Host and port of a TCP address; None for a UNIX socket."""
    return (name[0], name[1]) if isinstance(name, tuple) else None
