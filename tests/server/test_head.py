from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotlight.server.application import Limits
from pilotlight.server.head import BadRequest, HeadParser, check_partial, percent_decoded

OK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def parse(section: bytes, limits: Limits | None = None):
    parser = HeadParser(limits or Limits())
    try:
        return parser.parse(section)
    finally:
        assert parser.parse(OK).raw_path == b"/"  # whatever came before leaves no trace


def request(*lines: str | bytes, line: str = "GET / HTTP/1.1", host: str | None = "Host: a") -> bytes:
    parts = [line, *([host] if host else []), *lines]
    return (
        b"".join((part.encode("latin-1") if isinstance(part, str) else part) + b"\r\n" for part in parts)
        + b"\r\n"
    )


ATTACKS = {
    "two lengths that differ": (request("Content-Length: 1", "Content-Length: 2"), 400),
    "two equal lengths": (request("Content-Length: 1", "Content-Length: 1"), 400),
    "a list of lengths": (request("Content-Length: 1, 1"), 400),
    "signed length": (request("Content-Length: +1"), 400),
    "negative length": (request("Content-Length: -1"), 400),
    "hexadecimal length": (request("Content-Length: 0x1"), 400),
    "length with underscore": (request("Content-Length: 1_0"), 400),
    "empty length": (request("Content-Length:"), 400),
    "length beyond 64 bit": (request("Content-Length: 99999999999999999999"), 400),
    "length with non-ASCII digit": (request(b"Content-Length: \xb2"), 400),
    "length and coding": (request("Content-Length: 1", "Transfer-Encoding: chunked"), 400),
    "coding and length": (request("Transfer-Encoding: chunked", "Content-Length: 1"), 400),
    "coding in 1.0": (request("Transfer-Encoding: chunked", line="POST / HTTP/1.0"), 400),
    "two codings": (request("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
    "unknown coding": (request("Transfer-Encoding: xchunked"), (400, 501)),
    "coding list": (request("Transfer-Encoding: gzip, chunked"), (400, 501)),
    "coding, chunked not last": (request("Transfer-Encoding: chunked, identity"), (400, 501)),
    "quoted coding": (request('Transfer-Encoding: "chunked"'), (400, 501)),
    "coding with vertical tab": (request(b"Transfer-Encoding: \x0bchunked"), 400),
    "space before colon": (request("Transfer-Encoding : chunked"), 400),
    "tab before colon": (request("Content-Length\t: 5"), 400),
    "no colon": (request("Nonsense"), 400),
    "empty name": (request(": value"), 400),
    "name with space": (request("Two Words: x"), 400),
    "name with control": (request(b"A\x00: x"), 400),
    "name not ASCII": (request(b"\xe4: x"), 400),
    "folded line": (request("A: b", " c"), 400),
    "folded line with tab": (request("A: b", "\tc"), 400),
    "first header begins with space": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
    "bare CR": (b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),
    "CR CR LF": (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    "bare LF in the request line": (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    "NUL in value": (request(b"X: a\x00b"), 400),
    "escape character in value": (request(b"X: \x1b[2J"), 400),
    "DEL in value": (request(b"X: \x7f"), 400),
    "no Host": (request(host=None), 400),
    "two Hosts": (request("Host: b"), 400),
    "two equal Hosts": (request("Host: a"), 400),
    "two Hosts in 1.0": (request("Host: b", line="GET / HTTP/1.0"), 400),
    "Host with a path": (request(host="Host: a/b"), 400),
    "Host with user": (request(host="Host: a@b"), 400),
    "Host list": (request(host="Host: a b"), 400),
    "two spaces": (request(line="GET  / HTTP/1.1"), 400),
    "tab as separator": (request(line="GET\t/ HTTP/1.1"), 400),
    "space at the end": (request(line="GET / HTTP/1.1 "), 400),
    "space in front": (request(line=" GET / HTTP/1.1"), 400),
    "no version": (request(line="GET /"), 400),
    "lower case protocol": (request(line="GET / http/1.1"), 400),
    "HTTP/2": (request(line="GET / HTTP/2.0"), 505),
    "HTTP/1.2": (request(line="GET / HTTP/1.2"), 505),
    "HTTP/0.9": (request(line="GET / HTTP/0.9"), 505),
    "long version": (request(line="GET / HTTP/1.10"), 400),
    "control in target": (request(line="GET /\x01 HTTP/1.1"), 400),
    "fragment": (request(line="GET /a#b HTTP/1.1"), 400),
    "relative target": (request(line="GET a HTTP/1.1"), 400),
    "asterisk for GET": (request(line="GET * HTTP/1.1"), 400),
    "other scheme": (request(line="GET ftp://a/ HTTP/1.1"), 400),
    "authority with user": (request(line="GET http://u@a/ HTTP/1.1"), 400),
    "CONNECT": (request(line="CONNECT a:443 HTTP/1.1"), 501),
    "unknown method": (request(line="BREW / HTTP/1.1"), 501),
    "lower case method": (request(line="get / HTTP/1.1"), 501),
    "expectation": (request("Expect: a miracle"), 417),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("times", [1, 2])
def test_doubtful_request_is_refused(name: str, times: int) -> None:
    section, status = ATTACKS[name]
    parser = HeadParser(Limits())
    for _ in range(times):
        parser.parse(OK)
        with pytest.raises(BadRequest) as caught:
            parser.parse(section)
    assert caught.value.status in (status if isinstance(status, tuple) else (status,))


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (OK, {"method": "GET", "raw_path": b"/", "query": b"", "keep_alive": True, "has_body": False}),
        (request(line="GET /a%20b?c=%64&e HTTP/1.1"), {"raw_path": b"/a%20b", "query": b"c=%64&e"}),
        (request(line="GET /?a?b HTTP/1.1"), {"raw_path": b"/", "query": b"a?b"}),
        (request(line="GET //a HTTP/1.1"), {"raw_path": b"//a"}),
        (
            request(line="GET http://b:80/x?y HTTP/1.1"),
            {"raw_path": b"/x", "query": b"y", "headers": [(b"host", b"b:80")]},
        ),
        (request(line="GET HTTP://b HTTP/1.1"), {"raw_path": b"/"}),
        (request(line="GET http://b?q HTTP/1.1"), {"raw_path": b"/", "query": b"q"}),
        (request(line="OPTIONS * HTTP/1.1"), {"raw_path": b"*"}),
        (request(line="PROPFIND / HTTP/1.1"), {"method": "PROPFIND"}),
        (request(host="Host:"), {"headers": [(b"host", b"")]}),
        (request(host="Host: [::1]:5000"), {"headers": [(b"host", b"[::1]:5000")]}),
        (request(host=None, line="GET / HTTP/1.0"), {"version": "1.0", "keep_alive": False}),
        (request("Connection: keep-alive", line="GET / HTTP/1.0"), {"keep_alive": True}),
        (request("Connection: Close"), {"keep_alive": False}),
        (request("Connection: upgrade", "Connection: x, close"), {"keep_alive": False}),
        (request("Content-Length: 007"), {"content_length": 7, "has_body": True}),
        (request("Transfer-Encoding: Chunked"), {"chunked": True, "has_body": True}),
        (request("Content-Length: 5", "Expect: 100-Continue"), {"expects_continue": True}),
        (request("Expect: 100-continue"), {"expects_continue": False}),
        (request("Upgrade: websocket", "Connection: keep-alive, Upgrade"), {"wants_websocket": True}),
        (request("Upgrade: websocket"), {"wants_websocket": False}),
        (request("Upgrade: h2c", "Connection: Upgrade"), {"wants_websocket": False}),
        (
            request("Upgrade: websocket", "Connection: Upgrade", line="POST / HTTP/1.1"),
            {"wants_websocket": False},
        ),
        (request(b"X: \t caf\xe9 \t"), {"headers": [(b"host", b"a"), (b"x", b"caf\xe9")]}),
    ],
)
def test_valid_request(section: bytes, expected: dict[str, object]) -> None:
    head = parse(section)
    assert {key: getattr(head, key) for key in expected} == expected


def test_target_beyond_ascii_is_kept_as_it_came() -> None:
    head = parse("GET /ä?ö HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert (head.target, head.raw_path, head.query) == ("/ä?ö".encode(), "/ä".encode(), "ö".encode())


@pytest.mark.parametrize(
    ("section", "status"),
    [
        (request("X: " + "y" * 3000), 431),
        (request(*[f"X{i}: y" for i in range(30)]), 431),
        (request(line="GET /" + "a" * 3000 + " HTTP/1.1"), 414),
    ],
)
def test_limits(section: bytes, status: int) -> None:
    limits = Limits(header_bytes=2000, header_count=20)
    with pytest.raises(BadRequest) as caught:
        parse(section, limits)
    assert caught.value.status == status
    if len(section) > 2000:
        with pytest.raises(BadRequest) as caught:
            check_partial(section[:-4], limits)
        assert caught.value.status == status


def test_a_line_without_cr_is_refused_before_the_head_is_complete() -> None:
    with pytest.raises(BadRequest):
        check_partial(b"GET / HTTP/1.1\nHost: a\n\n", Limits())
    check_partial(b"GET / HTTP/1.1\r\nHost: a\r", Limits())


@pytest.mark.parametrize(
    ("path", "decoded"), [(b"/a%2Fb", b"/a/b"), (b"/%", b"/%"), (b"/%zz%41", b"/%zzA"), (b"/%2541", b"/%41")]
)
def test_percent_decoded(path: bytes, decoded: bytes) -> None:
    assert percent_decoded(path) == decoded


NAMES = st.text("abcXYZ-_09!~", min_size=1, max_size=8).map(lambda name: f"X{name}")
VALUES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20
).filter(lambda text: not any(0x7F <= ord(c) < 0xA0 for c in text))


@settings(deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=10))
def test_headers_come_through_unchanged(headers: list[tuple[str, str]]) -> None:
    head = parse(request(*[f"{name}: {value}" for name, value in headers]))
    expected = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    assert head.headers == [(b"host", b"a"), *expected]


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        head = parse(b"GET / HTTP/1.1\r\nHost: a\r\n" + data + b"\r\n\r\n")
    except BadRequest:
        return
    assert all(
        b"\r" not in part and b"\n" not in part and b"\0" not in part
        for pair in head.headers
        for part in pair
    )
    assert len(head.headers) == 1 + data.count(b"\r\n") + 1


def test_the_same_lines_again_mean_the_same_and_share_nothing() -> None:
    parser = HeadParser(Limits())
    lines = ["Cookie: a=b", "Content-Length: 5", "Connection: close"]
    first = parser.parse(request(*lines, line="POST /a?b HTTP/1.1"))
    first.headers.append((b"x-app", b"was here"))
    again = parser.parse(request(*lines, line="POST /a?b HTTP/1.1"))
    assert again == parse(request(*lines, line="POST /a?b HTTP/1.1"))
    other = parser.parse(request(*lines, line="POST /c HTTP/1.1"))
    assert (other.target, other.raw_path, other.query, other.content_length) == (b"/c", b"/c", b"", 5)
    absolute = parser.parse(request(*lines, line="POST http://elsewhere/c HTTP/1.1"))
    assert absolute.headers[0] == (b"host", b"elsewhere")
    assert parser.parse(request(*lines, line="POST /c HTTP/1.1")).headers[0] == (b"host", b"a")


def test_what_is_remembered_depends_on_method_and_version() -> None:
    parser = HeadParser(Limits())
    upgrade = ["Upgrade: websocket", "Connection: Upgrade"]
    for _ in range(2):
        assert parser.parse(request(*upgrade)).wants_websocket
        assert not parser.parse(request(*upgrade, line="POST / HTTP/1.1")).wants_websocket
        assert not parser.parse(request(*upgrade, line="GET / HTTP/1.0")).wants_websocket
        with pytest.raises(BadRequest):
            parser.parse(request(*upgrade, line="BREW / HTTP/1.1"))
        with pytest.raises(BadRequest):
            parser.parse(request(*upgrade, line="GET /#x HTTP/1.1"))


def test_what_is_remembered_is_bounded() -> None:
    parser = HeadParser(Limits())
    for i in range(1000):
        parser.parse(request(f"X: {i}"))
        parser.parse(request(f"X: {i}" + "y" * 5000))
    assert len(parser._known) <= 64
