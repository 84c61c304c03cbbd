"""Requests that are not admitted wait, whatever they consist of, and are answered when they may be."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from http_harness import WAIT, Client, Running, get, running

from pilotlight.server.application import DetachedConnection, Limits
from pilotlight.server.engine import new_event_loop

LOOPS = pytest.mark.parametrize(
    "new_loop", [new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)
INTERFACES = pytest.mark.parametrize("interface", ["wsgi", "asgi"])


def wsgi(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [f"{environ['PATH_INFO']} {len(body)} {hashlib.md5(body).hexdigest()}".encode()]


async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    answer = f"{scope['path']} {len(body)} {hashlib.md5(body).hexdigest()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})


APPS: dict[str, Any] = {"wsgi": wsgi, "asgi": asgi}


def answer_to(path: str, body: bytes = b"") -> bytes:
    return f"{path} {len(body)} {hashlib.md5(body).hexdigest()}".encode()


class Gate:
    """What the server asks; it counts how often."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self.open = False
        self.asked = 0
        server.server.admit = self._ask

    def _ask(self) -> bool:
        self.asked += 1
        return self.open

    def wait_until_asked(self, times: int = 1) -> None:
        deadline = time.monotonic() + WAIT
        while self.asked < times:
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def open_and_tell(self) -> None:
        self.open = True
        self._server.call_soon(self._server.server.ask_again)


@contextmanager
def gated(interface: str, new_loop=new_event_loop, **options: Any) -> Iterator[tuple[Running, Gate]]:
    with running(APPS[interface], interface, new_loop=new_loop, **options) as server:
        yield server, Gate(server)


@LOOPS
@INTERFACES
def test_a_request_waits_for_word(new_loop, interface: str) -> None:
    with gated(interface, new_loop) as (server, gate), server.connect() as client:
        client.send(get("/1"))
        gate.wait_until_asked()
        server.call_soon(server.server.ask_again)  # word of which this server cannot make use
        assert gate.asked == 2
        assert server.server.in_flight == 0
        gate.open_and_tell()
        assert client.response().body == answer_to("/1")
        client.send(get("/2"))
        assert client.response().body == answer_to("/2")


@LOOPS
@INTERFACES
def test_a_pipeline_keeps_its_order(new_loop, interface: str) -> None:
    with gated(interface, new_loop) as (server, gate), server.connect() as client:
        client.send(get("/1", "Content-Length: 2", method="POST") + b"ab" + get("/2"))
        gate.wait_until_asked()
        client.send(get("/3"))
        gate.open_and_tell()
        for path, body in (("/1", b"ab"), ("/2", b""), ("/3", b"")):
            assert client.response().body == answer_to(path, body)


@LOOPS
@INTERFACES
def test_the_second_of_a_pipeline_may_be_the_one_that_waits(new_loop, interface: str) -> None:
    with gated(interface, new_loop) as (server, gate), server.connect() as client:
        server.server.admit = lambda: gate._ask() or gate.asked == 1
        client.send(get("/1") + get("/2"))
        assert client.response().body == answer_to("/1")
        gate.wait_until_asked(2)
        gate.open_and_tell()
        assert client.response().body == answer_to("/2")


@LOOPS
@INTERFACES
def test_a_client_that_has_sent_all_that_it_will_is_answered(new_loop, interface: str) -> None:
    with gated(interface, new_loop) as (server, gate), server.connect() as client:
        client.send(get("/1") + get("/2"))
        client.sock.shutdown(socket.SHUT_WR)
        gate.wait_until_asked()
        gate.open_and_tell()
        assert client.response().body == answer_to("/1")
        assert client.response().body == answer_to("/2")
        assert client.rest() == b""


@LOOPS
@INTERFACES
def test_the_end_may_come_after_the_request_began_to_wait(new_loop, interface: str) -> None:
    with gated(interface, new_loop) as (server, gate), server.connect() as client:
        client.send(get("/1"))
        gate.wait_until_asked()
        client.sock.shutdown(socket.SHUT_WR)
        only = next(iter(server.server._shared.connections))
        deadline = time.monotonic() + WAIT
        while not server.call_soon(lambda: only.half_closed):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        gate.open_and_tell()
        assert client.response().body == answer_to("/1")
        assert client.rest() == b""


@LOOPS
@INTERFACES
@pytest.mark.parametrize("size", [1000, 1_000_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_bodies_that_come_while_their_request_waits(
    new_loop, interface: str, size: int, chunked: bool
) -> None:
    body = bytes(index % 251 for index in range(size))
    if chunked:
        half = size // 2
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))
        headers = "Transfer-Encoding: chunked"
    else:
        sent, headers = body, f"Content-Length: {size}"
    limits = Limits(body_buffer_bytes=32 * 1024)
    with gated(interface, new_loop, limits=limits) as (server, gate), server.connect() as client:
        client.send(get("/up", headers, method="POST") + sent[:10])
        sender = threading.Thread(target=client.send, args=(sent[10:] + get("/next"),))
        sender.start()
        gate.wait_until_asked()
        if size > 100_000:  # the rest stays with the client
            until_paused(server)
            only = next(iter(server.server._shared.connections))
            assert len(only.reader.buffer) < 32 * 1024 + 512 * 1024
        gate.open_and_tell()
        assert client.response().body == answer_to("/up", body)
        assert client.response().body == answer_to("/next")
        sender.join(WAIT)


def until_paused(server: Running) -> None:
    deadline = time.monotonic() + WAIT
    only = next(iter(server.server._shared.connections))
    while not server.call_soon(lambda: only.wire.reading_paused):
        assert time.monotonic() < deadline
        time.sleep(0.002)


@LOOPS
@INTERFACES
def test_leave_to_send_a_body_is_given_when_the_request_may_be_answered(new_loop, interface: str) -> None:
    with gated(interface, new_loop) as (server, gate), server.connect() as client:
        client.send(get("/1", "Content-Length: 3", "Expect: 100-continue", method="POST"))
        gate.wait_until_asked()
        client.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.line()
        client.sock.settimeout(WAIT)
        gate.open_and_tell()
        assert client.line() == b"HTTP/1.1 100 Continue"
        assert client.line() == b""
        client.send(b"abc")
        assert client.response().body == answer_to("/1", b"abc")


@LOOPS
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_goes_away_while_it_waits_is_forgotten(new_loop, reset: bool) -> None:
    with gated("asgi", new_loop) as (server, gate):
        with server.connect() as client:
            client.send(get("/1"))
            gate.wait_until_asked()
            if reset:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if not reset:
            gate.open_and_tell()  # an end alone may be that of a client that still reads
        deadline = time.monotonic() + WAIT
        while server.call_soon(lambda: len(server.server._shared.connections)):
            assert time.monotonic() < deadline
            time.sleep(0.002)
        gate.open_and_tell()
        assert not server.hooks.errors


def test_time_does_not_run_for_a_request_that_waits() -> None:
    limits = Limits(header_seconds=0.2, keep_alive_seconds=0.2)
    with gated("wsgi", limits=limits) as (server, gate), server.connect() as client:
        client.send(get("/1", "Content-Length: 3", method="POST") + b"ab")
        client.send(b"c")
        gate.wait_until_asked()
        with server.connect() as idle:
            idle.send(get("/half")[:9])
            assert idle.response().status == 408  # so that the sweep has been here
        gate.open_and_tell()
        assert client.response().body == answer_to("/1", b"abc")


@LOOPS
def test_a_handshake_of_a_websocket_waits_with_what_came_behind_it(new_loop) -> None:
    async def echo(scope, receive, send):
        assert scope["type"] == "websocket"
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})

    handshake = get(
        "/ws",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with running(echo, "asgi", new_loop=new_loop) as server, server.connect() as client:
        gate = Gate(server)
        client.send(handshake)
        gate.wait_until_asked()
        client.send(b"\x81\x82\0\0\0\0hi")  # a masked text frame
        gate.open_and_tell()
        assert client.response().status == 101
        assert client.exactly(4) == b"\x81\x02hi"


@LOOPS
def test_an_adopted_request_waits_like_any_other(new_loop) -> None:
    """The server that takes it over may not know yet whether it may answer."""
    with (
        gated("wsgi", new_loop) as (new, new_gate),
        gated("wsgi", new_loop) as (old, old_gate),
        old.connect() as client,
    ):
        client.send(get("/1", "Content-Length: 4", method="POST") + b"ab")
        client.send(b"cd" + get("/2")[:5])
        old_gate.wait_until_asked()
        hand_over(old, new)
        new_gate.wait_until_asked()
        client.send(get("/2")[5:])
        new_gate.open_and_tell()
        assert client.response().body == answer_to("/1", b"abcd")
        assert client.response().body == answer_to("/2")


def hand_over(old: Running, new: Running) -> None:
    old.call(old.server.drain(WAIT, lambda one: new.loop.call_soon_threadsafe(new.server.adopt, one)))


@LOOPS
@pytest.mark.parametrize("data", [b"", get("/1")[:9], get("/1"), get("/1") + get("/2")[:9]])
def test_what_is_adopted_by_a_server_that_drains_goes_on_to_the_next(new_loop, data: bytes) -> None:
    entered, release = threading.Event(), threading.Event()

    def busy(environ, start_response):
        entered.set()
        assert release.wait(WAIT)
        return wsgi(environ, start_response)

    moved = threading.Event()
    with (
        running(wsgi, new_loop=new_loop) as new,
        running(busy, new_loop=new_loop) as old,
        old.connect() as in_flight,
    ):

        def take(one: DetachedConnection) -> None:
            new.loop.call_soon_threadsafe(new.server.adopt, one)
            moved.set()

        in_flight.send(get("/busy"))
        assert entered.wait(WAIT)
        drainer = threading.Thread(target=lambda: old.call(old.server.drain(WAIT, take)))
        drainer.start()
        deadline = time.monotonic() + WAIT
        while not old.server._shared.draining:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        with socket.create_server(("127.0.0.1", 0)) as door:
            client = Client(socket.create_connection(door.getsockname(), WAIT))
            late, _ = door.accept()
        with client:
            old.call_soon(old.server.adopt, DetachedConnection(late, data))
            assert moved.wait(5)
            assert drainer.is_alive()
            client.send((get("/1") + get("/2"))[len(data) :])
            assert client.response().body == answer_to("/1")
            assert client.response().body == answer_to("/2")
        moved.clear()
        release.set()
        assert in_flight.response().body == answer_to("/busy")
        drainer.join(WAIT)
        assert moved.wait(WAIT)
