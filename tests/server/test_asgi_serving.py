from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from http_harness import WAIT, get, running

from pilotlight.server.application import ErrorResponse, Limits
from pilotlight.server.lifespan import LifespanFailed


async def read_all(receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        body += message["body"]
        if not message["more_body"]:
            return body


async def respond(send, body: bytes, status: int = 200, headers=()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def app_of(handler):
    """An app that has no lifespan."""

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await handler(scope, receive, send)

    return app


@app_of
async def simple(scope, receive, send):
    await respond(send, scope["path"].encode())


@app_of
async def echo(scope, receive, send):
    await respond(send, await read_all(receive))


def test_keep_alive_pipelining_and_head() -> None:
    with running(simple, "asgi") as server, server.connect() as client:
        client.send(
            b"".join(get(f"/{i}") for i in range(2000))
            + get("/h", method="HEAD")
            + get("/end", "Connection: close")
        )
        for i in range(2000):
            response = client.response()
            assert response.body == b"/%d" % i
            assert response["content-length"] == str(len(response.body))
        client.response(head=True)
        assert client.response()["connection"] == "close"
        assert client.rest() == b""
        server.hooks.assert_no_error()


def test_scope() -> None:
    seen = {}

    @app_of
    async def app(scope, receive, send):
        seen.update(scope)
        await respond(send, b"")

    with running(app, "asgi", root_path="/root") as server, server.connect() as client:
        client.send(get("/caf%C3%A9%2Fx?a=%20b", "X-A: 1", "x-a: 2"))
        assert client.response().status == 200
        address = client.sock.getsockname()
    assert seen == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/root/café/x",
        "raw_path": b"/root/caf%C3%A9%2Fx",
        "query_string": b"a=%20b",
        "root_path": "/root",
        "headers": [(b"host", b"test"), (b"x-a", b"1"), (b"x-a", b"2")],
        "client": address,
        "server": server.address,
        "extensions": {},
    }


@pytest.mark.parametrize("split", [1, 5, 1000])
def test_bodies(split: int) -> None:
    data = get("/", "Content-Length: 5", method="POST") + b"hello"
    data += (
        get("/", "Transfer-Encoding: chunked", method="POST")
        + b"3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n"
        + get()
    )
    with running(echo, "asgi") as server, server.connect() as client:
        for start in range(0, len(data), split):
            client.send(data[start : start + split])
        assert [client.response().body for _ in range(3)] == [b"hello", b"abcde", b""]


def test_streaming_response() -> None:
    go_on = threading.Event()

    @app_of
    async def app(scope, receive, send):
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"transfer-encoding", b"chunked")]}
        )
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await asyncio.to_thread(go_on.wait, WAIT)
        await send({"type": "http.response.body", "body": b"x" * 300_000, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await send({"type": "http.response.body"})

    with running(app, "asgi") as server, server.connect() as client:
        client.send(get())
        while b"first" not in client.buffer:
            client._more()
        go_on.set()
        assert client.response().body == b"first" + b"x" * 300_000
        client.send(get(version="1.0"))
        old = client.response()
        assert old["connection"] == "close"
        assert len(old.body) == 300_005


def test_large_single_body() -> None:
    body = bytes(range(256)) * 20_000

    @app_of
    async def app(scope, receive, send):
        await respond(
            send, body, headers=[(b"content-length", b"%d" % len(body))] if scope["path"] == "/l" else []
        )

    with running(app, "asgi") as server, server.connect() as client:
        client.send(get("/l") + get("/"))
        assert client.response().body == body
        assert client.response().body == body


def test_lazy_continue() -> None:
    with running(echo, "asgi") as server, server.connect() as client:
        client.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
        assert client.line() == b"HTTP/1.1 100 Continue"
        assert client.line() == b""
        client.send(b"hello")
        assert client.response().body == b"hello"
    with running(simple, "asgi", limits=Limits(linger_seconds=0.1)) as server, server.connect() as client:
        client.send(get("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
        response = client.response()
        assert (response.status, response["connection"]) == (200, "close")


def test_disconnect_is_seen_by_receive_and_send() -> None:
    seen = {}
    done = threading.Event()

    @app_of
    async def app(scope, receive, send):
        await read_all(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        seen["receive"] = (await receive())["type"]
        try:
            for _ in range(1000):
                await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
                await asyncio.sleep(0)
        except OSError as error:
            seen["send"] = error
            raise
        finally:
            done.set()

    with running(app, "asgi") as server:
        with server.connect() as client:
            client.send(get())
            client.exactly(10)
        assert done.wait(WAIT)
        assert seen["receive"] == "http.disconnect"
        assert isinstance(seen["send"], OSError)
        server.hooks.wait_for(lambda: server.hooks.records)
        assert not server.hooks.records[0].complete
        assert not server.hooks.errors


def test_receive_after_the_response_says_disconnect() -> None:
    seen = []

    @app_of
    async def app(scope, receive, send):
        await respond(send, b"done")
        seen.append(await receive())

    with running(app, "asgi") as server:
        assert server.request(get()).body == b"done"
        server.hooks.wait_for(lambda: server.hooks.records)
    assert seen == [{"type": "http.disconnect"}]


def test_half_closed_client_gets_its_answer() -> None:
    half_closed = threading.Event()

    @app_of
    async def app(scope, receive, send):
        await read_all(receive)
        assert (await receive())["type"] == "http.disconnect"
        half_closed.set()
        await respond(send, b"still here")

    with running(app, "asgi") as server, server.connect() as client:
        client.send(get())
        client.sock.shutdown(socket.SHUT_WR)
        assert half_closed.wait(WAIT)
        assert client.response().body == b"still here"
        assert client.rest() == b""


def test_background_work_does_not_hold_the_connection() -> None:
    release = threading.Event()

    @app_of
    async def app(scope, receive, send):
        await respond(send, scope["path"].encode())
        if scope["path"] == "/background":
            await asyncio.to_thread(release.wait, WAIT)

    with running(app, "asgi") as server, server.connect() as client:
        client.send(get("/background") + get("/next"))
        assert client.response().body == b"/background"
        assert client.response().body == b"/next"
        assert server.server.in_flight == 1
        release.set()


@pytest.mark.parametrize("exception", [LookupError, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_app_errors(exception: type[BaseException]) -> None:
    @app_of
    async def app(scope, receive, send):
        if scope["path"] == "/late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        if scope["path"] == "/headers":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/after":
            await respond(send, b"whole")
        raise exception("broken")

    with running(app, "asgi") as server:
        server.hooks.error_response = ErrorResponse(500, [(b"a", b"b")], b"page")
        with server.connect() as client:
            client.send(get("/e") + get("/headers") + get("/after") + get("/late"))
            assert client.response().body == b"page"
            assert client.response().body == b"page"
            assert client.response().body == b"whole"
            with pytest.raises(EOFError):
                client.response()
        assert [started for _, _, started in server.hooks.errors] == [False, False, True, True]
        assert [record.complete for record in server.hooks.records] == [True, True, True, False]


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"type": "http.response.start", "status": 200, "headers": []}],
        [{"type": "http.response.body", "body": b"x"}],
        [{"type": "http.response.start", "status": 200}, {"type": "http.response.start", "status": 200}],
        [{"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]}],
        [{"type": "http.response.start", "status": "200", "headers": []}],
        [{"type": "nonsense"}],
    ],
)
def test_apps_that_break_the_rules(messages) -> None:
    @app_of
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    with running(app, "asgi") as server:
        assert server.request(get()).status == 500
        assert len(server.hooks.errors) == 1


def test_length_mismatch() -> None:
    @app_of
    async def app(scope, receive, send):
        body = b"abcdefgh" if scope["path"] == "/long" else b"abc"
        await respond(send, body, headers=[(b"content-length", b"5")])

    with running(app, "asgi") as server:
        with server.connect() as client:
            client.send(get("/long"))
            assert client.response().body == b"abcde"
            client.send(get("/short"))
            with pytest.raises(EOFError):
                client.response()
        server.hooks.wait_for(lambda: len(server.hooks.records) == 2)
        assert [record.complete for record in server.hooks.records] == [True, False]
        assert len(server.hooks.notices) == 2


def test_refused_upload() -> None:
    @app_of
    async def app(scope, receive, send):
        await respond(send, b"no", 413)

    with running(app, "asgi") as server, server.connect() as client:
        client.send(get("/", "Content-Length: 20000000", method="POST"))
        response = client.response()
        assert (response.status, response["connection"]) == (413, "close")
        for _ in range(20):
            client.send(b"x" * 1_000_000)
        assert client.rest() == b""


def test_connection_close_of_the_app_is_honoured() -> None:
    @app_of
    async def app(scope, receive, send):
        await respond(send, b"x", headers=[(b"connection", b"close")])

    with running(app, "asgi") as server, server.connect() as client:
        client.send(get())
        assert client.response()["connection"] == "close"
        assert client.rest() == b""


def lifespan_app(events: list[str], fail: str | None = None):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            assert scope["state"]["pool"] == "open"
            scope["state"]["leak"] = True
            await respond(send, ",".join(sorted(scope["state"])).encode())
            return
        assert scope["type"] == "lifespan"
        assert (await receive())["type"] == "lifespan.startup"
        events.append("startup")
        if fail:
            await send({"type": "lifespan.startup.failed", "message": fail})
            return
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        events.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})

    return app


def test_lifespan() -> None:
    events: list[str] = []
    with running(lifespan_app(events), "asgi") as server:
        assert events == ["startup"]
        for _ in range(2):
            assert server.request(get()).body == b"leak,pool"  # each request has its own copy
        server.hooks.assert_no_error()
    assert events == ["startup", "shutdown"]
    assert not server.hooks.notices


def test_lifespan_failed() -> None:
    with pytest.raises(LifespanFailed, match="no database"), running(lifespan_app([], "no database"), "asgi"):
        pytest.fail("must not start")


def test_app_without_lifespan_is_served() -> None:
    with running(simple, "asgi") as server:
        assert server.request(get("/x")).body == b"/x"
        assert not server.hooks.errors
        assert not server.hooks.notices


def test_start_up_that_breaks_is_told() -> None:
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            raise LookupError("no config")
        await respond(send, b"x")

    with running(app, "asgi") as server:
        assert server.request(get("/x")).body == b"x"
        assert "no config" in server.hooks.notices[0]


def test_shutdown_that_fails_is_told() -> None:
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        raise LookupError("at the end")

    with running(app, "asgi") as server:
        pass
    assert isinstance(server.hooks.errors[0][0], LookupError)


def test_websocket_upgrade_for_a_wsgi_app_is_an_ordinary_request() -> None:
    def app(environ, start_response):
        start_response("200 OK", [])
        return [environ["HTTP_UPGRADE"].encode()]

    with running(app) as server:
        assert server.request(get("/", "Upgrade: websocket", "Connection: Upgrade")).body == b"websocket"
