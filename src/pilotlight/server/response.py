"""The head of a response: status line and headers from what an app gave, checked.

Pure, apart from the clock behind the Date header. Must never write a header that the app could use,
knowingly or not, to end a header line early (control characters) or to change the framing, which is the
server's alone (hop-by-hop headers).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from functools import lru_cache

from pilotlight.server.application import ErrorResponse, Headers

_PHRASES = {
    100: "Continue",
    101: "Switching Protocols",
    103: "Early Hints",
    200: "OK",
    201: "Created",
    202: "Accepted",
    203: "Non-Authoritative Information",
    204: "No Content",
    205: "Reset Content",
    206: "Partial Content",
    207: "Multi-Status",
    208: "Already Reported",
    226: "IM Used",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    304: "Not Modified",
    305: "Use Proxy",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    418: "I'm a Teapot",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    423: "Locked",
    424: "Failed Dependency",
    425: "Too Early",
    426: "Upgrade Required",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Unavailable For Legal Reasons",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    506: "Variant Also Negotiates",
    507: "Insufficient Storage",
    508: "Loop Detected",
    510: "Not Extended",
    511: "Network Authentication Required",
}
"""RFC 9110 15 and the IANA registry."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NO_CONTROL_BYTES = bytes((0x09, *range(0x20, 0x7F), *range(0x80, 0x100)))
_STATUS = re.compile(r"([1-9][0-9]{2})(?: [^\x00-\x1f\x7f]*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")

PLAIN, LENGTH, TYPE, DATE, SERVER, CONNECTION, HOP_BY_HOP = range(7)
_KINDS = {
    "content-length": LENGTH,
    "content-type": TYPE,
    "date": DATE,
    "server": SERVER,
    "connection": CONNECTION,
    "keep-alive": HOP_BY_HOP,
    "proxy-authenticate": HOP_BY_HOP,
    "proxy-authorization": HOP_BY_HOP,
    "te": HOP_BY_HOP,
    "trailer": HOP_BY_HOP,
    "trailers": HOP_BY_HOP,
    "transfer-encoding": HOP_BY_HOP,
    "upgrade": HOP_BY_HOP,
}


class ResponseHead:
    """What the app said about its response, checked, and what the server must know of it to frame the
    body."""

    __slots__ = (
        "block",
        "bodiless",
        "close",
        "content_length",
        "event_stream",
        "has_date",
        "has_server",
        "line",
        "status",
    )

    def __init__(self, status: int, line: bytes) -> None:
        self.status = status
        self.line = line
        self.bodiless = status in (204, 304) or status < 200
        """Whether a response of this status has no body, whatever the method (RFC 9112 6.3)."""
        self.block = b""
        """The app's header lines, each with its CR LF."""
        self.content_length = -1
        """-1 when the app gave none."""
        self.event_stream = False
        self.has_date = False
        self.has_server = False
        self.close = False

    def _note(self, kind: int, value: str) -> None:
        if kind == LENGTH:
            if not _LENGTH.fullmatch(value):
                raise ValueError(f"The response's Content-Length {value!r} is not a number of bytes.")
            if self.content_length not in (-1, int(value)):
                raise ValueError("The response has two different Content-Length headers.")
            self.content_length = int(value)
        elif kind == TYPE:
            self.event_stream = value.lower().startswith("text/event-stream")
        elif kind == DATE:
            self.has_date = True
        elif kind == SERVER:
            self.has_server = True


@lru_cache(maxsize=512)
def _kind_of(name: str | bytes) -> int:
    text = name if isinstance(name, str) else name.decode("latin-1")
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"The response header name {text!r} is not valid.")
    return _KINDS.get(text.lower(), PLAIN)


@lru_cache(maxsize=256)
def _wsgi_status(status: str) -> tuple[int, bytes]:
    match = _STATUS.fullmatch(status)
    if match is None or int(match[1]) < 200:
        raise ValueError(f"The response status {status!r} is not like '200 OK'.")
    phrase = status if len(status) > 3 else f"{status} {_PHRASES.get(int(status), '')}"
    return int(match[1]), f"HTTP/1.1 {phrase}\r\n".encode("latin-1")


@lru_cache(maxsize=256)
def status_line(status: int) -> bytes:
    """The status line for a status code, with the registered phrase."""
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode("ascii")


def wsgi_head(status: str, headers: Iterable[tuple[str, str]]) -> ResponseHead:
    """Check what a WSGI app gave to `start_response` (PEP 3333, "The start_response() Callable").

    Raises:
        TypeError, ValueError: it breaks the rules; the message says how.
    """
    if type(status) is not str:
        raise TypeError(f"The response status must be a str, not {type(status).__name__}.")
    head = ResponseHead(*_wsgi_status(status))
    lines: list[str] = []
    lengths = 0
    for name, value in headers:
        if type(name) is not str or type(value) is not str:
            raise TypeError(f"The response header {name!r}: {value!r} must be a pair of str.")
        kind = _kind_of(name)
        if not value.isprintable() and _CONTROL.search(value):
            raise ValueError(f"The response header {name} contains a control character: {value!r}.")
        if kind:
            if kind >= CONNECTION:
                raise ValueError(f"The app must not set the hop-by-hop header {name} (PEP 3333).")
            head._note(kind, value)
            if kind == LENGTH:
                lengths += 1
                if lengths > 1:
                    continue
        lines.append(f"{name}: {value}\r\n")
    try:
        head.block = "".join(lines).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"A response header contains {error.object[error.start : error.end]!r}, "
            "which is not latin-1 (PEP 3333)."
        ) from None
    return head


def asgi_head(status: int, headers: Iterable[Iterable[bytes]]) -> ResponseHead:
    """Check an ASGI `http.response.start` event.

    `transfer-encoding` is dropped, as the ASGI specification says; so are the other hop-by-hop headers,
    except that `connection: close` is honoured.

    Raises:
        TypeError, ValueError: it breaks the rules; the message says how.
    """
    if not isinstance(status, int) or not 200 <= status <= 999:
        raise ValueError(f"The response status {status!r} is not a status code.")
    head = ResponseHead(int(status), status_line(int(status)))
    parts: list[bytes] = []
    for name, value in headers:
        kind = _kind_of(name)
        if kind:
            if kind >= CONNECTION:
                if kind == CONNECTION and b"close" in value.lower():
                    head.close = True
                continue
            repeated = kind == LENGTH and head.content_length >= 0
            head._note(kind, value.decode("latin-1"))
            if repeated:
                continue
        parts += (name, b": ", value, b"\r\n")
    block = b"".join(parts)
    if block.translate(None, _NO_CONTROL_BYTES) != b"\r\n" * (len(parts) // 4):
        raise ValueError("A response header contains a control character.")
    head.block = block
    return head


class ServerHeaders:
    """The Date and Server headers, made once a second."""

    __slots__ = ("_both", "_date", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._date = b""
        self._both = b""

    def for_head(self, head: ResponseHead) -> bytes:
        """The lines to add to the app's own."""
        second = int(time.time())
        if second != self._second:
            self._date = http_date(second)
            self._both = b"Date: %b\r\nServer: pilotlight\r\n" % self._date
            self._second = second
        if not head.has_date and not head.has_server:
            return self._both
        date = b"" if head.has_date else b"Date: %b\r\n" % self._date
        return date if head.has_server else date + b"Server: pilotlight\r\n"


def http_date(second: int) -> bytes:
    """An IMF-fixdate (RFC 9110 5.6.7), independent of the locale."""
    moment = time.gmtime(second)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.tm_wday]
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[moment.tm_mon * 3 - 3 : moment.tm_mon * 3]
    return (
        f"{day}, {moment.tm_mday:02} {month} {moment.tm_year:04} "
        f"{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02} GMT"
    ).encode("ascii")


def plain_response(status: int, text: str) -> ErrorResponse:
    """A small text response of the server's own."""
    headers: Headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return ErrorResponse(status, headers, text.encode("utf-8"))


def whole_response(response: ErrorResponse, fixed: ServerHeaders, *, with_body: bool, close: bool) -> bytes:
    """The bytes of a complete response that did not come from the app."""
    headers = [header for header in response.headers if header[0].lower() != b"content-length"]
    head = asgi_head(response.status, headers)
    length = b"" if head.bodiless else b"Content-Length: %d\r\n" % len(response.body)
    ending = b"Connection: close\r\n\r\n" if close else b"\r\n"
    body = response.body if with_body and not head.bodiless else b""
    return b"".join((head.line, head.block, length, fixed.for_head(head), ending, body))
