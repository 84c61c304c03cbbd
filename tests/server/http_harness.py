"""A server on a thread of its own, and a client that says exactly which bytes it sends."""

from __future__ import annotations

import asyncio
import socket
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from indifferent_hooks import Indifferent

from pilotlight.server.application import (
    AccessRecord,
    Application,
    DetachedConnection,
    ErrorResponse,
    Limits,
    RequestInfo,
    ServerConfig,
)
from pilotlight.server.engine import Server, new_event_loop

WAIT = 20.0


class Recorder(Indifferent):
    """`ServerHooks` that keep what they are told; `wait_for` waits until it has been."""

    def __init__(self) -> None:
        self.records: list[AccessRecord] = []
        self.notices: list[str] = []
        self.errors: list[tuple[BaseException, RequestInfo | None, bool]] = []
        self.error_response: ErrorResponse | None = None
        self._news = threading.Condition()

    def access(self, record: AccessRecord) -> None:
        with self._news:
            self.records.append(record)
            self._news.notify_all()

    def notice(self, message: str) -> None:
        with self._news:
            self.notices.append(message)
            self._news.notify_all()

    def app_error(
        self, error: BaseException, request: RequestInfo | None, response_started: bool
    ) -> ErrorResponse | None:
        with self._news:
            self.errors.append((error, request, response_started))
            self._news.notify_all()
        return self.error_response

    def wait_for(self, condition: Callable[[], Any]) -> None:
        with self._news:
            assert self._news.wait_for(condition, WAIT), (self.records, self.notices, self.errors)

    def assert_no_error(self) -> None:
        assert not self.errors, "".join(traceback.format_exception(self.errors[0][0]))


class Running:
    """A server that runs, seen from the test's thread."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, server: Server, hooks: Recorder, address: Any
    ) -> None:
        self.loop = loop
        self.server = server
        self.hooks = hooks
        self.address = address
        self.detached: list[DetachedConnection] = []

    def connect(self) -> Client:
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET
        sock = socket.socket(family)
        sock.settimeout(WAIT)
        sock.connect(self.address)
        return Client(sock)

    def request(self, data: bytes) -> Response:
        with self.connect() as client:
            client.send(data)
            return client.response(head=data.startswith(b"HEAD "))

    def call(self, work: Coroutine[Any, Any, Any], wait: float = WAIT) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(wait)

    def call_soon(self, function: Callable[..., Any], *arguments: Any) -> Any:
        async def call() -> Any:
            return function(*arguments)

        return self.call(call())


class Response:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def __getitem__(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, self.headers
        return values[0] if values else None


class Client:
    """One connection. Strict: an answer that is not exactly framed raises `EOFError` or `AssertionError`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(self.buffer[:500])
        self.buffer += data

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def rest(self) -> bytes:
        """All until the server closes."""
        try:
            while True:
                self._more()
        except EOFError:
            data, self.buffer = self.buffer, b""
            return data

    def rest_or_reset(self) -> bytes:
        """All until the server closes, politely or not."""
        try:
            return self.rest()
        except ConnectionResetError:
            return self.buffer

    def response(self, *, head: bool = False) -> Response:
        version, status, _ = self.line().split(b" ", 2)
        assert version == b"HTTP/1.1"
        headers: list[tuple[str, str]] = []
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(": ")
            headers.append((name, value))
        response = Response(int(status), headers, b"")
        if head or response.status in (204, 304) or response.status < 200:
            return response
        if response["transfer-encoding"] == "chunked":
            while size := int(self.line(), 16):
                response.body += self.exactly(size)
                assert self.line() == b""
            assert self.line() == b""
        elif response["content-length"] is not None:
            response.body = self.exactly(int(response["content-length"]))
        else:
            response.body = self.rest()
        return response


def loopback() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)  # else each dup() would make the socket blocking again, for all who share it
    return sock


@contextmanager
def running(
    app: Any,
    interface: str = "wsgi",
    *,
    limits: Limits | None = None,
    sock: socket.socket | None = None,
    new_loop: Callable[[], asyncio.AbstractEventLoop] = new_event_loop,
    **config: Any,
) -> Iterator[Running]:
    """Serve `app` until the block ends."""
    loop = new_loop()
    hooks = Recorder()
    server = Server(
        Application(interface, app),  # type: ignore[arg-type]
        ServerConfig(limits=limits or Limits(), **config),
        hooks,
    )
    sock = sock or loopback()
    address = sock.getsockname()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running_server = Running(loop, server, hooks, address)
    try:
        running_server.call(server.start([sock]))
        yield running_server
    finally:
        running_server.call(server.shutdown(0))
        running_server.call(_settle())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT)
        loop.close()
        sock.close()


async def _settle() -> None:
    """Let cancelled tasks and closing transports come to their end."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=2)
    for _ in range(5):
        await asyncio.sleep(0)


def get(target: str = "/", *extra: str, method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: test", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
