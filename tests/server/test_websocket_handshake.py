"""The opening handshake: which requests are sound, and what is answered, byte for byte."""

from __future__ import annotations

import pytest

from pilotlight.server.application import ErrorResponse
from pilotlight.server.response import ServerHeaders
from pilotlight.server.websocket_handshake import (
    Denial,
    Handshake,
    accept_token,
    acceptance,
    read_handshake,
    refusal,
)

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
SOUND = {
    b"host": b"localhost",
    b"connection": b"keep-alive, Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": KEY,
}


def headers(**changes: bytes | None) -> list[tuple[bytes, bytes]]:
    values = dict(SOUND)
    for name, value in changes.items():
        key = name.replace("_", "-").encode()
        values.pop(key, None)
        if value is not None:
            values[key] = value
    return list(values.items())


def test_the_token_is_the_one_of_rfc_6455() -> None:
    assert accept_token(KEY) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_sound_request() -> None:
    found = read_handshake(
        [
            *headers(sec_websocket_protocol=b"chat, superchat"),
            (b"sec-websocket-protocol", b"v2,chat"),
            (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits, x"),
        ]
    )
    assert found == Handshake(
        KEY, ("chat", "superchat", "v2"), ("permessage-deflate; client_max_window_bits", "x")
    )


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"connection": None}, 400),
        ({"connection": b"keep-alive"}, 400),
        ({"upgrade": b"h2c"}, 400),
        ({"sec_websocket_version": None}, 426),
        ({"sec_websocket_version": b"8"}, 426),
        ({"sec_websocket_key": None}, 400),
        ({"sec_websocket_key": b"tooshort"}, 400),
        ({"sec_websocket_key": b"!" * 24}, 400),
        ({"sec_websocket_protocol": b"a b"}, 400),
        ({"sec_websocket_protocol": b"caf\xe9"}, 400),
        ({"content_length": b"5"}, 400),
        ({"transfer_encoding": b"chunked"}, 400),
    ],
)
def test_an_unsound_request_is_refused(changes: dict[str, bytes | None], status: int) -> None:
    found = read_handshake(headers(**changes))
    assert isinstance(found, ErrorResponse)
    assert found.status == status


def test_two_keys_or_versions_are_refused() -> None:
    for name, value in ((b"sec-websocket-key", KEY), (b"sec-websocket-version", b"13")):
        assert isinstance(read_handshake([*headers(), (name, value)]), ErrorResponse)


def test_426_names_the_version_and_the_protocol() -> None:
    found = read_handshake(headers(sec_websocket_version=b"25"))
    assert isinstance(found, ErrorResponse)
    lines = refusal(found, ServerHeaders()).lower().split(b"\r\n")
    assert lines[0] == b"http/1.1 426 upgrade required"
    assert {b"upgrade: websocket", b"sec-websocket-version: 13", b"connection: close"} <= set(lines)


def test_acceptance() -> None:
    answer = acceptance(Handshake(KEY, ("chat",), ()), "chat", b"permessage-deflate", [(b"x-a", b"1")])
    assert answer == (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: chat\r\n"
        b"sec-websocket-extensions: permessage-deflate\r\nx-a: 1\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("subprotocol", "extra"),
    [
        ("other", []),
        (None, [(b"x", b"a\r\nset-cookie: b")]),
        (None, [(b"x", b"a\x00")]),
        (None, [(b"x: y", b"a")]),
        (None, [(b"", b"a")]),
        (None, [(b"Sec-WebSocket-Protocol", b"chat")]),
        (None, [(b"connection", b"close")]),
        (None, [(b"content-length", b"1")]),
    ],
)
def test_acceptance_refuses_what_the_app_must_not_say(
    subprotocol: str | None, extra: list[tuple[bytes, bytes]]
) -> None:
    with pytest.raises(ValueError):
        acceptance(Handshake(KEY, ("chat",), ()), subprotocol, None, extra)


class TestDenial:
    def test_without_a_length_it_is_chunked(self) -> None:
        denial = Denial(401, [(b"x-a", b"1")], ServerHeaders())
        sent = denial.body(b"abc", True) + denial.body(b"", True) + denial.body(b"de", False)
        head, _, body = sent.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401 Unauthorized\r\nx-a: 1\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert b"Connection: close" in head
        assert body == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        assert denial.complete
        assert denial.body_bytes == 5

    def test_with_a_length_it_is_not(self) -> None:
        denial = Denial(403, [(b"content-length", b"2"), (b"transfer-encoding", b"x")], ServerHeaders())
        head, _, body = denial.body(b"no", False).partition(b"\r\n\r\n")
        assert b"chunked" not in head
        assert b"transfer-encoding" not in head.lower()
        assert body == b"no"

    def test_an_empty_one(self) -> None:
        denial = Denial(204, [], ServerHeaders())
        assert denial.body(b"ignored", False).endswith(b"\r\n\r\n")
        assert denial.complete

    @pytest.mark.parametrize(("part", "more"), [(b"abc", True), (b"a", False)])
    def test_a_body_that_is_not_what_was_announced(self, part: bytes, more: bool) -> None:
        with pytest.raises(ValueError, match="Content-Length"):
            Denial(403, [(b"content-length", b"2")], ServerHeaders()).body(part, more)

    def test_a_status_or_header_that_is_none(self) -> None:
        with pytest.raises(ValueError):
            Denial(101, [], ServerHeaders())
        with pytest.raises(ValueError):
            Denial(403, [(b"x", b"a\nb")], ServerHeaders())
