"""The request in a report."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotlight.debugger.values.secrets import mask_text
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


def words_of(command: str) -> list[bytes]:
    """What bash would give curl."""
    program = "curl() { printf '%s\\0' \"$@\"; }\n" + command
    result = subprocess.run(["bash", "-c", program], capture_output=True, timeout=20, check=True)
    return result.stdout.split(b"\0")[:-1]


def curl_of(request: RequestInfo) -> list[bytes]:
    return words_of(view_of(request, (), ()).curl)


@pytest.mark.parametrize(
    "body",
    [b"a=1&b=%20x", b"it's\n\ttwo lines", MULTIPART, b"\x01\x7f\\r", "\u2066é\u2028\x85'\r".encode()],
)
def test_the_command_sends_the_same_body(body: bytes) -> None:
    words = curl_of(posted(body, "text/plain"))
    assert words == [b"-H", b"Content-Type: text/plain", b"--data-raw", body, b"http://localhost:5000/"]


@settings(max_examples=20)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30))
def test_whatever_it_is(body: str) -> None:
    assert mask_text(body).encode() in curl_of(posted(body.encode(), "text/plain"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "POST", "body": b"\xff\x00"}, [b"--data-binary", b"@body-of-2-bytes"]),
        ({"method": "POST", "body": b"x" * 30_000}, [b"--data-binary", b"@body-of-30000-bytes"]),
        (
            {"method": "PUT", "body": b"", "body_bytes": 9},
            [b"-X", b"PUT", b"--data-binary", b"@body-of-9-bytes"],
        ),
        ({"method": "GET", "body": b"x"}, [b"-X", b"GET", b"--data-raw", b"x"]),
        ({"method": "POST"}, [b"-X", b"POST"]),
        ({"method": "DELETE"}, [b"-X", b"DELETE"]),
    ],
)
def test_the_command_never_sends_something_else(change: dict[str, Any], words: list[bytes]) -> None:
    assert curl_of(info(**change)) == [*words, b"http://localhost:5000/"]


def test_a_body_that_has_not_come_whole_is_not_repeated() -> None:
    request = info(method="POST", body=b"", body_bytes=20, body_complete=False)
    assert repeatable(request) is None
    (section,) = [each for each in view_of(request, (), ()).sections if each.title == "Body"]
    assert section.note == "Not all of it has come: 20 bytes before the request failed."
