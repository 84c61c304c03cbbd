"""Hostile requests as raw bytes: not one reaches the desk, and no answer has anything of a report in it.

Each is right in everything but what it tries, with a good token where one could be had, so that a rule that
were missing would let it through.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listener_harness import SECRET, Running, parse, read_all, request, running

from pilotlight.debugger.listener.keyring import Keyring
from pilotlight.debugger.listener.statefile import StateFile

CODE = b'{"code":"1+1"}'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("state"), app_origins=("http://127.0.0.1:5000",)) as one:
        yield one


@pytest.fixture(autouse=True)
def _forget(served: Running) -> None:
    served.desk.calls.clear()


@pytest.fixture(scope="module")
def token(served: Running) -> str:
    return served.token()


def good(served: Running, token: str, path: str = "/api/evaluate") -> bytes:
    return request(served.host, path, CODE, token)


def assert_repelled(served: Running, answer: bytes) -> None:
    assert served.desk.calls == []
    assert SECRET.encode() not in answer
    assert b"1+1" not in answer
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"access-control-" not in head
    assert b"set-cookie" not in head
    assert answer.count(b"HTTP/1.1 ") <= 1
    if answer:
        assert 400 <= int(answer.split(b" ", 2)[1]) < 500


def test_the_request_that_all_others_are_made_from_is_served(served: Running, token: str) -> None:
    status, body = parse(served.raw(good(served, token)))
    assert status == 200
    assert b'"type":"done"' in body
    assert served.desk.calls
    served.desk.calls.clear()


def swap(old: bytes, new: bytes) -> Callable[[bytes, Running], bytes]:
    """The good request with something in it replaced; PORT stands for the listener's port."""

    def change(whole: bytes, served: Running) -> bytes:
        port = str(served.port).encode()
        before, after = old.replace(b"PORT", port), new.replace(b"PORT", port)
        assert before in whole
        return whole.replace(before, after, 1)

    return change


def line(name: bytes, value: bytes | None) -> Callable[[bytes, Running], bytes]:
    """The good request with one header replaced; None leaves it out."""

    def change(whole: bytes, served: Running) -> bytes:
        port = str(served.port).encode()
        new = b"" if value is None else name + b": " + value.replace(b"PORT", port) + b"\r\n"
        changed, count = re.subn(rb"(?im)^" + re.escape(name) + rb": [^\r]*\r\n", lambda _: new, whole)
        assert count == 1
        return changed

    return change


def more(extra: bytes) -> Callable[[bytes, Running], bytes]:
    """The good request with further lines behind its first."""
    return lambda whole, served: whole.replace(
        b"\r\n", b"\r\n" + extra.replace(b"PORT", str(served.port).encode()) + b"\r\n", 1
    )


def start(request_line: bytes) -> Callable[[bytes, Running], bytes]:
    """The good request with another first line."""

    def change(whole: bytes, served: Running) -> bytes:
        rest = whole.partition(b"\r\n")[2]
        return request_line.replace(b"PORT", str(served.port).encode()) + b"\r\n" + rest

    return change


def both(host: bytes, origin: bytes) -> Callable[[bytes, Running], bytes]:
    """Host and Origin that agree with each other."""
    return lambda whole, served: line(b"Origin", origin)(line(b"Host", host)(whole, served), served)


HOSTILE: dict[str, Callable[[bytes, Running], bytes]] = {
    # The name of the server
    "two hosts": more(b"Host: 127.0.0.1:PORT"),
    "two hosts, one strange": more(b"Host: evil.test"),
    "no host": line(b"Host", None),
    "no host, HTTP/1.0": lambda whole, served: line(b"Host", None)(whole.replace(b"1.1", b"1.0", 1), served),
    "HTTP/1.0": lambda whole, served: whole.replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "host with userinfo": both(b"127.0.0.1:PORT@evil.test", b"http://127.0.0.1:PORT@evil.test"),
    "userinfo before host": both(b"x@127.0.0.1:PORT", b"http://x@127.0.0.1:PORT"),
    "rebinding name": both(b"evil.test:PORT", b"http://evil.test:PORT"),
    "rebinding name with our address in it": both(
        b"127.0.0.1.evil.test:PORT", b"http://127.0.0.1.evil.test:PORT"
    ),
    "subdomain of localhost": both(b"evil.localhost:PORT", b"http://evil.localhost:PORT"),
    "trailing dot": both(b"localhost.:PORT", b"http://localhost.:PORT"),
    "wrong port": both(b"127.0.0.1:1", b"http://127.0.0.1:1"),
    "no port": both(b"127.0.0.1", b"http://127.0.0.1"),
    "port of the app": both(b"127.0.0.1:5000", b"http://127.0.0.1:5000"),
    "port with a zero": both(b"127.0.0.1:0PORT", b"http://127.0.0.1:0PORT"),
    "short form of the address": both(b"127.1:PORT", b"http://127.1:PORT"),
    "the address as a number": both(b"2130706433:PORT", b"http://2130706433:PORT"),
    "the wildcard address": both(b"0.0.0.0:PORT", b"http://0.0.0.0:PORT"),
    "another loopback address": both(b"127.0.0.2:PORT", b"http://127.0.0.2:PORT"),
    "a list of hosts": line(b"Host", b"127.0.0.1:PORT, evil.test"),
    "empty host": line(b"Host", b""),
    # The target
    "absolute form": start(b"POST http://127.0.0.1:PORT/api/evaluate HTTP/1.1"),
    "absolute form of another": start(b"POST http://evil.test/api/evaluate HTTP/1.1"),
    "authority form": start(b"CONNECT 127.0.0.1:PORT HTTP/1.1"),
    "asterisk form": start(b"OPTIONS * HTTP/1.1"),
    "double slash": start(b"POST //api/evaluate HTTP/1.1"),
    "dot segments": start(b"POST /x/../api/evaluate HTTP/1.1"),
    "escaped slash": start(b"POST /api%2fevaluate HTTP/1.1"),
    "escaped letter": start(b"POST /api/%65valuate HTTP/1.1"),
    "upper case": start(b"POST /API/EVALUATE HTTP/1.1"),
    "parameter": start(b"POST /api/evaluate;x HTTP/1.1"),
    "fragment": start(b"POST /api/evaluate#x HTTP/1.1"),
    "NUL in the target": start(b"POST /api/evaluate\x00 HTTP/1.1"),
    "blank in the target": start(b"POST /api/evaluate x HTTP/1.1"),
    "trailing slash": start(b"POST /api/evaluate/ HTTP/1.1"),
    # The method
    "GET": start(b"GET /api/evaluate HTTP/1.1"),
    "HEAD": start(b"HEAD /api/evaluate HTTP/1.1"),
    "PUT": start(b"PUT /api/evaluate HTTP/1.1"),
    "method in lower case": start(b"post /api/evaluate HTTP/1.1"),
    "method override": lambda whole, served: more(b"X-HTTP-Method-Override: POST")(
        start(b"GET /api/evaluate HTTP/1.1")(whole, served), served
    ),
    "preflight": lambda whole, served: more(
        b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-pilotlight-token\r\n"
        b"Access-Control-Request-Private-Network: true"
    )(start(b"OPTIONS /api/evaluate HTTP/1.1")(whole, served), served),
    # What a page of somebody else can send
    "text/plain": line(b"Content-Type", b"text/plain"),
    "form": line(b"Content-Type", b"application/x-www-form-urlencoded"),
    "multipart": line(b"Content-Type", b"multipart/form-data; boundary=x"),
    "no content type": line(b"Content-Type", None),
    "two content types": more(b"Content-Type: text/plain"),
    "content types in a list": line(b"Content-Type", b"text/plain, application/json"),
    "JSON in another charset": line(b"Content-Type", b"application/json; charset=utf-7"),
    "origin null": line(b"Origin", b"null"),
    "no origin": line(b"Origin", None),
    "two origins": more(b"Origin: http://127.0.0.1:PORT"),
    "origin of another port": line(b"Origin", b"http://127.0.0.1:5000"),
    "origin of another name": line(b"Origin", b"http://localhost:PORT"),
    "origin with https": line(b"Origin", b"https://127.0.0.1:PORT"),
    "origin of an extension": line(b"Origin", b"chrome-extension://abcdefgh"),
    "origin with a slash": line(b"Origin", b"http://127.0.0.1:PORT/"),
    "origins in a list": line(b"Origin", b"http://127.0.0.1:PORT http://evil.test"),
    "cross-site": line(b"Sec-Fetch-Site", b"cross-site"),
    "same-site": line(b"Sec-Fetch-Site", b"same-site"),
    "site none": line(b"Sec-Fetch-Site", b"none"),
    "two sites": more(b"Sec-Fetch-Site: cross-site"),
    # Proxies and tunnels
    "forwarded": more(b"Forwarded: for=192.0.2.1"),
    "x-forwarded-for": more(b"X-Forwarded-For: 127.0.0.1"),
    "x-forwarded-host": more(b"x-forwarded-host: localhost"),
    "x-forwarded-proto": more(b"X-FORWARDED-PROTO: http"),
    "via": more(b"Via: 1.1 x"),
    "x-real-ip": more(b"X-Real-IP: 127.0.0.1"),
    "cloudflare": more(b"CF-Connecting-IP: 192.0.2.1"),
    "cloudflare's ray": more(b"cf-ray: x"),
    "true-client-ip": more(b"True-Client-IP: 192.0.2.1"),
    "ngrok": more(b"ngrok-trace-id: x"),
    "tailscale": more(b"Tailscale-User-Login: x"),
    "fly": more(b"Fly-Client-IP: x"),
    "dev tunnels": more(b"X-Devtunnel-Id: x"),
    "x-original-host": more(b"X-Original-Host: x"),
    "x_forwarded_for": more(b"X_Forwarded_For: 192.0.2.1"),
    "x-forwarded": more(b"X-Forwarded: 192.0.2.1"),
    "azure": more(b"X-Azure-ClientIP: 192.0.2.1"),
    "localtunnel's reminder": more(b"Bypass-Tunnel-Reminder: 1"),
    "x-rewrite-url": more(b"X-Rewrite-URL: /"),
    "empty forwarding header": more(b"X-Forwarded-For: "),
    # Bodies and smuggling
    "body too large": line(b"Content-Length", b"65537"),
    "endless body": line(b"Content-Length", b"9" * 40),
    "negative length": line(b"Content-Length", b"-1"),
    "length with a sign": line(b"Content-Length", b"+14"),
    "no length": line(b"Content-Length", None),
    "two lengths": more(b"Content-Length: 0"),
    "two equal lengths": more(b"Content-Length: 14"),
    "lengths in a list": line(b"Content-Length", b"14, 14"),
    "chunks": line(b"Content-Length", None),
    "chunks and a length": more(b"Transfer-Encoding: chunked"),
    "disguised chunks": more(b"Transfer-Encoding: xchunked"),
    "chunks behind a tab": more(b"Transfer-Encoding:\tchunked"),
    "compressed": more(b"Content-Encoding: gzip"),
    "folded line": more(b"X-A: b\r\n Host: evil.test"),
    "folded first line": lambda whole, served: whole.replace(b"\r\n", b"\r\n X: y\r\n", 1),
    "bare LF": more(b"X-A: b\nX-B: c"),
    "bare CR": more(b"X-A: b\rX-B: c"),
    "only LF": lambda whole, served: whole.replace(b"\r\n", b"\n"),
    "NUL in a header": more(b"X-A: \x00"),
    "escape in a header": more(b"X-A: \x1b[2J"),
    "blank before the colon": swap(b"Host:", b"Host :"),
    "no colon": more(b"X-A"),
    "no name": more(b": x"),
    "websocket": more(b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"),
    "h2c": more(b"Upgrade: h2c\r\nHTTP2-Settings: x"),
    "HTTP/2 preface": lambda whole, served: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + whole,
    "HTTP/0.9": lambda whole, served: b"GET /\r\n\r\n",
    "HTTP/3.0": lambda whole, served: whole.replace(b"HTTP/1.1", b"HTTP/3.0", 1),
    "HTTP/1.2": lambda whole, served: whole.replace(b"HTTP/1.1", b"HTTP/1.2", 1),
    "empty lines first": lambda whole, served: b"\r\n\r\n" + whole,
    "huge header": more(b"X-A: " + b"a" * 20_000),
    "many headers": more(b"\r\n".join(b"X-%d: y" % number for number in range(4000))),
    "PROXY protocol": lambda whole, served: b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + whole,
    "TLS": lambda whole, served: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + whole,
    # The token
    "no token": line(b"X-Pilotlight-Token", None),
    "empty token": line(b"X-Pilotlight-Token", b""),
    "wrong token": line(b"X-Pilotlight-Token", b"A" * 43),
    "two tokens": more(b"X-Pilotlight-Token: " + b"A" * 43),
    "token as a bearer": lambda whole, served: whole.replace(
        b"X-Pilotlight-Token: ", b"Authorization: Bearer "
    ),
    "token in a cookie": lambda whole, served: whole.replace(
        b"X-Pilotlight-Token: ", b"Cookie: pilotlight-token="
    ),
    "token in the query": lambda whole, served: line(b"X-Pilotlight-Token", None)(
        whole.replace(b"/api/evaluate", b"/api/evaluate?token=" + token_in(whole), 1), served
    ),
    "token in the body": lambda whole, served: line(b"X-Pilotlight-Token", None)(
        with_body(whole, b'{"code":"1+1","token":"%s"}' % token_in(whole)), served
    ),
    "token in the other case": lambda whole, served: whole.replace(
        token_in(whole), token_in(whole).swapcase()
    ),
    "token with an end": lambda whole, served: whole.replace(token_in(whole), token_in(whole) + b"="),
    "token cut short": lambda whole, served: whole.replace(token_in(whole), token_in(whole)[:-1]),
}


def token_in(whole: bytes) -> bytes:
    found = re.search(rb"X-Pilotlight-Token: ([^\r]+)", whole)
    assert found
    return found.group(1)


def with_body(whole: bytes, body: bytes) -> bytes:
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), whole.partition(b"\r\n\r\n")[0])
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_repelled(served: Running, token: str, name: str) -> None:
    data = HOSTILE[name](good(served, token), served)
    with served.connect() as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert_repelled(served, answer)


@pytest.mark.parametrize(
    "name", ["origin null", "rebinding name", "no token", "chunks and a length", "cross-site"]
)
def test_what_follows_a_refused_request_is_never_read(served: Running, token: str, name: str) -> None:
    answer = served.raw(HOSTILE[name](good(served, token), served) + good(served, token))
    assert_repelled(served, answer)


def test_what_follows_a_page_is_never_read(served: Running, token: str) -> None:
    page = f"GET /unlock HTTP/1.1\r\nHost: {served.host}\r\nConnection: keep-alive\r\n\r\n".encode()
    answer = served.raw(page + good(served, token))
    assert answer.count(b"HTTP/1.1 ") == 1
    assert served.desk.calls == []


def test_a_request_in_the_body_of_another_is_never_read(served: Running, token: str) -> None:
    inner = good(served, token)
    outer = with_body(HOSTILE["no token"](good(served, token), served), inner)
    assert_repelled(served, served.raw(outer))


def test_a_body_that_is_shorter_than_its_length_reaches_nobody(served: Running, token: str) -> None:
    whole = good(served, token).replace(b"Content-Length: 14", b"Content-Length: 15")
    with served.connect() as sock:
        sock.sendall(whole)
        sock.shutdown(socket.SHUT_WR)
        assert_repelled(served, read_all(sock))


@pytest.mark.parametrize("path", ["/", "/report?id=", "/console", "/unlock"])
@pytest.mark.parametrize(
    "name", ["two hosts", "rebinding name", "x-forwarded-for", "trailing dot", "folded line"]
)
def test_pages_pass_the_same_gate(served: Running, path: str, name: str) -> None:
    whole = f"GET {path} HTTP/1.1\r\nHost: {served.host}\r\nOrigin: x\r\n\r\n".encode()
    answer = served.raw(HOSTILE[name](whole, served))
    assert_repelled(served, answer)
    assert b"<" not in answer


def unlock(served: Running, key: str) -> bytes:
    return request(served.host, "/api/unlock", json.dumps({"key": key}).encode())


def test_a_replayed_key(served: Running) -> None:
    key = served.keyring.new_key(served.url)
    assert parse(served.raw(unlock(served, key)))[0] == 200
    assert parse(served.raw(unlock(served, key)))[0] == 403


def test_an_older_key(served: Running) -> None:
    older = served.keyring.new_key(served.url)
    served.keyring.new_key(served.url)
    assert parse(served.raw(unlock(served, older)))[0] == 403


def test_an_expired_key(served: Running) -> None:
    path = served.keyring._file.path
    key = Keyring(StateFile(path), lambda: time.time() - 601).new_key(served.url)
    assert parse(served.raw(unlock(served, key)))[0] == 403


def test_the_key_of_another_server(served: Running) -> None:
    key = served.keyring.new_key("http://127.0.0.1:1")
    assert parse(served.raw(unlock(served, key)))[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        b'{"key":null}',
        b'{"key":["a"]}',
        b'{"key":{"$ne":""}}',
        b'{"key":true}',
        b'{"key":""}',
        b"{}",
        b'{"key":"\\u0000"}',
        b'{"key":"' + b"\xc3\xa9" * 43 + b'"}',
    ],
)
def test_what_is_no_key(served: Running, body: bytes) -> None:
    served.keyring.new_key(served.url)
    assert parse(served.raw(request(served.host, "/api/unlock", body)))[0] == 403


@pytest.mark.parametrize(
    "name", ["origin null", "no origin", "cross-site", "text/plain", "rebinding name", "via"]
)
def test_unlocking_passes_the_same_gate_and_costs_no_key(served: Running, name: str) -> None:
    key = served.keyring.new_key(served.url)
    answer = served.raw(HOSTILE[name](unlock(served, key), served))
    assert_repelled(served, answer)
    assert b'"token"' not in answer
    assert parse(served.raw(unlock(served, key)))[0] == 200


def test_a_key_in_the_query_unlocks_nothing(served: Running) -> None:
    key = served.keyring.new_key(served.url)
    answer = served.raw(f"GET /unlock?key={key} HTTP/1.1\r\nHost: {served.host}\r\n\r\n".encode())
    assert key.encode() not in answer
    assert served.keyring.exchange(key, served.url)  # still unused


@pytest.mark.parametrize(
    "path",
    [
        "/api/reports",
        "/api/report",
        "/api/alive",
        "/api/evaluate",
        "/api/cancel",
        "/api/complete",
        "/api/events",
    ],
)
def test_every_call_needs_the_token(served: Running, path: str) -> None:
    assert_repelled(served, served.raw(request(served.host, path, CODE)))


def test_the_state_of_another_project_opens_nothing(served: Running, tmp_path: Path) -> None:
    stranger = Keyring(StateFile(str(tmp_path / "pilotlight" / "debugger" / "x.json")))
    token = stranger.exchange(stranger.new_key(served.url), served.url)
    assert token
    assert_repelled(served, served.raw(request(served.host, "/api/reports", CODE, token)))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_requests_without_a_token_reach_nobody(served: Running, data: st.DataObject) -> None:
    whole = bytearray(request(served.host, "/api/evaluate", CODE))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(whole)))
        cut = data.draw(st.integers(0, 12))
        whole[place : place + cut] = data.draw(st.binary(max_size=12))
    with served.connect() as sock:
        sock.sendall(bytes(whole))
        sock.shutdown(socket.SHUT_WR)
        assert_repelled(served, read_all(sock))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(noise=st.binary(max_size=400))
def test_noise_reaches_nobody(served: Running, noise: bytes) -> None:
    with served.connect() as sock:
        sock.sendall(noise + b"\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert_repelled(served, read_all(sock))
