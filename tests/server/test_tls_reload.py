"""TLS connections while one server follows another, on both event loops: none is broken."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from http_harness import WAIT, Client, Running, get, loopback, running

from pilotlight.server import leaving
from pilotlight.server.application import DetachedConnection
from pilotlight.server.engine import new_event_loop
from pilotlight.server.tls import load_context

LOOPS = pytest.mark.parametrize(
    "new_loop", [new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)

LONG = 3 * WAIT
"""Seconds of a grace that no test waits for: `drain` fails after `WAIT`."""


class Secured:
    """The two ends' contexts."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        file = folder / "leaf.pem"
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(file)
        self.server = load_context(str(file), None)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)

    def shake_hands(self, client: Client) -> None:
        client.sock = self.client.wrap_socket(
            client.sock, server_hostname="localhost", suppress_ragged_eofs=False
        )

    def connect(self, server: Running) -> Client:
        client = server.connect()
        self.shake_hands(client)
        return client


@pytest.fixture
def tls(tmp_path: Path) -> Secured:
    return Secured(tmp_path)


def named(name: str):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [f"{name}{environ['PATH_INFO']} ".encode() + environ["wsgi.input"].read()]

    return app


@contextmanager
def pair(
    tls: Secured, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> Iterator[tuple[Running, Running]]:
    """The server that goes, which alone accepts, and the one that follows."""
    sock = loopback()
    config = {"new_loop": new_loop, "ssl_context": tls.server}
    with (
        running(named("new"), sock=sock.dup(), **config) as new,
        running(named("old"), sock=sock, **config) as old,
    ):
        new.call_soon(new.server.stop_accepting)
        yield old, new


def drain(old: Running, new: Running, grace: float = WAIT) -> None:
    old.call(old.server.drain(grace, lambda one: new.loop.call_soon_threadsafe(new.server.adopt, one)))


@contextmanager
def draining(old: Running, new: Running, grace: float = WAIT) -> Iterator[threading.Thread]:
    """The block runs while `old` drains."""
    drainer = threading.Thread(target=drain, args=(old, new, grace))
    drainer.start()
    until(old, lambda: old.server._shared.draining)
    old.call(turns())
    yield drainer
    drainer.join(WAIT)
    assert not drainer.is_alive()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def until(server: Running, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT
    while not server.call_soon(condition):
        assert time.monotonic() < deadline
        time.sleep(0.002)


@LOOPS
def test_connections_that_have_not_begun_move(tls: Secured, new_loop) -> None:
    with pair(tls, new_loop) as (old, new), old.connect() as client:
        until(old, lambda: old.server._tls._silent)
        drain(old, new)
        tls.shake_hands(client)
        for target in ("/1", "/2"):
            client.send(get(target))
            answer = client.response()
            assert answer.body == f"new{target} ".encode()
            assert answer["connection"] is None


@LOOPS
def test_a_handshake_that_has_begun_ends_with_an_answer(tls: Secured, new_loop) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = tls.client.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pair(tls, new_loop) as (old, new), old.connect() as client:
        with pytest.raises(ssl.SSLWantReadError):
            hello.do_handshake()
        flight = outgoing.read()
        client.send(flight[:7])
        until(old, lambda: old.server._tls.unfinished)
        with draining(old, new) as drainer:
            client.send(flight[7:])
            while True:
                try:
                    hello.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    client.send(outgoing.read())
                    incoming.write(client.sock.recv(65536))
            assert drainer.is_alive()
            hello.write(get("/1"))
            client.send(outgoing.read())
            answer = b""
            while True:
                try:
                    data = hello.read(65536)
                except ssl.SSLWantReadError:
                    incoming.write(client.sock.recv(65536))
                    continue
                if not data:  # close_notify; an end without it would be an ssl.SSLEOFError
                    break
                answer += data
            client.sock.close()
        assert b"\r\nconnection: close\r\n" in answer.lower()
        assert answer.endswith(b"old/1 ")


@LOOPS
def test_the_first_request_is_answered(tls: Secured, new_loop) -> None:
    with pair(tls, new_loop) as (old, new), tls.connect(old) as fresh, tls.connect(old) as begun:
        begun.send(get("/2", "Content-Length: 4", method="POST") + b"ab")
        until(old, lambda: [one for one in old.server._shared.connections if one.reader.phase == "body"])
        with draining(old, new) as drainer:
            assert drainer.is_alive()
            fresh.send(get("/1"))
            begun.send(b"cd")
            for client, body in ((fresh, b"old/1 "), (begun, b"old/2 abcd")):
                answer = client.response()
                assert answer.body == body
                assert answer["connection"] == "close"
                assert client.rest() == b""
                client.sock.close()


@LOOPS
def test_an_answered_connection_is_closed_cleanly_and_at_once(
    tls: Secured, new_loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "JUST_NOW_SECONDS", LONG)
    with pair(tls, new_loop) as (old, new), tls.connect(old) as client:
        client.send(get("/1"))
        assert client.response()["connection"] is None
        old.hooks.wait_for(lambda: old.hooks.records)  # the answer can be read before its end is noted
        drain(old, new, grace=LONG)
        assert client.rest() == b""


def test_an_idle_server_leaves_at_once(tls: Secured) -> None:
    with pair(tls, new_event_loop) as (old, new):
        drain(old, new, grace=LONG)


@LOOPS
def test_a_request_that_came_with_the_drain_is_answered(tls: Secured, new_loop) -> None:
    with pair(tls, new_loop) as (old, _), tls.connect(old) as client:
        client.send(get("/1"))
        client.response()

        async def request_and_drain() -> None:
            client.send(get("/2"))  # the loop has no time to read it before the connections are told
            for connection in list(old.server._shared.connections):
                old.server._shared.draining = True
                old.server.hand_over = lambda one: pytest.fail("TLS cannot move")
                connection.drain()
            await old.server.drain(WAIT, lambda one: None)

        drainer = asyncio.run_coroutine_threadsafe(request_and_drain(), old.loop)
        answer = client.response()
        assert answer.body == b"old/2 "
        assert answer["connection"] == "close"
        assert client.rest() == b""
        client.sock.close()
        drainer.result(WAIT)


@LOOPS
def test_a_websocket_that_opens_during_the_drain_is_told_to_come_again(tls: Secured, new_loop) -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    with (
        running(named("new"), ssl_context=tls.server, new_loop=new_loop) as new,
        running(app, "asgi", ssl_context=tls.server, new_loop=new_loop) as old,
        tls.connect(old) as client,
        draining(old, new),
    ):
        client.send(get("/", *upgrade, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="))
        while client.line():
            pass
        assert client.exactly(4)[2:] == (1012).to_bytes(2, "big")  # a close frame's code: service restart


@LOOPS
def test_who_stays_silent_is_closed_when_the_grace_is_over(tls: Secured, new_loop) -> None:
    with pair(tls, new_loop) as (old, new), tls.connect(old) as silent, old.connect() as half:
        half.send(b"\x16\x03\x01\x02\x00\x01")
        until(old, lambda: old.server._shared.connections and old.server._tls.unfinished)
        began = time.monotonic()
        drain(old, new, grace=0.3)
        assert 0.25 < time.monotonic() - began < 5
        assert silent.rest() == b""
        assert half.rest_or_reset() == b""
        assert not old.hooks.notices


@LOOPS
def test_a_connection_long_unused_does_not_delay(
    tls: Secured, new_loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "JUST_NOW_SECONDS", 0.0)
    with pair(tls, new_loop) as (old, new), tls.connect(old) as unused:
        until(old, lambda: old.server._shared.connections)
        drain(old, new, grace=LONG)
        assert unused.rest() == b""


def test_without_a_successor_nobody_is_waited_for(tls: Secured) -> None:
    with (
        running(named("old"), ssl_context=tls.server) as old,
        old.connect() as silent,
        tls.connect(old) as fresh,
    ):
        until(old, lambda: old.server._shared.connections and old.server._tls._silent)
        old.call(old.server.drain(LONG, None))
        assert fresh.rest() == b""
        assert silent.rest() == b""


@LOOPS
def test_adopted_while_leaving_moves_on(tls: Secured, new_loop) -> None:
    """A second reload, before the connection had arrived from the first."""
    ours, theirs = socket.socketpair()
    theirs.close()
    moved: list[object] = []
    with running(named("old"), ssl_context=tls.server, new_loop=new_loop) as old:
        old.call(old.server.drain(0, moved.append))
        one = DetachedConnection(ours, b"")
        old.call_soon(old.server.adopt, one)
        assert moved == [one]
    ours.close()


@LOOPS
def test_no_new_connection_is_broken_over_many_generations(tls: Secured, new_loop) -> None:
    sock = loopback()
    stop = threading.Event()
    failures: list[BaseException] = []
    answers: list[bytes] = []

    def ask() -> None:
        try:
            with Client(socket.create_connection(sock.getsockname(), WAIT)) as client:
                tls.shake_hands(client)
                client.send(get("/"))
                answers.append(client.response().body)
        except (OSError, EOFError) as error:
            failures.append(error)

    def hammer() -> None:
        while not stop.is_set():
            ask()

    def more(count: int) -> None:
        wanted, deadline = len(answers) + count, time.monotonic() + WAIT
        while len(answers) < wanted and not failures:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def generation(number: int):
        return running(named(str(number)), sock=sock.dup(), new_loop=new_loop, ssl_context=tls.server)

    clients = [threading.Thread(target=hammer) for _ in range(3)]
    current = generation(0)
    server = current.__enter__()
    for client in clients:
        client.start()
    try:
        more(10)
        for number in range(1, 8):
            following = generation(number)
            replacement = following.__enter__()
            drain(server, replacement)
            current.__exit__(None, None, None)
            current, server = following, replacement
            more(10)
    finally:
        stop.set()
        for client in clients:
            client.join(WAIT)
        current.__exit__(None, None, None)
        sock.close()
    assert not failures
    assert {answer[:1] for answer in answers} == {b"%d" % i for i in range(8)}
