"""What a failed request has not sent yet is waited for, so that it can be reported and sent again whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from http_harness import WAIT, Running, running

from pilotlight.server import asgi, wsgi
from pilotlight.server.application import Limits, RequestInfo

LIMIT = 100_000


def fails(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise LookupError("before it has read anything")


async def fails_at_once(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        raise LookupError("before it has read anything")


def fails_early(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ["wsgi.input"].read(10)
    raise LookupError("in the middle")


async def fails_soon(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await receive()
        raise LookupError("in the middle")


APPS = {"wsgi": fails, "asgi": fails_at_once, "wsgi, early": fails_early, "asgi, early": fails_soon}


@pytest.fixture(params=list(APPS))
def server(request: pytest.FixtureRequest) -> Iterator[Running]:
    interface = request.param.partition(",")[0]
    limits = Limits(body_buffer_bytes=10_000)  # a WSGI app gets shorter ones whole
    with running(APPS[request.param], interface, limits=limits, keep_body_bytes=LIMIT) as server:
        yield server


def head(length: int, *more: str) -> bytes:
    lines = ["POST / HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *more, "", ""]
    return "\r\n".join(lines).encode()


def reported(server: Running) -> RequestInfo:
    server.hooks.wait_for(lambda: server.hooks.errors)
    ((_, request, _),) = server.hooks.errors
    assert request is not None
    return request


def test_it_is_waited_for(server: Running) -> None:
    body = bytes(range(256)) * (LIMIT // 256)
    with server.connect() as client:
        client.send(head(len(body)) + body[:20])
        for start in range(20, len(body), 30_000):
            assert server.hooks.errors == []
            client.send(body[start : start + 30_000])
        answer = client.response()
        assert answer.status == 500
        assert answer["connection"] is None, "nothing is left to be read"
    request = reported(server)
    assert (request.body, request.body_bytes, request.body_complete) == (body, len(body), True)


def test_chunks_are_as_well(server: Running) -> None:
    with server.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"5\r\nhello\r\n6\r\n, you!\r\n0\r\n\r\n")
        assert client.response().status == 500
    if reported(server).body_bytes:  # an app that fails at once may do so before anything has come
        assert reported(server).body == b"hello, you!"


@pytest.mark.parametrize("sent", [20, 3_000])
def test_but_not_for_long(server: Running, sent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "REST_SECONDS", 0.05)
    monkeypatch.setattr(asgi, "REST_SECONDS", 0.05)
    with server.connect() as client:
        client.send(head(50_000) + b"x" * sent)
        assert client.response().status == 500
    request = reported(server)
    assert (request.body, request.body_bytes, request.body_complete) == (b"", sent, False)


@pytest.mark.parametrize("more", [(), ("Expect: 100-continue",)])
def test_not_for_more_than_is_kept_nor_for_what_waits_for_a_word(
    server: Running, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wsgi, "REST_SECONDS", 3 * WAIT)
    monkeypatch.setattr(asgi, "REST_SECONDS", 3 * WAIT)
    if more and server.server._application.callable in (fails_early, fails_soon):
        return  # which says the word
    with server.connect() as client:
        client.send(head(1_000 if more else LIMIT + 1, *more) + (b"" if more else b"x" * 20))
        assert client.response().status == 500
    assert not reported(server).body_complete
