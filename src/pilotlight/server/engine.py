"""The HTTP engine: serves one application on listening sockets that others have bound, until it is drained
or shut down.

Must never bind a socket, handle a signal or end the process: that is its owner's.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pilotlight.server.application import Application, DetachedConnection, ServerConfig, ServerHooks
from pilotlight.server.connection import Connection
from pilotlight.server.leaving import has_left
from pilotlight.server.lifespan import Lifespan, LifespanFailed
from pilotlight.server.listener import Listener
from pilotlight.server.shared import Exchange, HandOver, Shared

if TYPE_CHECKING:
    from pilotlight.server.tls_listener import TLSListener

__all__ = ["LifespanFailed", "Server", "new_event_loop"]

_SWEEP_SECONDS = 1.0
_MOMENT = 0.1
"""Seconds that closing connections get even without any grace."""
_TURNS_OF_AN_ACCEPT = 3
"""Windows: turns of the loop between the accept of a connection and its `connection_made`; before that nobody
knows of it."""
_LOOKS_SECONDS = 0.05
"""Between two looks at what is left in a drain, when nothing tells of a change."""
_FAREWELL_SECONDS = 0.005
"""In a drain, until what could end at once has ended."""
_PATIENCE_SECONDS = 0.5
"""In a shutdown, until it is told that there is something to wait for."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new uvloop loop where uvloop is installed and exists, else one of asyncio's."""
    try:
        import uvloop
    except ImportError:  # Windows and PyPy, where it is not installed
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def preload() -> None:
    """Imports what serving will need, whichever interface the app has: for a process that has the time now,
    or whose forks will serve."""
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: F401
    import encodings.idna  # noqa: F401 - what frameworks make of a Host needs it

    from pilotlight.server import asgi, wsgi  # noqa: F401


class Server:
    """Serves `application`.

    Args:
        application: the app and its interface.
        config: how to serve.
        hooks: whom to tell.

    Attributes:
        admit: asked just before each request would reach the app; False sends its connection, with the
            request's bytes, to `hand_over` (or keeps it waiting until `ask_again`, or until `drain` names
            one). Plain HTTP only:
            TLS cannot move once its handshake has begun.
        hand_over: takes connections that are leaving.
    """

    def __init__(self, application: Application, config: ServerConfig, hooks: ServerHooks) -> None:
        self._application = application
        self._config = config
        self._hooks = hooks
        self._admit: Callable[[], bool] | None = None
        self._hand_over: HandOver | None = None
        self._shared: Shared | None = None
        self._lifespan: Lifespan | None = None
        self._listeners: list[Any] = []
        self._tls: TLSListener | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._arrivals: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Event()
        self._cut_off: set[Exchange] = set()
        """A thread may go on with one, and is told of once."""

    @property
    def admit(self) -> Callable[[], bool] | None:
        """See the class."""
        return self._admit

    @admit.setter
    def admit(self, value: Callable[[], bool] | None) -> None:
        self._admit = value
        if self._shared is not None:
            self._shared.admit = value

    @property
    def hand_over(self) -> HandOver | None:
        """See the class."""
        return self._hand_over

    @hand_over.setter
    def hand_over(self, value: HandOver | None) -> None:
        self._hand_over = value
        if self._shared is not None:
            self._shared.hand_over = value

    @property
    def in_flight(self) -> int:
        """How many requests the app is working on (background work behind a response included)."""
        return len(self._shared.exchanges) if self._shared is not None else 0

    async def start(self, sockets: list[socket.socket]) -> None:
        """`prepare`, then `listen`.

        Raises:
            LifespanFailed: the app refused to start; nothing is accepted.
        """
        await self.prepare()
        await self.listen(sockets)

    async def prepare(self) -> None:
        """Run the app's start-up. Connections can be adopted afterwards, none are accepted yet.

        Raises:
            LifespanFailed: the app refused to start.
        """
        loop = asyncio.get_running_loop()
        shared = self._shared = Shared(self._application, self._config, self._hooks, loop)
        shared.admit = self._admit
        shared.hand_over = self._hand_over
        shared.on_change = self._changed.set
        if self._application.interface == "asgi":
            self._lifespan = Lifespan(self._application, self._hooks)
            shared.lifespan_state = await self._lifespan.start()
        interval = min(_SWEEP_SECONDS, self._config.limits.header_seconds / 4)
        self._sweep = loop.call_later(interval, self._sweep_deadlines, interval)
        if self._config.ssl_context is not None:
            from pilotlight.server.tls_listener import TLSListener

            self._tls = TLSListener(
                loop,
                self._config.ssl_context,
                lambda: self.connection_factory("https"),
                self._hooks,
            )

    async def listen(self, sockets: list[socket.socket]) -> None:
        """Accept on these (bound TCP or UNIX stream sockets), which are the server's from now on."""
        shared = self._shared
        assert shared is not None, "prepare() comes first"
        if self._tls is not None:
            self._tls.listen(sockets)
            return
        for sock in sockets:
            if sys.platform == "win32":  # its loop has no readers
                sock.setblocking(False)
                self._listeners.append(
                    await shared.loop.create_server(lambda: Connection(shared, "http"), sock=sock)
                )
            else:
                self._listeners.append(Listener(shared.loop, sock, self._accepted, self._hooks.notice))

    def connection_factory(self, scheme: str) -> Connection:
        """A protocol for one new connection."""
        assert self._shared is not None, "start() comes first"
        return Connection(self._shared, scheme)

    def adopt(self, connection: DetachedConnection) -> None:
        """Serve a connection that another server has accepted: a plain one, beginning with the bytes that it
        had read, or one whose TLS handshake has not begun."""
        assert self._shared is not None, "start() comes first"
        shared = self._shared
        if self._tls is not None and not connection.data:
            self._adopt_for_tls(self._tls, connection)
            return
        connection.sock.setblocking(False)
        self._serve_socket(connection.sock, Connection(shared, "http", connection.data))

    def ask_again(self) -> None:
        """`admit` may give another answer now: ask it of the requests that wait."""
        for connection in list(self._shared.connections if self._shared is not None else ()):
            if isinstance(connection, Connection):
                connection.ask_again()

    def stop_accepting(self) -> None:
        """Close the listening sockets here; other processes that hold them go on accepting."""
        if self._tls is not None:
            self._tls.stop_accepting()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def drain(
        self, grace: float, hand_over: HandOver | None, on_streams: Callable[[], None] | None = None
    ) -> None:
        """Stop accepting, let every connection leave, and give requests in flight time to finish.

        Args:
            grace: seconds for requests in flight; then they are cut and reported. With `hand_over`, also for
                the first request of a TLS connection that has just been opened.
            hand_over: takes plain connections without a running request, and those for TLS whose handshake
                has not begun; None closes them.
            on_streams: called if all that is left after a moment are responses that have begun, and
                WebSockets: they may last.
        """
        self.stop_accepting()
        shared = self._shared
        if shared is None:
            return
        shared.draining = True
        self.hand_over = hand_over
        if self._tls is not None:
            self._leave_tls(self._tls, hand_over)
        if sys.platform == "win32":
            for _ in range(_TURNS_OF_AN_ACCEPT):
                await asyncio.sleep(0)
        for connection in list(shared.connections):
            _leave(connection)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._quiet(shared, on_streams), max(grace, _MOMENT))
        if self._tls is not None:
            await self._end_tls(self._tls, shared)
        self._cut(shared)

    async def shutdown(self, grace: float, on_wait: Callable[[int], None] | None = None) -> None:
        """Close everything, give requests in flight `grace` seconds, then run the app's shutdown.

        Args:
            on_wait: called with the number of requests in flight, if there still are some after a while.
        """
        patience = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._tell_of_wait, on_wait)
        await self.drain(grace, None)
        patience.cancel()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        if self._shared is not None:
            self._shared.pool.close()
        if self._lifespan is not None:
            await self._lifespan.stop()

    def _adopt_for_tls(self, listener: TLSListener, connection: DetachedConnection) -> None:
        assert self._shared is not None
        if not self._shared.draining:
            listener.adopt(connection.sock)
        elif self.hand_over is not None:
            self.hand_over(connection)
        else:
            connection.sock.close()

    def _leave_tls(self, listener: TLSListener, hand_over: HandOver | None) -> None:
        """What has not begun moves. What has begun cannot: `_quiet` waits for it, if somebody follows."""
        if hand_over is None:
            listener.close()
            return
        for connection in listener.detach():
            hand_over(connection)

    async def _end_tls(self, listener: TLSListener, shared: Shared) -> None:
        """The grace is over: handshakes end, and clients that have said nothing are told of the end."""
        listener.close()
        await listener.wait_closed()
        for connection in list(shared.connections):
            if isinstance(connection, Connection):
                connection.close_unused()
        await asyncio.sleep(0)  # uvloop writes at the end of a turn

    def _sweep_deadlines(self, interval: float) -> None:
        shared = self._shared
        assert shared is not None
        now = shared.loop.time()
        for connection in [one for one in shared.connections if 0 < getattr(one, "deadline", 0) <= now]:
            connection.expire()
        self._sweep = shared.loop.call_later(interval, self._sweep_deadlines, interval)

    async def _quiet(self, shared: Shared, on_streams: Callable[[], None] | None) -> None:
        farewell = shared.loop.time() + _FAREWELL_SECONDS
        while shared.exchanges or self._arriving() or not all(map(_has_left, shared.connections)):
            now = shared.loop.time()
            if on_streams is not None and now >= farewell and all(one.head_sent for one in shared.exchanges):
                on_streams()
                on_streams = None
            self._changed.clear()
            waiter = asyncio.ensure_future(self._changed.wait())
            await asyncio.wait(
                [waiter, *self._arriving()],
                return_when=asyncio.FIRST_COMPLETED,
                timeout=_LOOKS_SECONDS if now >= farewell else farewell - now,
            )
            waiter.cancel()

    def _arriving(self) -> set[asyncio.Task[Any]]:
        """The work on connections that are accepted and not yet served."""
        return self._arrivals | self._tls.unfinished if self._tls is not None else self._arrivals

    def _tell_of_wait(self, on_wait: Callable[[int], None] | None) -> None:
        if on_wait is not None and self.in_flight:
            on_wait(self.in_flight)

    def _cut(self, shared: Shared) -> None:
        now = time.perf_counter()
        for exchange in shared.exchanges - self._cut_off:
            self._cut_off.add(exchange)
            head = exchange.head
            self._hooks.notice(
                f"{head.method} {head.target.decode('latin-1')} was still running "
                f"after {now - exchange.began:.1f} s and has been cut off."
            )
            exchange.abandon()
        for connection in list(shared.connections):
            if isinstance(connection, Connection):
                connection.abort()

    def _accepted(self, sock: socket.socket) -> None:
        assert self._shared is not None
        self._serve_socket(sock, Connection(self._shared, "http"))

    def _serve_socket(self, sock: socket.socket, connection: Connection) -> None:
        assert self._shared is not None
        task = self._shared.loop.create_task(self._connect(sock, connection))
        self._arrivals.add(task)
        task.add_done_callback(self._arrivals.discard)

    async def _connect(self, sock: socket.socket, connection: Connection) -> None:
        assert self._shared is not None
        try:
            await self._shared.loop.connect_accepted_socket(lambda: connection, sock)
        except OSError:  # the client was gone before it was served
            sock.close()


def _has_left(connection: Any) -> bool:
    return isinstance(connection, Connection) and has_left(connection)


def _leave(connection: Any) -> None:
    if isinstance(connection, Connection):
        connection.drain()
    else:
        connection.close_for_reload()
