"""The request in a report."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.server.application import RequestInfo
from pilotlight.worker.describing import repeatable
from pilotlight.worker.request_view import view_of

SECRET = "s3cr3t-value-0815"


def info(**changes: Any) -> RequestInfo:
    given: dict[str, Any] = {
        "method": "GET",
        "target": "/",
        "headers": [(b"host", b"localhost:5000")],
        "client": "127.0.0.1",
        "scheme": "http",
    }
    given |= changes
    body = given.get("body", b"")
    return RequestInfo(**{"body_bytes": len(body), **given})


def shown(request: RequestInfo) -> dict[str, dict[str, str]]:
    view = view_of(request, (), ())
    return {section.title: {pair.name: pair.value for pair in section.pairs} for section in view.sections}


def posted(body: bytes, content_type: str) -> RequestInfo:
    headers = [(b"host", b"localhost:5000"), (b"content-type", content_type.encode())]
    return info(method="POST", body=body, headers=headers)


MULTIPART = (
    b'--xyz\r\nContent-Disposition: form-data; name="title"\r\n\r\nhello\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\ncontent\r\n--xyz--\r\n"
)


@pytest.mark.parametrize(
    ("request_", "title", "pairs"),
    [
        (info(target="/?a=1&b=&a=2"), "Query", {"a": "2", "b": ""}),
        (posted(b"a=1&b=%20x", "application/x-www-form-urlencoded"), "Form", {"a": "1", "b": " x"}),
        (
            posted(MULTIPART, "multipart/form-data; boundary=xyz"),
            "Form",
            {"title": "hello", "file": "file 'a.txt', 7 bytes"},
        ),
        (posted(b'{"a": [1, 2]}', "application/json"), "JSON", {"a": "[1, 2]"}),
        (posted(b"[1, 2]", "application/problem+json; charset=utf-8"), "JSON", {"": "[1, 2]"}),
        (posted(b"plain", "text/plain"), "Body", {"text/plain": "plain"}),
        (
            posted(b"\x00\xff", "application/octet-stream"),
            "Body",
            {"application/octet-stream": "b'\\x00\\xff'"},
        ),
    ],
)
def test_bodies(request_: RequestInfo, title: str, pairs: dict[str, str]) -> None:
    assert shown(request_)[title] == pairs


@pytest.mark.parametrize(
    "request_",
    [
        info(target=f"/?token={SECRET}"),
        info(headers=[(b"authorization", f"Bearer {SECRET}".encode())]),
        info(headers=[(b"cookie", f"session={SECRET}".encode())]),
        info(headers=[(b"x-api-key", SECRET.encode())]),
        posted(f"password={SECRET}".encode(), "application/x-www-form-urlencoded"),
        posted(f'{{"user": {{"password": "{SECRET}"}}}}'.encode(), "application/json"),
        posted(
            MULTIPART.replace(b'"title"', b'"password"').replace(b"hello", SECRET.encode()),
            "multipart/form-data; boundary=xyz",
        ),
    ],
)
def test_secrets_are_masked_everywhere(request_: RequestInfo) -> None:
    assert SECRET not in json.dumps(asdict(view_of(request_, (), ())))


def test_what_is_too_long_is_told() -> None:
    view = view_of(info(body=b"", body_bytes=5_000_000), (), ())
    assert [section.note for section in view.sections if section.title == "Body"] == [
        "5000000 bytes, too many to be kept."
    ]


@given(
    target=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=255), max_size=60),
    headers=st.lists(
        st.tuples(st.sampled_from([b"host", b"cookie", b"content-type", b"x"]), st.binary(max_size=40)),
        max_size=6,
    ),
    body=st.binary(max_size=200),
)
def test_no_request_is_too_odd(target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    view = view_of(info(target=target, headers=headers, body=body), (), ())
    assert len(json.dumps(asdict(view))) < 200_000


def test_what_asks_the_same_again() -> None:
    request = info(
        method="POST",
        target="/a?b=c",
        headers=[
            (b"host", b"x"),
            (b"content-length", b"99"),
            (b"transfer-encoding", b"chunked"),
            (b"x", b"y"),
        ],
        body=b"abc",
    )
    assert repeatable(request) == b"POST /a?b=c HTTP/1.1\r\nhost: x\r\nx: y\r\ncontent-length: 3\r\n\r\nabc"
    assert repeatable(info(body=b"", body_bytes=9)) is None
