"""A small server for WebSocket tests: reads one request head, hands the transport over, records."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote_to_bytes

import uvloop
from indifferent_hooks import Indifferent

from pilotlight.app.frameworks import is_news_of_disconnect
from pilotlight.server.application import (
    AccessRecord,
    Application,
    ErrorResponse,
    Limits,
    RequestInfo,
    ServerConfig,
)
from pilotlight.server.head import HeadParser
from pilotlight.server.websocket import Timing, WebSocketProtocol

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = [
    b"host: localhost",
    b"connection: Upgrade",
    b"upgrade: websocket",
    b"sec-websocket-version: 13",
    b"sec-websocket-key: " + KEY,
]
QUICK = Timing(ping=20, close=2, moment=0.3, app=0.3)


class Recorder(Indifferent):
    """The hooks of a server, remembered."""

    def __init__(self) -> None:
        self.records: list[AccessRecord] = []
        self.notices: list[str] = []
        self.errors: list[tuple[BaseException, RequestInfo | None, bool]] = []
        self.answer: ErrorResponse | None = None

    def access(self, record: AccessRecord) -> None:
        self.records.append(record)

    def notice(self, message: str) -> None:
        self.notices.append(message)

    def is_news_of_disconnect(self, error: BaseException) -> bool:
        return is_news_of_disconnect(error)

    def app_error(
        self, error: BaseException, request: RequestInfo | None, response_started: bool
    ) -> ErrorResponse | None:
        self.errors.append((error, request, response_started))
        return self.answer


class Registry:
    """The open connections; `gone` is set whenever there are none."""

    def __init__(self) -> None:
        self.connections: set[WebSocketProtocol] = set()
        self.gone = asyncio.Event()
        self.added = asyncio.Event()

    def add(self, connection: WebSocketProtocol) -> None:
        self.connections.add(connection)
        self.added.set()
        self.gone.clear()

    def discard(self, connection: WebSocketProtocol) -> None:
        self.connections.discard(connection)
        if not self.connections:
            self.gone.set()


class Door(asyncio.Protocol):
    """Stands for the HTTP protocol."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if b"\r\n\r\n" not in self.buffer:
            return
        end = self.buffer.index(b"\r\n\r\n") + 4
        head = HeadParser(self.server.config.limits).parse(self.buffer[:end])
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": head.version,
            "server": self.transport.get_extra_info("sockname")[:2],
            "client": self.transport.get_extra_info("peername")[:2],
            "scheme": "http" if self.transport.get_extra_info("sslcontext") is None else "https",
            "method": head.method,
            "root_path": "",
            "path": unquote_to_bytes(head.raw_path).decode(),
            "raw_path": head.raw_path,
            "query_string": head.query,
            "headers": head.headers,
            "state": {},
        }
        server = self.server
        protocol = WebSocketProtocol(
            server.application,
            server.config,
            server.recorder,
            scope,
            server.registry,
            self.buffer,
            timing=server.timing,
        )
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)


class Server:
    """A listening server and what it recorded."""

    def __init__(self, app: Callable[..., Awaitable[None]], limits: Limits, timing: Timing) -> None:
        self.application = Application("asgi", app)
        self.config = ServerConfig(limits=limits)
        self.timing = timing
        self.recorder = Recorder()
        self.registry = Registry()
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def connection(self) -> WebSocketProtocol:
        await asyncio.wait_for(self.registry.added.wait(), 10)
        (connection,) = self.registry.connections
        return connection

    async def all_gone(self, seconds: float = 10) -> None:
        await asyncio.wait_for(self.registry.gone.wait(), seconds)


@asynccontextmanager
async def serving(
    app: Callable[..., Awaitable[None]], limits: Limits | None = None, timing: Timing = QUICK
) -> AsyncIterator[Server]:
    server = Server(app, limits or Limits(), timing)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Door(server), "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for connection in list(server.registry.connections):
            connection.abort()
        if server.registry.connections:
            await server.all_gone()


def run(main: Coroutine[Any, Any, None], loop_name: str = "asyncio", seconds: float = 30) -> None:
    """Runs a test's coroutine; what an event loop reports as unhandled fails the test.

    It ends in any case: uvloop hands what a signal handler raises to nobody, so that pytest's own limit is
    nothing to it, and what a test cleans up may wait as well.
    """
    loop = LOOPS[loop_name]()
    unhandled: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    waiting: list[str] = []

    def give_up() -> None:
        waiting.extend(map(_where_it_waits, asyncio.all_tasks(loop)))
        loop.stop()

    limit = loop.call_later(seconds + 15, give_up)
    try:
        loop.run_until_complete(asyncio.wait_for(main, seconds))
        loop.run_until_complete(loop.shutdown_asyncgens())
    except RuntimeError as error:
        if waiting:
            raise AssertionError("Still waiting:\n" + "\n".join(waiting)) from error
        raise
    finally:
        limit.cancel()
        loop.close()
        print(*unhandled, sep="\n")
    assert not unhandled


def _where_it_waits(task: asyncio.Task[Any]) -> str:
    text = io.StringIO()
    task.print_stack(file=text)
    return text.getvalue()


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    """A client's frame, right or wrong as asked."""
    length = len(payload)
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    if length < 126:
        head = struct.pack("!BB", first, bit | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    if not mask:
        return head + payload
    key = b"\x37\xfa\x21\x3d"
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


class RawClient:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, server: Server, *extra: bytes, lines: list[bytes] | None = None) -> RawClient:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        request = [b"GET /ws?x=1 HTTP/1.1", *(UPGRADE if lines is None else lines), *extra]
        writer.write(b"\r\n".join(request) + b"\r\n\r\n")
        return cls(reader, writer)

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)

    async def frame(self) -> tuple[int, bytes]:
        """First byte and payload of the next frame."""
        first, second = await asyncio.wait_for(self.reader.readexactly(2), 10)
        length = second
        if second == 126:
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif second == 127:
            (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first, await asyncio.wait_for(self.reader.readexactly(length), 10)

    async def close_code(self) -> int:
        """Skips to the close frame."""
        while True:
            first, payload = await self.frame()
            if first == 0x88:
                return int(struct.unpack("!H", payload[:2])[0]) if payload else 1005

    async def end(self) -> bytes:
        """All that is still sent until the server closes."""
        return await asyncio.wait_for(self.reader.read(), 10)

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):  # the server may be quicker
            await self.writer.wait_closed()


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accepts and sends every message back."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
