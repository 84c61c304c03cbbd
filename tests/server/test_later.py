"""A request that is kept for another server: it moves with its connection, or is answered in time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from http_harness import Running, get, running
from test_tls_reload import Secured

from pilotlight.server.application import DetachedConnection, ErrorResponse, Later, Limits
from pilotlight.server.engine import new_event_loop

LOOPS = pytest.mark.parametrize(
    "new_loop", [new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)
NOTHING_NEW = ErrorResponse(200, [(b"content-length", b"3")], b"old")


def wsgi(environ, start_response):
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


class Screen:
    """Keeps `/news`, and lets all others pass."""

    def __init__(self, seconds: float = 60.0) -> None:
        self.seconds = seconds
        self.kept = threading.Semaphore(0)

    def __call__(self, request: Any, client: str) -> Later | None:
        if request.raw_path != b"/news":
            return None
        self.kept.release()
        return Later(NOTHING_NEW, self.seconds)

    def wait(self) -> None:
        assert self.kept.acquire(timeout=20)


def leave(server: Running, heir: Running | None) -> None:
    def take(connection: DetachedConnection) -> None:
        assert heir is not None
        heir.call_soon(heir.server.adopt, connection)

    server.call(server.server.drain(5.0, take if heir is not None else None))


@LOOPS
def test_it_moves_with_what_came_behind_it(new_loop) -> None:
    screen = Screen()
    with (
        running(wsgi, "wsgi", new_loop=new_loop) as heir,
        running(wsgi, "wsgi", new_loop=new_loop, screen=screen) as server,
        server.connect() as client,
    ):
        client.send(get("/1"))
        assert client.response().body == b"/1"
        client.send(get("/news"))
        screen.wait()
        client.send(get("/2"))
        assert server.server.in_flight == 0
        leave(server, heir)
        assert client.response().body == b"/news"
        assert client.response().body == b"/2"


@LOOPS
def test_nothing_has_come_in_its_time(new_loop) -> None:
    screen = Screen(seconds=0.05)
    with running(wsgi, "wsgi", new_loop=new_loop, screen=screen) as server:
        with server.connect() as client:
            client.send(get("/news") + get("/1"))
            assert client.response().body == b"old"
            assert client.response().body == b"/1"
        server.hooks.wait_for(lambda: [each.target for each in server.hooks.records] == ["/news", "/1"])


@LOOPS
def test_the_server_ends(new_loop) -> None:
    screen = Screen()
    with (
        running(wsgi, "wsgi", new_loop=new_loop, screen=screen) as server,
        server.connect() as client,
    ):
        client.send(get("/news"))
        screen.wait()
        leave(server, None)
        assert client.rest() == b""


@LOOPS
def test_who_has_asked_is_gone(new_loop) -> None:
    screen = Screen()
    with running(wsgi, "wsgi", new_loop=new_loop, screen=screen) as server:
        with server.connect() as client:
            client.send(get("/news"))
            screen.wait()
            assert server.call_soon(lambda: len(server.server._shared.connections)) == 1
        server.call(_until(lambda: not server.server._shared.connections))


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


@LOOPS
def test_who_says_nothing_more_is_answered_at_once(new_loop) -> None:
    screen = Screen()
    with running(wsgi, "wsgi", new_loop=new_loop, screen=screen) as server:
        for behind in (b"", get("/1")):
            with server.connect() as client:
                client.send(get("/news"))
                screen.wait()
                client.send(behind)
                client.sock.shutdown(socket.SHUT_WR)
                assert client.response().body == b"old"
                assert not behind or client.response().body == b"/1"
                assert client.rest() == b""


@LOOPS
def test_a_connection_that_is_idle_after_it_is_given_up(new_loop) -> None:
    screen, limits = Screen(seconds=0.05), Limits(keep_alive_seconds=0.2, header_seconds=0.2)
    with running(wsgi, "wsgi", new_loop=new_loop, screen=screen, limits=limits) as server:
        for request in (get("/news"), b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"):
            with server.connect() as client:
                client.send(request)
                client.response()
                assert client.rest() == b""


@LOOPS
def test_over_tls_it_cannot_move_and_is_answered(new_loop, tmp_path: Path) -> None:
    screen, tls = Screen(), Secured(tmp_path)
    with (
        running(wsgi, "wsgi", new_loop=new_loop) as heir,
        running(wsgi, "wsgi", new_loop=new_loop, screen=screen, ssl_context=tls.server) as server,
        tls.connect(server) as client,
    ):
        client.send(get("/news"))
        screen.wait()
        leave(server, heir)
        answer = client.response()
        assert (answer.body, answer["connection"]) == (b"old", "close")
