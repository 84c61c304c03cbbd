"""One connection's transport, beyond the writing: it pauses, closes once, and can give its socket away.

uvloop's and asyncio's transports differ in what they allow at their end, plain ones and TLS; here is where
that is known. Must never know of HTTP.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
from typing import Any


class Wire:
    """The transport of one connection.

    Args:
        transport: as `connection_made` got it.
        buffer_limit: bytes; above it the protocol is told to pause writing.
    """

    __slots__ = ("_closing", "_transport", "client", "lost", "reading_paused", "server")

    def __init__(self, transport: asyncio.Transport, buffer_limit: int) -> None:
        self._transport = transport
        self._closing = False
        self.lost = False
        """It has ended, or its socket has been given away."""
        self.reading_paused = False
        self.client = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        transport.set_write_buffer_limits(high=buffer_limit, low=buffer_limit // 4)

    def pause_reading(self) -> None:
        """The client must wait."""
        if not self.reading_paused and not self.lost:
            self.reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """It may go on."""
        if self.reading_paused and not self.lost:
            self.reading_paused = False
            self._transport.resume_reading()

    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def tell_when_sent(self) -> None:
        """`resume_writing` is to be called only when nothing is unsent any more."""
        self._transport.set_write_buffer_limits(high=0)

    @property
    def has_ended(self) -> bool:
        """It is over, or about to say so: a TLS transport that has ended has no socket for a turn before."""
        return self.lost or self._socket() is None

    def is_readable(self) -> bool:
        """Whether the kernel has bytes (or the end) for us."""
        sock = self._socket()
        descriptor = -1 if sock is None else sock.fileno()
        if descriptor < 0:
            return False
        if sys.platform == "win32":
            return bool(select.select([descriptor], [], [], 0)[0])
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def stop_writing(self) -> None:
        """Tells the client that nothing more comes, while it can still be read from (plain sockets only)."""
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def close(self) -> None:
        """Ends it when all has been sent."""
        if not self._closing:  # closed twice, a TLS transport of asyncio can be asked nothing any more
            self._closing = True
            self._transport.close()

    def abort(self) -> None:
        """Ends it at once."""
        self._transport.abort()

    def take_socket(self) -> socket.socket:
        """The connection's socket, which is the caller's from now on; the transport ends without it.

        Raises:
            OSError: there is no descriptor left for it; nothing has changed.
        """
        sock = socket.socket(fileno=os.dup(self._socket().fileno()))
        self.lost = True
        self._transport.abort()
        return sock

    def has_been_lost(self, *, tls: bool) -> None:
        """The transport has said that it is over."""
        self.lost = True
        if tls and sys.version_info < (3, 11):
            self._transport.close()  # else asyncio's own warns that it was not, although it is over

    def _socket(self) -> Any:
        """None once it has ended, when a TLS transport of asyncio (3.11 on) raises."""
        try:
            return self._transport.get_extra_info("socket")
        except AttributeError:
            return None


def _address(name: Any) -> tuple[str, int] | None:
    """Host and port of a TCP address; None for a UNIX socket."""
    return (name[0], name[1]) if isinstance(name, tuple) else None
