"""One WebSocket connection: the transport's side (opening, back pressure, keep-alive, closing).

What the app sees is in `websocket_session`; bytes and frames are in `websocket_handshake` and
`websocket_framing`. Must never hold more of what the client sends than one message and a bounded backlog, and
never wait for a client that is gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pilotlight.server.application import AccessRecord, Application, ErrorResponse, ServerConfig, ServerHooks
from pilotlight.server.response import ServerHeaders, plain_response
from pilotlight.server.websocket_deflate import DeflateParameters
from pilotlight.server.websocket_framing import ABNORMAL, Closed, Failed, Framing, Message, Ping
from pilotlight.server.websocket_handshake import read_handshake, refusal
from pilotlight.server.websocket_session import Disconnect, Request, Session, WebSocketClosed

_BACKLOG_MESSAGES = 64
_LATE_SECONDS = 1.0
_INTERNAL_ERROR = 1011


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a WebSocket waits, in seconds."""

    ping: float = 20.0
    """Between two keep-alive pings; a client that was not heard between them is given up."""
    close: float = 5.0
    """For the client's answer to our close frame."""
    moment: float = 0.5
    """For that answer when the server has no time (reload, shutdown), and for a handshake to be answered
    then."""
    app: float = 1.0
    """For the app to notice that the server leaves; then its task is cancelled."""


class Registry(Protocol):
    """Who wants to know which connections are open."""

    def add(self, connection: Any, /) -> None:
        """A connection begins."""

    def discard(self, connection: Any, /) -> None:
        """Its transport is closed and its app has ended."""


class WebSocketProtocol(asyncio.Protocol):
    """Takes over a transport from the HTTP protocol, which has seen a GET request with `Upgrade: websocket`.

    Args:
        application: the ASGI app.
        config: the limits.
        hooks: told of the handshake's outcome and of errors of the app.
        scope_base: what the scope has in common with HTTP.
        owner: where this connection is registered until it and its app have ended.
        handshake: the request's head as it came, and what was read behind it.
        timing: how long to wait for the client.
    """

    def __init__(
        self,
        application: Application,
        config: ServerConfig,
        hooks: ServerHooks,
        scope_base: dict[str, Any],
        owner: Registry,
        handshake: bytes,
        timing: Timing = Timing(),
    ) -> None:
        self._application = application
        self._limits = config.limits
        self._hooks = hooks
        self._owner = owner
        self._timing = timing
        self._request = Request.from_http(scope_base)
        self._fixed = ServerHeaders()
        self._early = bytearray(handshake.partition(b"\r\n\r\n")[2])
        """What came behind the handshake, until the app accepts."""
        self._framing: Framing | None = None
        self._inbox: deque[Message] = deque()
        self._inbox_bytes = 0
        self._ended: Disconnect | None = None
        self._leaving: Disconnect | None = None
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._pong_owed: bytes | None = None
        self._reading = True
        self._answered = False
        self._lost = False
        self._heard = True
        self._tick_due = 0.0
        self._keep_alive: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._app_deadline: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is ours; the app is started unless the handshake is refused."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._owner.add(self)
        handshake = read_handshake(self._request.headers)
        if isinstance(handshake, ErrorResponse):
            self.refuse(handshake)
            return
        session = Session(self._application, self._hooks, self._request, handshake, self._fixed, self)
        self._task = self._loop.create_task(session.run())
        self._task.add_done_callback(self._app_ended)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        self._heard = True
        if self._framing is None:
            self._early += data
            self._set_reading(len(self._early) < self._limits.body_buffer_bytes)
            return
        self._framing.feed(data)
        self._read_frames()

    def pause_writing(self) -> None:
        """The client reads more slowly than the app sends."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()
        if self._pong_owed is not None and self._framing is not None and not self._framing.close_sent:
            self._transport.write(self._framing.pong(self._pong_owed))
        self._pong_owed = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing can be sent any more; what has arrived can still be received."""
        self._lost = True
        self._transport.close()  # asyncio of Python 3.10 warns of a TLS transport that only the client closed
        self._writable.set()
        for timer in (self._keep_alive, self._deadline):
            if timer is not None:
                timer.cancel()
        self._read_frames()
        self._leave_registry()

    # What the session calls.

    @property
    def ended(self) -> Disconnect | None:
        """How the WebSocket ended, or None while messages can be sent."""
        return self._ended

    async def receive(self) -> Message | Disconnect:
        """The next message, or how the WebSocket ended."""
        while not self._inbox and self._ended is None:
            self._news.clear()
            await self._news.wait()
        if not self._inbox:
            assert self._ended is not None
            return self._ended
        message = self._inbox.popleft()
        self._inbox_bytes -= message.size
        self._read_frames()
        return message

    async def write(self, data: bytes) -> None:
        """Sends, and waits while the client is too slow.

        Raises:
            WebSocketClosed: the connection is gone.
        """
        if not self._lost:
            self._transport.write(data)
            await self._writable.wait()
        if self._lost:
            raise WebSocketClosed("The client has closed the connection.")

    async def send_message(self, data: str | bytes) -> None:
        """Sends one message, as `write` does."""
        assert self._framing is not None
        await self.write(self._framing.message(data))

    async def open(self, response: bytes, deflate: DeflateParameters | None) -> None:
        """Answers the handshake with 101; from here on bytes are frames."""
        self._log(101, 0)
        self._framing = Framing(self._limits.websocket_message_bytes, deflate)
        self._transport.write(response)
        if self._leaving is not None:
            self.close(self._leaving.code, self._leaving.reason, self._timing.moment)
            return
        self._schedule_keep_alive(self._timing.ping)
        early, self._early = bytes(self._early), bytearray()
        self._framing.feed(early)
        self._read_frames()
        await self._writable.wait()

    def refuse(self, response: ErrorResponse) -> None:
        """Answers the handshake with an ordinary response."""
        if not self._lost:
            self._transport.write(refusal(response, self._fixed))
        self.refused(response.status, len(response.body), complete=not self._lost)

    def refused(self, status: int, body_bytes: int, *, complete: bool) -> None:
        """The handshake has been answered with an ordinary response, which ends the connection."""
        self._log(status, body_bytes, complete)
        self._end(ABNORMAL, "")
        self._close_transport()

    def close(self, code: int, reason: str, wait: float | None = None) -> None:
        """Sends a close frame and gives the client some time to answer it; messages are not delivered any
        more.

        Args:
            code: one that a close frame may carry.
            reason: for the client's eyes.
            wait: seconds; None is the usual time.
        """
        if self._framing is None or self._framing.close_sent or self._lost:
            return
        self._transport.write(self._framing.close(code, reason))
        self._inbox.clear()
        self._inbox_bytes = 0
        self._end(code, reason)
        self._set_deadline(self._timing.close if wait is None else wait)
        self._read_frames()

    def abort(self) -> None:
        """Ends the connection and the app at once."""
        self._abort_transport()
        if self._task is not None:
            self._task.cancel()

    # What the server calls.

    def close_for_reload(self) -> None:
        """Closes with 1012 (service restart), so that the client connects again; waits no more than a
        moment."""
        self._leave(Disconnect(1012, "The server is reloading."))

    def close_for_shutdown(self) -> None:
        """Closes with 1001 (going away); waits no more than a moment."""
        self._leave(Disconnect(1001, "The server is shutting down."))

    def _leave(self, why: Disconnect) -> None:
        if self._leaving is not None:
            return
        self._leaving = why
        if self._framing is None and not self._lost:
            self._set_deadline(self._timing.moment)
        else:
            self.close(why.code, why.reason, self._timing.moment)
        self._app_deadline = self._loop.call_later(self._timing.app, self._cancel_app)

    def _cancel_app(self) -> None:
        if self._task is not None:
            self._task.cancel()

    # Frames.

    def _read_frames(self) -> None:
        """Turns what has arrived into messages, as far as the app keeps up; the rest stays as it came."""
        if self._framing is None:
            if self._lost:
                self._end(ABNORMAL, "")
            return
        while not self._backlog_is_full():
            event = self._framing.next()
            if event is None:
                if self._lost:
                    self._end(ABNORMAL, "")
                break
            if isinstance(event, Message):
                self._deliver(event)
            elif isinstance(event, Ping):
                self._answer_ping(event.payload)
            elif isinstance(event, Closed):
                self._closed_by_client(event)
            elif isinstance(event, Failed):
                self._fail(event)
        self._set_reading(not self._backlog_is_full())

    def _backlog_is_full(self) -> bool:
        return len(self._inbox) >= _BACKLOG_MESSAGES or (self._inbox_bytes >= self._limits.body_buffer_bytes)

    def _deliver(self, message: Message) -> None:
        if self._ended is None:
            self._inbox.append(message)
            self._inbox_bytes += message.size
            self._news.set()

    def _answer_ping(self, payload: bytes) -> None:
        """Pongs at once, or later and only for the latest ping when the client does not read (RFC 6455
        5.5.3)."""
        assert self._framing is not None
        if self._framing.close_sent or self._lost:
            return
        if self._writable.is_set():
            self._transport.write(self._framing.pong(payload))
        else:
            self._pong_owed = payload

    def _closed_by_client(self, event: Closed) -> None:
        self._end(event.code, event.reason)
        if not self._lost:
            self._transport.write(event.answer)
            self._close_transport()

    def _fail(self, event: Failed) -> None:
        """RFC 6455 7.1.7. What still arrives is read and dropped for a while: closing over unread bytes would
        make the kernel send a reset, which can overtake the close frame."""
        assert self._framing is not None
        if not self._framing.close_sent and not self._lost:
            self._transport.write(self._framing.close(event.code, event.reason))
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._set_deadline(self._limits.linger_seconds)
        else:
            self._abort_transport()
        self._end(event.code, event.reason)

    # Ends and time.

    def _end(self, code: int, reason: str) -> None:
        if self._ended is None:
            self._ended = Disconnect(code, reason)
            self._news.set()
            if self._keep_alive is not None:
                self._keep_alive.cancel()

    def _close_transport(self) -> None:
        """Closes once everything is sent; a client that does not read is not waited for."""
        if not self._lost:
            self._transport.close()
            self._set_deadline(self._timing.close if self._leaving is None else self._timing.moment)

    def _abort_transport(self) -> None:
        if not self._lost:
            self._transport.abort()

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(seconds, self._deadline_passed)

    def _deadline_passed(self) -> None:
        if self._framing is None and not self._answered and not self._lost:
            self.refuse(plain_response(503, "The server is restarting; try again.\n"))
            self._cancel_app()
        else:
            self._abort_transport()

    def _schedule_keep_alive(self, seconds: float) -> None:
        self._tick_due = self._loop.time() + seconds
        self._keep_alive = self._loop.call_later(seconds, self._keep_alive_due)

    def _keep_alive_due(self) -> None:
        """Gives the client up, or asks it for the next sign of life. Any byte is one."""
        assert self._framing is not None
        if self._loop.time() > self._tick_due + _LATE_SECONDS:
            self._schedule_keep_alive(
                _LATE_SECONDS
            )  # it was we who slept (a breakpoint): read first what has arrived
        elif not self._reading or self._heard:
            self._heard = not self._reading
            self._transport.write(self._framing.ping())
            self._schedule_keep_alive(self._timing.ping)
        else:
            self._end(ABNORMAL, "The client did not answer a ping.")
            self.close(_INTERNAL_ERROR, "keep-alive ping timed out", self._timing.moment)

    def _set_reading(self, wanted: bool) -> None:
        if wanted == self._reading or self._lost or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _log(self, status: int, body_bytes: int, complete: bool = True) -> None:
        self._answered = True
        request = self._request
        seconds = self._loop.time() - self._started
        self._hooks.access(
            AccessRecord(
                request.client,
                "GET",
                request.target,
                request.http_version,
                status,
                seconds,
                body_bytes,
                complete,
            )
        )

    def _app_ended(self, task: asyncio.Task[None]) -> None:
        if self._app_deadline is not None:
            self._app_deadline.cancel()
        if task.cancelled():
            self._abort_transport()
        elif (error := task.exception()) is not None:
            self._abort_transport()
            self._loop.call_exception_handler({"message": "A WebSocket's session failed", "exception": error})
        self._leave_registry()

    def _leave_registry(self) -> None:
        if self._lost and (self._task is None or self._task.done()):
            self._owner.discard(self)
