"""The opening handshake of a WebSocket (RFC 6455 4.2): is the request sound, and what is the answer, byte for
byte.

Pure: no sockets, no loop. Must never let a client's or an app's header through that could split a response.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from pilotlight.server.application import ErrorResponse, Headers
from pilotlight.server.response import ServerHeaders, asgi_head, plain_response, whole_response

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_OURS_IN_101 = frozenset(
    (
        b"upgrade",
        b"connection",
        b"content-length",
        b"transfer-encoding",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
    )
)


@dataclass(frozen=True, slots=True)
class Handshake:
    """A sound request to open a WebSocket."""

    key: bytes
    subprotocols: tuple[str, ...]
    extensions: tuple[str, ...]


def read_handshake(headers: Iterable[tuple[bytes, bytes]]) -> Handshake | ErrorResponse:
    """Judges the headers of a GET request that asks for `Upgrade: websocket`.

    Args:
        headers: names in lower case, as in an ASGI scope.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    if b"upgrade" not in (token.lower() for token in _elements(values.get(b"connection", []))):
        return _bad("A WebSocket handshake needs the header 'Connection: Upgrade'.")
    if b"websocket" not in (token.lower() for token in _elements(values.get(b"upgrade", []))):
        return _bad("A WebSocket handshake needs the header 'Upgrade: websocket'.")
    if b"transfer-encoding" in values or any(
        length.strip(b"0") for length in values.get(b"content-length", [])
    ):
        return _bad("A WebSocket handshake has no body.")
    if values.get(b"sec-websocket-version") != [b"13"]:
        text = "This server speaks version 13 of the WebSocket protocol.\n"
        refused = plain_response(HTTPStatus.UPGRADE_REQUIRED, text)
        refused.headers.append((b"sec-websocket-version", b"13"))
        return refused
    keys = values.get(b"sec-websocket-key", [])
    if len(keys) != 1 or not _is_key(keys[0]):
        return _bad("A WebSocket handshake needs one Sec-WebSocket-Key of 16 bytes in base64.")
    subprotocols = _elements(values.get(b"sec-websocket-protocol", []))
    if not all(_TOKEN.fullmatch(subprotocol) for subprotocol in subprotocols):
        return _bad("Sec-WebSocket-Protocol names something that cannot be a subprotocol.")
    extensions = _elements(values.get(b"sec-websocket-extensions", []))
    return Handshake(
        keys[0],
        tuple(dict.fromkeys(subprotocol.decode("ascii") for subprotocol in subprotocols)),
        tuple(extension.decode("latin-1") for extension in extensions),
    )


def accept_token(key: bytes) -> bytes:
    """The proof that the server understood the handshake (RFC 6455 4.2.2, point 5.4)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def acceptance(
    handshake: Handshake, subprotocol: str | None, extensions: bytes | None, extra: Headers
) -> bytes:
    """The response that opens the WebSocket.

    Raises:
        ValueError: the app chose a subprotocol that the client did not offer, or a header that it must not
        set.
    """
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: " + accept_token(handshake.key),
    ]
    if subprotocol is not None:
        if subprotocol not in handshake.subprotocols:
            offered = ", ".join(handshake.subprotocols) or "none"
            raise ValueError(
                f"The subprotocol {subprotocol!r} was not offered by the client (offered: {offered})."
            )
        lines.append(b"sec-websocket-protocol: " + subprotocol.encode("ascii"))
    if extensions is not None:
        lines.append(b"sec-websocket-extensions: " + extensions)
    for name, value in extra:
        _check_header(name, value)
        if name.lower() in _OURS_IN_101:
            raise ValueError(
                f"The header {name.decode('latin-1')!r} of a WebSocket handshake belongs to the server."
            )
        lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def refusal(response: ErrorResponse, fixed: ServerHeaders) -> bytes:
    """A whole response in place of the WebSocket; it always ends the connection."""
    data = whole_response(response, fixed, with_body=True, close=True)
    if response.status != HTTPStatus.UPGRADE_REQUIRED:
        return data
    line, _, rest = data.partition(b"\r\n")
    return line + b"\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" + rest  # RFC 9110 15.5.22


class Denial:
    """The framing of a refusal that the app streams (the extension `websocket.http.response`).

    Args:
        status: the status code.
        headers: the app's headers; hop-by-hop ones are dropped.
        fixed: the server's own headers.

    Raises:
        TypeError, ValueError: the head breaks the rules of HTTP.
    """

    def __init__(self, status: int, headers: Iterable[Iterable[bytes]], fixed: ServerHeaders) -> None:
        head = asgi_head(status, headers)
        self.status = head.status
        self.body_bytes = 0
        self.complete = False
        self._bodiless = head.bodiless
        self._length = head.content_length
        self._chunked = not head.bodiless and head.content_length < 0
        coding = b"Transfer-Encoding: chunked\r\n" if self._chunked else b""
        self._head = b"".join(
            (head.line, head.block, coding, fixed.for_head(head), b"Connection: close\r\n\r\n")
        )

    def body(self, data: bytes, more: bool) -> bytes:
        """The bytes to send for one part of the body, the head in front of the first one.

        Raises:
            ValueError: the parts do not have the Content-Length that the app announced.
        """
        start, self._head = self._head, b""
        if self._bodiless:
            self.complete = not more
            return start
        self.body_bytes += len(data)
        if 0 <= self._length < self.body_bytes or (not more and self.body_bytes < self._length):
            raise ValueError(
                f"The response's body does not have the {self._length} bytes of its Content-Length."
            )
        self.complete = not more
        if not self._chunked:
            return start + data
        chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return start + chunk + (b"" if more else b"0\r\n\r\n")


def _check_header(name: bytes, value: bytes) -> None:
    """Raises ValueError unless the header can stand on one line of a response (RFC 9110 5.5)."""
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a header.")
    if _UNSAFE_VALUE.search(value):
        raise ValueError(
            f"The header {name.decode('ascii')!r} has a control character in its value: {value!r}."
        )


def _bad(sentence: str) -> ErrorResponse:
    return plain_response(HTTPStatus.BAD_REQUEST, sentence + "\n")


def _elements(values: list[bytes]) -> list[bytes]:
    """The elements of a list-valued header (RFC 9110 5.6.1); empty ones do not count."""
    return [element for value in values for part in value.split(b",") if (element := part.strip())]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False
