"""Connections that move from one server to the next, on both event loops."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from http_harness import WAIT, Client, Running, get, loopback, running

from pilotlight.server.application import Limits
from pilotlight.server.engine import new_event_loop

LOOPS = pytest.mark.parametrize(
    "new_loop", [new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)


def named(name: str):
    def app(environ, start_response):
        body = f"{name}{environ['PATH_INFO']} ".encode() + environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [body]

    return app


def drain(old: Running, new: Running | None, grace: float = WAIT) -> None:
    hand_over = None if new is None else lambda one: new.loop.call_soon_threadsafe(new.server.adopt, one)
    old.call(old.server.drain(grace, hand_over))


def settled(server: Running, count: int) -> None:
    """Wait until the server has seen `count` connections."""
    deadline = time.monotonic() + WAIT
    while server.call_soon(lambda: len(server.server._shared.connections)) != count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@LOOPS
def test_idle_and_half_sent_connections_move(new_loop) -> None:
    sock = loopback()
    with running(named("new"), sock=sock.dup(), new_loop=new_loop) as new:
        with running(named("old"), sock=sock, new_loop=new_loop) as old:
            clients = [old.connect() for _ in range(4)]
            idle, half_head, half_body, silent = clients
            new.server.stop_accepting()
            half_head.send(get("/head")[:20])
            half_body.send(get("/body", "Content-Length: 4", method="POST") + b"ab")
            for client in (idle, half_head, half_body, silent):
                assert client.sock.fileno() > 0
            idle.send(get("/1"))
            first = idle.response()
            time.sleep(0)
            drain(old, new)
        half_head.send(get("/head")[20:])
        assert half_head.response().body == b"new/head "
        half_body.send(b"cd")
        assert half_body.response().body.endswith(b"/body abcd")
        idle.send(get("/2"))
        silent.send(get("/3"))
        assert idle.response().body == b"new/2 "
        assert silent.response().body == b"new/3 "
        assert first.body.endswith(b"/1 ")
        for client in clients:
            client.sock.close()


@LOOPS
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_in_flight_request_finishes_and_its_pipeline_moves(new_loop, interface: str) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(environ, start_response):
        entered.set()
        assert release.wait(WAIT)
        return named("old")(environ, start_response)

    async def slow_asgi(scope, receive, send):
        assert scope["type"] == "http"
        entered.set()
        await asyncio.to_thread(release.wait, WAIT)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"old" + scope["path"].encode() + b" "})

    app = slow if interface == "wsgi" else slow_asgi
    with (
        running(named("new"), new_loop=new_loop) as new,
        running(app, interface, new_loop=new_loop) as old,
        old.connect() as client,
    ):
        client.send(get("/1") + get("/2") + get("/3")[:9])
        assert entered.wait(WAIT)
        drainer = threading.Thread(target=drain, args=(old, new))
        drainer.start()
        client.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.response()
        assert old.server.in_flight == 1
        release.set()
        client.sock.settimeout(WAIT)
        assert client.response().body == b"old/1 "
        assert client.response().body == b"new/2 "
        client.send(get("/3")[9:])
        assert client.response().body == b"new/3 "
        drainer.join(WAIT)
        assert not drainer.is_alive()
        assert not old.hooks.notices


@LOOPS
def test_a_large_answer_arrives_whole_before_the_connection_moves(new_loop) -> None:
    body = b"x" * 20_000_000
    done = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", [])
        yield body
        done.set()

    with (
        running(named("new"), new_loop=new_loop) as new,
        running(app, new_loop=new_loop) as old,
        old.connect() as client,
    ):
        client.send(get("/1") + get("/2"))
        client.exactly(1)
        client.buffer = b"H" + client.buffer
        drainer = threading.Thread(target=drain, args=(old, new))
        drainer.start()
        assert client.response().body == body
        assert client.response().body == b"new/2 "
        drainer.join(WAIT)


@LOOPS
def test_admit_sends_a_request_to_the_next_server(new_loop) -> None:
    fresh = True
    with running(named("new"), new_loop=new_loop) as new, running(named("old"), new_loop=new_loop) as old:
        old.server.admit = lambda: fresh
        old.server.hand_over = lambda one: new.loop.call_soon_threadsafe(new.server.adopt, one)
        with old.connect() as client:
            client.send(get("/1"))
            assert client.response().body == b"old/1 "
            fresh = False
            client.send(get("/2", "Content-Length: 3", method="POST") + b"abc" + get("/3"))
            assert client.response().body == b"new/2 abc"
            assert client.response().body == b"new/3 "
            assert old.server.in_flight == 0


def test_request_that_is_not_admitted_waits_for_the_drain() -> None:
    with running(named("new")) as new, running(named("old")) as old:
        asked = threading.Event()
        old.server.admit = lambda: asked.set() or False  # type: ignore[func-returns-value]
        with old.connect() as client:
            client.send(get("/1"))
            assert asked.wait(WAIT)
            client.send(get("/2"))
            drain(old, new)
            assert client.response().body == b"new/1 "
            assert client.response().body == b"new/2 "


def test_without_hand_over_connections_are_closed() -> None:
    with running(named("old")) as old, old.connect() as idle, old.connect() as other:
        for client in (idle, other):
            client.send(get("/1"))
            client.response()
        drain(old, None)
        assert idle.rest() == other.rest() == b""


def test_response_that_ends_after_a_drain_without_hand_over_says_close() -> None:
    entered, release = threading.Event(), threading.Event()

    def app(environ, start_response):
        entered.set()
        assert release.wait(WAIT)
        return named("old")(environ, start_response)

    with running(app) as old, old.connect() as client:
        client.send(get("/1"))
        assert entered.wait(WAIT)
        drainer = threading.Thread(target=drain, args=(old, None))
        drainer.start()
        with old_is_draining(old):
            release.set()
        assert client.response()["connection"] == "close"
        assert client.rest() == b""
        drainer.join(WAIT)


class old_is_draining:
    def __init__(self, old: Running) -> None:
        self.old = old

    def __enter__(self) -> None:
        deadline = time.monotonic() + WAIT
        while not self.old.server._shared.draining:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def __exit__(self, *exc: object) -> None:
        pass


def test_requests_that_take_too_long_are_cut_and_reported() -> None:
    entered, release = threading.Event(), threading.Event()

    def app(environ, start_response):
        entered.set()
        release.wait(WAIT)
        return []

    with running(app) as old, old.connect() as client:
        client.send(get("/endless?x"))
        assert entered.wait(WAIT)
        began = time.monotonic()
        drain(old, None, grace=0.3)
        assert 0.2 < time.monotonic() - began < 5
        assert "GET /endless?x" in old.hooks.notices[0]
        assert client.rest_or_reset() == b""
        release.set()


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_event_streams_are_closed_at_once(interface: str) -> None:
    ended = threading.Event()

    def wsgi(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        try:
            while True:
                yield b"data: x\n\n"
                time.sleep(0.01)
        finally:
            ended.set()

    async def asgi(scope, receive, send):
        assert scope["type"] == "http"
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"text/event-stream")],
                }
            )
            await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
            await asyncio.sleep(1000)
        finally:
            ended.set()

    app = wsgi if interface == "wsgi" else asgi
    with running(named("new")) as new, running(app, interface) as old, old.connect() as client:
        client.send(get("/stream"))
        while b"data: x" not in client.buffer:
            client._more()
        began = time.monotonic()
        drain(old, new)
        assert time.monotonic() - began < 5
        assert ended.wait(WAIT)
        client.rest()
        assert not old.hooks.notices


def test_no_request_is_lost_over_many_generations() -> None:
    """Clients that never stop, and a server that is replaced again and again."""
    sock = loopback()
    stop = threading.Event()
    failures: list[BaseException] = []
    answers: list[bytes] = []

    def hammer(address) -> None:
        import socket

        try:
            client = Client(socket.create_connection(address, WAIT))
            with client:
                while not stop.is_set():
                    client.send(get("/a") + get("/b"))
                    answers.append(client.response().body)
                    answers.append(client.response().body)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    clients = [threading.Thread(target=hammer, args=(sock.getsockname(),)) for _ in range(4)]
    generations = []
    current = running(named("0"), sock=sock.dup())
    server = current.__enter__()
    for client in clients:
        client.start()
    deadline = time.monotonic() + WAIT
    while len(answers) < 40 and not failures and time.monotonic() < deadline:
        time.sleep(0.005)
    for generation in range(1, 8):
        following = running(named(str(generation)), sock=sock.dup())
        replacement = following.__enter__()
        drain(server, replacement)
        current.__exit__(None, None, None)
        generations.append(server)
        current, server = following, replacement
        seen = len(answers)
        deadline = time.monotonic() + WAIT
        while len(answers) < seen + 40 and not failures and time.monotonic() < deadline:
            time.sleep(0.005)
    stop.set()
    for client in clients:
        client.join(WAIT)
    current.__exit__(None, None, None)
    sock.close()
    assert not failures
    assert {answer[:1] for answer in answers} == {b"%d" % i for i in range(8)}
    assert not any(one.hooks.notices or one.hooks.errors for one in generations)


def test_adopted_connection_times_out_like_any_other() -> None:
    limits = Limits(header_seconds=0.2, linger_seconds=0.1)
    with running(named("new"), limits=limits) as new, running(named("old")) as old, old.connect() as client:
        client.send(get("/a")[:10])
        settled(old, 1)
        drain(old, new)
        assert client.response().status == 408
