"""Accepts connections for TLS, and looks at each one's first byte before OpenSSL does.

So plain HTTP on this port gets an answer that it understands, and a connection that says nothing costs a
descriptor and a timer, nothing more. Must never block, and never wait for one connection before it looks at
another.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from pilotlight.server.application import DetachedConnection, ServerHooks

_HANDSHAKE = 0x16  # the content type of a TLS record with a ClientHello (RFC 8446 5.1)
_ACCEPTS_AT_ONCE = 64
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_REST_SECONDS = 0.5
_PLAIN_BYTES = 8192
_METHOD = re.compile(rb"[A-Za-z]{1,20}( |$)")  # the start of a request line, maybe cut short
_HOST_LINE = re.compile(rb"\r\nhost:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
_HARMLESS_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class TLSTiming:
    """How long a client may take, in seconds."""

    first_byte: float = 20.0
    handshake: float = 20.0
    plain: float = 2.0
    """For the header section of a plain request, to learn its Host; and then again to read our answer."""


def plain_answer(request: bytes, address: str) -> bytes:
    """The response to a plain HTTP request on a TLS port.

    Args:
        request: what has arrived of it. Nothing of it is repeated but a Host that can do no harm.
        address: host and port of this server, for when there is none.
    """
    line = _HOST_LINE.search(request)
    host = line[1].decode("latin-1") if line is not None else ""
    if not _HARMLESS_HOST.fullmatch(host):
        host = address
    body = (
        f"This port speaks HTTPS, but the request came as plain HTTP. Use https://{host}/ instead.\n".encode(
            "ascii"
        )
    )
    head = (
        b"HTTP/1.1 400 Bad Request\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"X-Content-Type-Options: nosniff\r\n"
        b"Cache-Control: no-store\r\n"
        b"Connection: close\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    return head if request.startswith(b"HEAD ") else head + body


def handshake_advice(error: BaseException) -> str | None:
    """What a failed handshake means to the developer; None when it means nothing (the client went away, or a
    scan)."""
    reason = str(getattr(error, "reason", None) or "")
    if "UNKNOWN_CA" in reason or "CERTIFICATE_UNKNOWN" in reason or "BAD_CERTIFICATE" in reason:
        return (
            "A client refused this server's certificate, as browsers do with a self-signed one until you "
            "accept or trust it."
        )
    if "UNSUPPORTED_PROTOCOL" in reason or "NO_SHARED_CIPHER" in reason or "VERSION" in reason:
        return (
            f"A TLS handshake failed: the client and this server have no common version or cipher ({reason})."
        )
    if isinstance(error, ssl.SSLError) and reason and not isinstance(error, ssl.SSLEOFError):
        return f"A TLS handshake failed: {reason}."
    return None


@dataclass(slots=True)
class _Silent:
    """A connection that has not said anything yet."""

    sock: socket.socket
    timer: asyncio.TimerHandle


class TLSListener:
    """Accepts on listening sockets, and adopts what others have accepted.

    Args:
        loop: asyncio's or uvloop's.
        context: for the server side.
        factory: makes the protocol of a connection whose handshake is done.
        hooks: for notices.
        timing: how long clients may take.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: ssl.SSLContext,
        factory: Callable[[], asyncio.BaseProtocol],
        hooks: ServerHooks,
        timing: TLSTiming = TLSTiming(),
    ) -> None:
        self._loop = loop
        self._context = context
        self._factory = factory
        self._hooks = hooks
        self._timing = timing
        self._listening: list[socket.socket] = []
        self._resting: dict[socket.socket, asyncio.TimerHandle] = {}
        self._silent: dict[int, _Silent] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: set[str] = set()
        """Kinds of notices that were given: each once, since browsers and health checks repeat themselves."""

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Begins to accept on these, which are bound and listening, and stay the caller's."""
        for listener in sockets:
            self._listening.append(listener)
            listener.setblocking(False)
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    @property
    def unfinished(self) -> set[asyncio.Task[None]]:
        """Handshakes, and answers to plain HTTP, that have begun."""
        return self._tasks

    def stop_accepting(self) -> None:
        """Leaves the listening sockets to others. Connections go on."""
        for listener in self._listening:
            if listener in self._resting:
                self._resting.pop(listener).cancel()
            else:
                self._loop.remove_reader(listener.fileno())
        self._listening = []

    def detach(self) -> list[DetachedConnection]:
        """Stops accepting, and gives away the connections that have not said anything yet: another server can
        adopt them, and their clients notice nothing. Handshakes that have begun go on."""
        self.stop_accepting()
        return [DetachedConnection(self._forget(number), b"") for number in list(self._silent)]

    def adopt(self, sock: socket.socket) -> None:
        """Takes a connection that another listener detached, as if it had been accepted here."""
        sock.setblocking(False)
        timer = self._loop.call_later(self._timing.first_byte, self._too_silent, sock.fileno())
        self._silent[sock.fileno()] = _Silent(sock, timer)
        self._loop.add_reader(sock.fileno(), self._look, sock)

    def close(self) -> None:
        """Stops accepting and ends every connection whose handshake is not done."""
        self.stop_accepting()
        for number in list(self._silent):
            self._forget(number).close()
        for task in self._tasks:
            task.cancel()

    async def wait_closed(self) -> None:
        """Waits until everything that `close` ended is gone."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                sock, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS:
                    raise
                self._rest(listener)
                return
            self.adopt(sock)

    def _rest(self, listener: socket.socket) -> None:
        """Out of descriptors: the connection stays readable, so accepting pauses instead of spinning."""
        self._say_once(
            "descriptors", "No more connections are accepted for now: there are too many open files."
        )
        self._loop.remove_reader(listener.fileno())
        self._resting[listener] = self._loop.call_later(_REST_SECONDS, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        del self._resting[listener]
        self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _forget(self, number: int) -> socket.socket:
        silent = self._silent.pop(number)
        silent.timer.cancel()
        self._loop.remove_reader(number)
        return silent.sock

    def _too_silent(self, number: int) -> None:
        self._forget(number).close()

    def _look(self, sock: socket.socket) -> None:
        """The first byte is there, or the end."""
        try:
            first = sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        self._forget(sock.fileno())
        if not first:
            sock.close()
        elif first[0] == _HANDSHAKE:
            self._spawn(self._shake_hands(sock))
        else:
            self._spawn(self._answer_plain(sock))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _shake_hands(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._factory, sock, ssl=self._context, ssl_handshake_timeout=self._timing.handshake
            )
        except OSError as error:  # ssl.SSLError, time-outs and resets are such
            advice = handshake_advice(error)
            if advice is not None:
                self._say_once("handshake", advice)
            sock.close()
        except asyncio.CancelledError:
            sock.close()
            raise

    async def _answer_plain(self, sock: socket.socket) -> None:
        """Answers a plain request, then reads on until the client has read the answer: a close over unread
        bytes would make the kernel send a reset, which can overtake it."""
        try:
            request = await self._plain_request(sock)
            if not _METHOD.match(request):
                self._say_once(
                    "other", "A client spoke neither TLS nor HTTP on the HTTPS port, and was cut off."
                )
                return
            address = _address(sock)
            self._say_once(
                "plain", f"A client spoke plain HTTP on the HTTPS port. Use https://{address}/ instead."
            )
            await asyncio.wait_for(
                self._send_and_linger(sock, plain_answer(request, address)), self._timing.plain
            )
        except (OSError, asyncio.TimeoutError):
            return  # the client left, or does not read
        finally:
            sock.close()

    async def _plain_request(self, sock: socket.socket) -> bytes:
        """What arrives of the header section in time."""
        request = b""
        deadline = self._loop.time() + self._timing.plain
        while b"\r\n\r\n" not in request and len(request) < _PLAIN_BYTES:
            try:
                more = await asyncio.wait_for(
                    self._loop.sock_recv(sock, _PLAIN_BYTES), deadline - self._loop.time()
                )
            except asyncio.TimeoutError:
                break
            if not more:
                break
            request += more
            if not _METHOD.match(request):
                break
        return request

    async def _send_and_linger(self, sock: socket.socket, answer: bytes) -> None:
        await self._loop.sock_sendall(sock, answer)
        sock.shutdown(socket.SHUT_WR)
        while await self._loop.sock_recv(sock, 65536):
            pass

    def _say_once(self, kind: str, sentence: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            self._hooks.notice(sentence)


def _address(sock: socket.socket) -> str:
    """Host and port of this end, as in a URL."""
    name = sock.getsockname()
    if not isinstance(name, tuple):
        return "localhost"
    host, port = name[0], name[1]
    return f"[{host.partition('%')[0]}]:{port}" if ":" in host else f"{host}:{port}"
