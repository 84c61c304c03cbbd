"""Accepting connections on one listening socket that others have bound, and may share with other processes.

The loops' own servers are not used: closed in the wrong moment they drop a connection that they have just
accepted, and closing a UNIX one may delete its file. Must never accept after `close`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable

_BACKLOG = 1024
_AT_ONCE = 64
"""Connections accepted in a row before others get their turn."""
_PAUSE_SECONDS = 0.5
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Listener:
    """Accepts until it is closed.

    Args:
        loop: the running loop.
        sock: bound; listening already or not. It is the listener's from now on.
        accepted: called with each connection's socket.
        notice: told when connections cannot be accepted.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        accepted: Callable[[socket.socket], None],
        notice: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._accepted = accepted
        self._notice = notice
        self._resume: asyncio.TimerHandle | None = None
        sock.listen(_BACKLOG)
        loop.add_reader(sock.fileno(), self._accept)

    def close(self) -> None:
        """Stop accepting; what the kernel has queued is left to the other holders of the socket."""
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _accept(self) -> None:
        # Whoever shares the socket shares this flag; a blocking accept() would stop the loop for good.
        self._sock.setblocking(False)
        for _ in range(_AT_ONCE):
            try:
                connection, _address = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # another process was faster, or the client has gone again
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._pause(error)
                return
            connection.setblocking(False)
            if connection.family != getattr(socket, "AF_UNIX", None):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._accepted(connection)

    def _pause(self, error: OSError) -> None:
        """A loop that is told again and again of a connection that it cannot accept would do nothing else."""
        self._notice(
            f"New connections must wait: {os.strerror(error.errno or 0)}. "
            "Does the app leave files or sockets open?"
        )
        self._loop.remove_reader(self._sock.fileno())
        self._resume = self._loop.call_later(
            _PAUSE_SECONDS, self._loop.add_reader, self._sock.fileno(), self._accept
        )
