"""The debug listener: a second, loopback-only door, in the process that never runs the app.

It takes connections and bounds them; what they may ask is judged in `gate`. Nothing of HTTP is imported
before the first one comes. Must never listen on an address that is not this machine's own.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable, Sequence

from .desk import Desk
from .gate import MAX_HEAD_BYTES, Rules, exact_hosts
from .keyring import Keyring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pilotlight.debugger.model import Report

    from .exchange import Exchange

MAX_CONNECTIONS = 64
_ACCEPTED_AT_ONCE = 32
_BREATH_SECONDS = 0.5
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class DebugListener:
    """Serves the debug pages.

    Args:
        desk: recent errors, and who answers the console.
        keyring: whom to believe.
        url: the root of the debug pages, without a slash at the end: `http://127.0.0.1:PORT`, or with an
            unguessable path behind it where they share the app's port.
        sockets: bound and listening (see `binding`), closed with the listener; none where connections come
            by `adopt` only.
        app_origins: whose pages may show the console in a frame.
        allowed_hosts: further names, without port, under which the pages may be opened.
        render: a report as a page, with the nonce for its style and script; None: without links to an editor.
        app_url: where the app is; a browser that was unlocked by `--open` goes on to it.
    """

    def __init__(
        self,
        desk: Desk,
        keyring: Keyring,
        url: str,
        sockets: Sequence[socket.socket] = (),
        *,
        app_origins: Iterable[str] = (),
        allowed_hosts: Iterable[str] = (),
        render: Callable[[Report, str], bytes] | None = None,
        app_url: str = "",
    ) -> None:
        self.url = url
        authority, slash, path = url.partition("://")[2].partition("/")
        port = authority.rpartition(":")[2]
        self._rules = Rules(exact_hosts(int(port), allowed_hosts), f"{slash}{path}")
        self._desk = desk
        self._keyring = keyring
        self._sockets = tuple(sockets)
        self._app_origins = tuple(app_origins)
        self._render = render
        self._app_url = app_url
        self._open: dict[asyncio.Task[None], Exchange | None] = {}
        """The oldest first."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serves on the loop from now on, until `close`."""
        self._loop = loop
        for sock in self._sockets:
            loop.add_reader(sock.fileno(), self._accept, sock)

    def close(self) -> None:
        """Takes no more connections, and ends those that are open."""
        for sock in self._sockets:
            if self._loop is not None:
                self._loop.remove_reader(sock.fileno())
            sock.close()
        self._sockets = ()
        for task in list(self._open):
            task.cancel()

    async def wait_closed(self) -> None:
        """Until every connection has ended after `close`."""
        if self._open:
            await asyncio.wait(set(self._open))

    def adopt(self, sock: socket.socket, data: bytes = b"") -> None:
        """Serves a connection that was accepted elsewhere, and closes it.

        Args:
            sock: the connection.
            data: what was read from it already.
        """
        if self._loop is None:
            sock.close()
            return
        sock.setblocking(False)
        self._make_room()
        task = self._loop.create_task(self._serve(sock, data))
        self._open[task] = None
        task.add_done_callback(lambda task: self._ended(task, sock))

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(listening)
                return
            self.adopt(sock)

    def _pause(self, listening: socket.socket) -> None:
        """No descriptor is left: the connection waits in the backlog, instead of spinning the loop."""
        loop = self._loop
        if loop is None:
            return
        loop.remove_reader(listening.fileno())

        def resume() -> None:
            if listening.fileno() >= 0:
                loop.add_reader(listening.fileno(), self._accept, listening)

        loop.call_later(_BREATH_SECONDS, resume)

    def _make_room(self) -> None:
        """Ends the oldest connection that has not shown a good token, or else the oldest of all."""
        if len(self._open) < MAX_CONNECTIONS:
            return
        unproven = (task for task, exchange in self._open.items() if exchange is None or not exchange.proven)
        task = next(unproven, None) or next(iter(self._open))
        del self._open[task]
        task.cancel()

    def _ended(self, task: asyncio.Task[None], sock: socket.socket) -> None:
        sock.close()  # also that of a task that was cancelled before it began
        self._open.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None and self._loop is not None:
            self._loop.call_exception_handler(
                {"message": "The debug listener failed", "exception": error, "task": task}
            )

    async def _serve(self, sock: socket.socket, data: bytes) -> None:
        from .calls import Office, rendered
        from .exchange import Exchange

        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_HEAD_BYTES, loop=loop)
        if data:
            reader.feed_data(data)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
        transport.set_write_buffer_limits(high=0)  # an answer is sent only when the kernel has all of it
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        office = Office(self._desk, self._keyring, self.url, self._render or rendered, self._app_url)
        exchange = Exchange(reader, writer, self._rules, office, self._app_origins)
        task = asyncio.current_task()
        if task in self._open:
            self._open[task] = exchange
        try:
            await exchange.run()
        finally:
            transport.abort()
