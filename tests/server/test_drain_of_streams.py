"""A drain tells when all that is left may last, so that nobody waits for it in vain."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from http_harness import WAIT, Running, get, running

from pilotlight.server.engine import new_event_loop

LOOPS = pytest.mark.parametrize(
    "new_loop", [new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)


@contextmanager
def draining(old: Running) -> Iterator[threading.Event]:
    """The block runs during the drain; the event is set when it has told of streams."""
    told = threading.Event()
    drainer = threading.Thread(
        target=lambda: old.call(old.server.drain(WAIT, lambda one: one.sock.close(), told.set))
    )
    drainer.start()
    try:
        yield told
    finally:
        drainer.join(WAIT)
        assert not drainer.is_alive()


@LOOPS
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_streams_are_told_when_the_other_requests_have_ended(new_loop, interface: str) -> None:
    entered = threading.Semaphore(0)
    end_request, end_stream = threading.Event(), threading.Event()

    def wsgi(environ, start_response):
        if environ["PATH_INFO"] == "/request":
            entered.release()
            assert end_request.wait(WAIT)
            start_response("200 OK", [])
            return [b"done"]
        start_response("200 OK", [])
        return stream()

    def stream():
        yield b"begun"
        entered.release()
        assert end_stream.wait(WAIT)

    async def asgi(scope, receive, send):
        assert scope["type"] == "http"
        start = {"type": "http.response.start", "status": 200, "headers": []}
        if scope["path"] == "/request":
            entered.release()
            await asyncio.to_thread(end_request.wait, WAIT)
            await send(start)
        else:
            await send(start)
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            entered.release()
            await asyncio.to_thread(end_stream.wait, WAIT)
        await send({"type": "http.response.body", "body": b"done"})

    app = wsgi if interface == "wsgi" else asgi
    with (
        running(app, interface, new_loop=new_loop) as old,
        old.connect() as request,
        old.connect() as streaming,
    ):
        request.send(get("/request"))
        streaming.send(get("/stream"))
        for _ in range(2):
            assert entered.acquire(timeout=WAIT)
        with draining(old) as told:
            assert not told.wait(0.2)
            end_request.set()
            assert request.response().body == b"done"
            assert told.wait(WAIT)
            end_stream.set()
        assert streaming.response().body.startswith(b"begun")
        assert not old.hooks.notices


@LOOPS
def test_a_websocket_whose_client_does_not_answer_is_told(new_loop) -> None:
    async def app(scope, receive, send):
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        await receive()

    handshake = get(
        "/ws",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with running(app, "asgi", new_loop=new_loop) as old, old.connect() as client:
        client.send(handshake)
        assert client.response().status == 101
        with draining(old) as told:
            assert told.wait(WAIT)
            assert client.exactly(4)[2:] == (1012).to_bytes(2, "big")


@LOOPS
def test_nothing_is_told_of_what_ends_at_once(new_loop) -> None:
    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"done"]

    with running(app, new_loop=new_loop) as old, old.connect() as client:
        client.send(get("/"))
        assert client.response().body == b"done"
        with draining(old) as told:
            pass
        assert not told.is_set()


@LOOPS
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_what_is_cut_off_is_told_once(new_loop, interface: str) -> None:
    """A drain and then a shutdown, as at a reload; a thread outlives both."""
    entered, end = threading.Event(), threading.Event()

    def wsgi(environ, start_response):
        entered.set()
        assert end.wait(WAIT)
        start_response("200 OK", [])
        return []

    async def asgi(scope, receive, send):
        if scope["type"] == "http":
            entered.set()
            await asyncio.Event().wait()

    app = wsgi if interface == "wsgi" else asgi
    with running(app, interface, new_loop=new_loop) as old, old.connect() as client:
        client.send(get("/loop"))
        assert entered.wait(WAIT)
        old.call(old.server.drain(0.2, lambda one: one.sock.close()))
        old.call(old.server.shutdown(0))
        end.set()
    (notice,) = old.hooks.notices
    assert re.fullmatch(r"GET /loop was still running after 0\.\d s and has been cut off\.", notice)


@LOOPS
def test_a_shutdown_that_has_to_wait_says_for_what(new_loop) -> None:
    waits: list[int] = []
    entered, end = threading.Semaphore(0), threading.Event()

    def app(environ, start_response):
        entered.release()
        assert end.wait(WAIT)
        start_response("200 OK", [])
        return [b"done"]

    def on_wait(count: int) -> None:
        waits.append(count)
        end.set()

    with running(app, new_loop=new_loop) as old, old.connect() as one, old.connect() as other:
        for client in (one, other):
            client.send(get("/"))
            assert entered.acquire(timeout=WAIT)
        old.call(old.server.shutdown(WAIT, on_wait))
        assert one.response().body == other.response().body == b"done"
    assert waits == [2]
    assert not old.hooks.notices
