from __future__ import annotations

import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.server.application import ErrorResponse
from pilotlight.server.response import (
    ServerHeaders,
    asgi_head,
    http_date,
    plain_response,
    whole_response,
    wsgi_head,
)


@given(st.integers(0, 4_000_000_000))
def test_http_date(second: int) -> None:
    assert http_date(second).decode() == email.utils.formatdate(second, usegmt=True)


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("200 OK", b"HTTP/1.1 200 OK\r\n"),
        ("404", b"HTTP/1.1 404 Not Found\r\n"),
        ("299 Odd but mine", b"HTTP/1.1 299 Odd but mine\r\n"),
        ("200 \u00e4", b"HTTP/1.1 200 \xe4\r\n"),
    ],
)
def test_wsgi_status(status: str, line: bytes) -> None:
    assert wsgi_head(status, []).line == line


@pytest.mark.parametrize(
    "status", ["", "OK", "20 OK", "2000 OK", "200OK", "101 Switching", "200 a\r\nX: y", "200 a\nb", "099 x"]
)
def test_bad_wsgi_status(status: str) -> None:
    with pytest.raises(ValueError):
        wsgi_head(status, [])


@pytest.mark.parametrize(
    "header",
    [
        ("X", "a\r\nEvil: yes"), ("X", "a\nb"), ("X", "a\rb"), ("X", "\0"), ("X", "\x1b[31m"), ("X", "\x7f"),
        ("X\r\nEvil", "a"), ("X Y", "a"), ("X:", "a"), ("", "a"), ("\u00e4", "a"), ("X\n", "a"),
        ("Content-Length", "-1"), ("Content-Length", "1, 1"), ("Content-Length", "+1"),
        ("Content-Length", ""),
    ],
)  # fmt: skip
def test_bad_headers(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError):
        wsgi_head("200 OK", [header])
    name, value = header
    with pytest.raises(ValueError):
        asgi_head(200, [(name.encode("latin-1"), value.encode("latin-1"))])


@pytest.mark.parametrize(
    "name",
    ["Connection", "keep-alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "proxy-authenticate"],
)
def test_hop_by_hop_headers(name: str) -> None:
    with pytest.raises(ValueError, match="hop-by-hop"):
        wsgi_head("200 OK", [(name, "x")])
    assert asgi_head(200, [(name.encode(), b"x"), (b"a", b"b")]).block == b"a: b\r\n"


def test_asgi_connection_close_is_honoured() -> None:
    assert asgi_head(200, [(b"Connection", b"Close")]).close


@pytest.mark.parametrize(
    ("status", "headers"), [(b"200 OK", []), (200, []), ("200 OK", [(b"a", b"b")]), ("200 OK", [("a", 1)])]
)
def test_wrong_types(status: object, headers: object) -> None:
    with pytest.raises(TypeError):
        wsgi_head(status, headers)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [100, 99, 1000, "200", None])
def test_bad_asgi_status(status: object) -> None:
    with pytest.raises(ValueError):
        asgi_head(status, [])  # type: ignore[arg-type]


def test_beyond_latin_1() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        wsgi_head("200 OK", [("X", "\u20ac")])


def test_two_lengths() -> None:
    same = wsgi_head("200 OK", [("Content-Length", "5"), ("content-length", "5")])
    assert same.block == b"Content-Length: 5\r\n"
    assert (
        asgi_head(200, [(b"content-length", b"5"), (b"content-length", b"5")]).block
        == b"content-length: 5\r\n"
    )
    with pytest.raises(ValueError):
        wsgi_head("200 OK", [("Content-Length", "5"), ("Content-Length", "6")])
    with pytest.raises(ValueError):
        asgi_head(200, [(b"content-length", b"5"), (b"content-length", b"6")])


def test_what_is_noted() -> None:
    head = wsgi_head("200 OK", [("Content-Type", "text/event-stream; charset=utf-8"), ("X", "tab\there")])
    assert head.event_stream
    assert head.content_length == -1
    assert not head.bodiless
    assert wsgi_head("204 No Content", []).bodiless
    assert wsgi_head("304 Not Modified", []).bodiless


def test_own_date_and_server_are_kept() -> None:
    fixed = ServerHeaders()
    assert fixed.for_head(wsgi_head("200 OK", [])).count(b"\r\n") == 2
    assert fixed.for_head(wsgi_head("200 OK", [("date", "x")])) == b"Server: pilotlight\r\n"
    assert fixed.for_head(wsgi_head("200 OK", [("Server", "x")])).startswith(b"Date: ")
    assert fixed.for_head(wsgi_head("200 OK", [("Server", "x"), ("Date", "x")])) == b""


def test_whole_response() -> None:
    response = ErrorResponse(500, [(b"content-length", b"99"), (b"a", b"b")], b"body")
    data = whole_response(response, ServerHeaders(), with_body=True, close=True)
    assert data.startswith(b"HTTP/1.1 500 Internal Server Error\r\na: b\r\nContent-Length: 4\r\n")
    assert data.endswith(b"Connection: close\r\n\r\nbody")
    assert whole_response(plain_response(400, "x"), ServerHeaders(), with_body=False, close=False).endswith(
        b"\r\n\r\n"
    )
