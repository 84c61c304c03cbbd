"""A debug listener in this process, on a loop in a thread of its own; its desk remembers each call."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pilotlight.debugger import from_exception, to_json
from pilotlight.debugger.listener.binding import bind_loopback, port_of
from pilotlight.debugger.listener.desk import Summary, summary_of
from pilotlight.debugger.listener.keyring import Keyring
from pilotlight.debugger.listener.listener import DebugListener
from pilotlight.debugger.listener.statefile import StateFile
from pilotlight.debugger.model import Item, Value
from pilotlight.debugger.report.capture import new_id

SECRET = "the-secret-of-the-report"
LIMIT = 20.0


class FakeDesk:
    """Has one report, and runs code of four kinds. `calls` is what reached it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.cancelled = threading.Event()
        self.streaming = threading.Event()
        self.living = True
        self.listeners: list[asyncio.Queue[dict[str, Any]]] = []
        self.stop = asyncio.Event()
        self.added: list[Summary] = []
        try:
            raise RuntimeError(SECRET)
        except RuntimeError as error:
            report = from_exception(error, kind="background")
        self.body = to_json(report)
        self.id = report.id
        self.body["chain"][0]["frames"][-1]["handle"] = 3
        self._summary = summary_of(report, alive=True)

    def reports(self) -> list[Summary]:
        self.calls.append(("reports", None))
        return [*reversed(self.added), self._summary]

    def report(self, report_id: str) -> dict[str, Any] | None:
        self.calls.append(("report", report_id))
        return self.body if report_id == self.id else None

    def alive(self, report_id: str) -> bool:
        self.calls.append(("alive", report_id))
        return self.living

    def repeatable(self, report_id: str) -> bool:
        return True

    async def repeat(self, report_id: str) -> AsyncIterator[dict[str, Any]]:
        self.calls.append(("repeat", report_id))
        yield {"type": "response", "status": 500, "error": self.id}

    async def ask(self, question: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        self.calls.append(("ask", question))
        code = question.get("code", "")
        if question["kind"] == "complete":
            start = code.rfind(".") + 1
            yield {"type": "names", "start": start, "names": ["path", "path_info"]}
            yield done("ok")
            return
        if question["kind"] == "about":
            yield {"type": "note", "text": "Names here: app, settings."}
            yield done("ok")
            return
        if question["kind"] == "cancel":
            self.stop.set()
            yield done("ok")
            return
        if question["report"] and not self.living:
            yield {"type": "note", "text": "The app was loaded again."}
            yield done("gone")
        elif code == "forever":
            async for event in self._forever():
                yield event
        elif code.endswith(":"):
            yield done("incomplete")
        elif code == "big":
            for _ in range(400):
                yield {"type": "output", "stream": "stdout", "text": "x" * 50_000}
            yield done("ok")
        elif code.startswith("print"):
            yield {"type": "output", "stream": "stdout", "text": "one\n"}
            yield {"type": "output", "stream": "stderr", "text": "two\n"}
            yield done("ok")
        else:
            value = Value(
                repr(code)[:50],
                "list",
                "container",
                1,
                (Item("0", Value("'<img src=x>'", "str")),),
                note=SECRET,
            )
            yield {"type": "value", "value": asdict(value)}
            yield done("ok")

    async def _forever(self) -> AsyncIterator[dict[str, Any]]:
        self.stop.clear()
        try:
            yield {"type": "output", "stream": "stdout", "text": "begun\n"}
            self.streaming.set()
            await self.stop.wait()
            yield done("cancelled")
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise

    async def subscribe(self) -> AsyncIterator[dict[str, Any]]:
        self.calls.append(("subscribe", None))
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.listeners.append(queue)
        try:
            self.streaming.set()
            while True:
                yield await queue.get()
        finally:
            self.listeners.remove(queue)
            self.cancelled.set()

    def happen(self, title: str, *, group: int = 0, count: int = 1) -> None:
        """A new error. To be called on the loop.

        Args:
            group: of equal ones; 0: of its own.
            count: of that group.
        """
        one = Summary(new_id(), "request", 1_700_000_000.0, title, "POST /hook", "192.0.2.7")
        self.added.append(replace(one, group=group or len(self.added) + 100, count=count))
        for queue in self.listeners:
            queue.put_nowait({"type": "report", "id": self.added[-1].id})


def done(status: str) -> dict[str, Any]:
    return {"type": "done", "status": status, "seconds": 0.01}


@dataclass
class Running:
    """What a test needs of a listener that runs."""

    desk: FakeDesk
    keyring: Keyring
    listener: DebugListener
    loop: asyncio.AbstractEventLoop
    port: int
    url: str
    troubles: list[dict[str, Any]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def token(self) -> str:
        token = self.keyring.exchange(self.keyring.new_key(self.url), self.url)
        assert token
        return token

    def on_loop(self, function: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(LIMIT)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)

    def raw(self, data: bytes) -> bytes:
        """Everything that comes back until the listener closes."""
        with self.connect() as sock:
            sock.sendall(data)
            return read_all(sock)

    def call(self, path: str, body: bytes = b"{}", *, token: str = "") -> tuple[int, bytes]:
        """A call as our own page makes it."""
        return parse(self.raw(request(self.host, path, body, token)))


def request(host: str, path: str, body: bytes = b"{}", token: str = "") -> bytes:
    secret = f"X-Pilotlight-Token: {token}\r\n" if token else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n"
        f"Content-Type: application/json\r\n{secret}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def read_all(sock: socket.socket) -> bytes:
    parts = []
    while True:
        try:
            data = sock.recv(1 << 16)
        except ConnectionResetError:
            break
        if not data:
            break
        parts.append(data)
    return b"".join(parts)


def parse(answer: bytes) -> tuple[int, bytes]:
    """Status and body, its chunks joined."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        rest, body = body, b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size, 16)
            body += rest[:length]
            rest = rest[length + 2 :]
    return int(head.split(b" ", 2)[1]) if head else 0, body


@contextmanager
def running(state: Path, **options: Any) -> Iterator[Running]:
    """A listener; ends with the block, and must not have failed."""
    sockets = bind_loopback()
    port = port_of(sockets)
    url = f"http://127.0.0.1:{port}{options.pop('path', '')}"
    keyring = Keyring(StateFile(str(state / "pilotlight" / "debugger" / "test.json")))
    loop = asyncio.new_event_loop()
    troubles: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    ready = threading.Event()
    desk = FakeDesk()
    listener = DebugListener(desk, keyring, url, sockets, **options)

    def serve() -> None:
        asyncio.set_event_loop(loop)
        listener.start(loop)
        loop.call_soon(ready.set)
        loop.run_forever()
        listener.close()
        loop.run_until_complete(listener.wait_closed())
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(LIMIT)
        yield Running(desk, keyring, listener, loop, port, url, troubles)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT)
    if troubles:
        raise AssertionError(troubles)
