"""The head of a request: from the bytes of one header section to a checked `RequestHead`.

Pure: no I/O, no clock. llhttp (through httptools) parses; in front of it stands a grammar check of the whole
section, because a parser that forgives (bare LF, folded lines, odd white space, two lengths) lets an
attacker make two servers see different requests. Must never let a head through whose framing is open to
doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import httptools

from pilotlight.server.application import Headers, Limits

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/([0-9]\.[0-9])\r\n")
_HEADER_LINES = re.compile(rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n")
_ABSOLUTE_TARGET = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?#]+)([^#]*)")
_HOST = re.compile(rb"[0-9A-Za-z\-._~%!$&'()*+,;=:\[\]\x80-\xff]*")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CONTENT_LENGTH = re.compile(rb"[0-9]{1,18}")
_VERSIONS = {b"1.1": "1.1", b"1.0": "1.0"}
_SLASH = ord("/")
_KNOWN_COUNT = 64
_KNOWN_BYTES = 4096
_FRAMING_NAMES = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect")
)


class BadRequest(Exception):
    """A request that is refused before any app sees it.

    Args:
        status: the status code of the answer.
        reason: one plain sentence for the client; never repeats bytes of the request.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class RequestHead:
    """A request line and its headers, checked. (Not frozen: a frozen one takes four times as long to
    make.)"""

    method: str
    target: bytes
    """As it came, for logs and RAW_URI."""
    raw_path: bytes
    """The path of the target, still percent-encoded."""
    query: bytes
    version: str
    """`1.0` or `1.1`."""
    headers: Headers
    """Names in lower case, in the order they came."""
    content_length: int
    """Bytes of the body that follows; 0 without a body or with `chunked`."""
    chunked: bool
    keep_alive: bool
    expects_continue: bool
    wants_websocket: bool

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body may follow the head."""
        return self.chunked or self.content_length > 0


def percent_decoded(path: bytes) -> bytes:
    """`path` with each valid percent escape replaced by its byte; invalid ones stay as they are."""
    if b"%" not in path:
        return path
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), path)


def request_line(data: bytes) -> tuple[str, str]:
    """Method and target at the start of a refused request, for the log; dashes if they cannot be told."""
    line = _REQUEST_LINE.match(data)
    return (line[1].decode("ascii"), line[2].decode("latin-1")) if line else ("-", "-")


def check_partial(data: bytes, limits: Limits) -> None:
    """Judge the start of a header section whose end has not arrived yet, so that a hopeless one is not
    waited for.

    Raises:
        BadRequest: it is too large, or cannot become valid.
    """
    if len(data) > limits.header_bytes:
        _refuse_size(data, limits)
    if _BARE_LF.search(data):
        raise BadRequest(400, "A line of the request does not end with CR LF.")


def _refuse_size(data: bytes, limits: Limits) -> None:
    first_line = data.find(b"\r\n", 0, limits.header_bytes)
    if first_line < 0:
        raise BadRequest(414, "The request target is too long.")
    raise BadRequest(431, "The request headers are too large.")


class HeadParser:
    """Parses whole header sections, one at a time. One instance serves all connections of a loop.

    Clients send the same header lines again and again, so the verdict on some recent ones is remembered: the
    same bytes behind the same method and version mean the same. The body never passes through here.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._headers: Headers = []
        self._framing: list[tuple[bytes, bytes]] = []
        self._known: dict[tuple[bytes, bytes, bytes], RequestHead] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by httptools for each header field."""
        name = name.lower()
        self._headers.append((name, value))
        if name in _FRAMING_NAMES:
            self._framing.append((name, value))

    def parse(self, section: bytes) -> RequestHead:
        """Parse and judge `section`: request line, header lines and the empty line that ends them, and
        nothing more.

        Raises:
            BadRequest: with the status that RFC 9110 and 9112 (and RFC 6585 for 431) give.
        """
        if len(section) > self._limits.header_bytes:
            _refuse_size(section, self._limits)
        line = _REQUEST_LINE.match(section)
        if line is None:
            raise BadRequest(400, "The request line is malformed.")
        method, target, digits = line.groups()
        version = _VERSIONS.get(digits)
        if version is None:
            raise BadRequest(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
        key = (method, digits, section[line.end() :])
        known = self._known.get(key)
        if known is not None and target[0] == _SLASH and b"#" not in target:
            raw_path, _, query = target.partition(b"?")
            return RequestHead(
                known.method,
                target,
                raw_path,
                query,
                known.version,
                known.headers.copy(),
                known.content_length,
                known.chunked,
                known.keep_alive,
                known.expects_continue,
                known.wants_websocket,
            )
        head = self._parse_anew(section, line, method, target, version)
        if target[0] == _SLASH and len(key[2]) <= _KNOWN_BYTES:
            if len(self._known) >= _KNOWN_COUNT:
                self._known.clear()
            self._known[key] = replace(head, headers=head.headers.copy())
        return head

    def _parse_anew(
        self, section: bytes, line: re.Match[bytes], method: bytes, target: bytes, version: str
    ) -> RequestHead:
        if not _HEADER_LINES.fullmatch(section, line.end()):
            raise BadRequest(400, "A request header is malformed.")
        if not target.isascii():
            # Not what RFC 3986 allows, but what people type into curl; llhttp refuses it and need not see it.
            section = b"%b / %b" % (method, section[line.end(2) + 1 :])
        self._headers = []
        self._framing = []
        parser = self._parser
        try:
            parser.feed_data(section)
        except httptools.HttpParserUpgrade:
            self._parser = httptools.HttpRequestParser(self)
        except httptools.HttpParserInvalidMethodError:
            self._parser = httptools.HttpRequestParser(self)
            raise BadRequest(501, "The request method is not implemented.") from None
        except httptools.HttpParserError as error:
            self._parser = httptools.HttpRequestParser(self)
            raise BadRequest(400, f"The request is malformed: {error}.") from None
        head = self._judge(method.decode("ascii"), target, version)
        if head.chunked or head.content_length or not head.keep_alive:
            self._parser = httptools.HttpRequestParser(self)  # this one now waits for a body, or for nothing
        if b"\t" in section:  # llhttp leaves a tab behind a value
            head.headers = [(name, value.strip(b" \t")) for name, value in head.headers]
        return head

    def _judge(self, method: str, target: bytes, version: str) -> RequestHead:
        headers = self._headers
        if len(headers) > self._limits.header_count:
            self._parser = httptools.HttpRequestParser(self)
            raise BadRequest(431, "The request has too many headers.")
        try:
            return _checked_head(method, target, version, headers, self._framing)
        except BadRequest:
            self._parser = httptools.HttpRequestParser(self)
            raise


def _checked_head(
    method: str, target: bytes, version: str, headers: Headers, framing: list[tuple[bytes, bytes]]
) -> RequestHead:
    hosts = 0
    lengths: list[bytes] = []
    codings: list[bytes] = []
    connection = upgrade = expect = b""
    for name, value in framing:
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                raise BadRequest(400, "The Host header is malformed.")
        elif name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
        elif name == b"connection":
            connection += b"," + value.lower()
        elif name == b"upgrade":
            upgrade += b"," + value.lower()
        else:
            expect = value.lower()
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise BadRequest(400, "The request needs exactly one Host header (RFC 9112 3.2).")
    if method == "CONNECT":
        raise BadRequest(501, "This server is not a proxy.")
    raw_path, query = _split_target(method, target, headers)
    content_length, chunked = _body_framing(version, lengths, codings) if codings or lengths else (0, False)
    if expect and (expect != b"100-continue"):
        raise BadRequest(417, "The only known expectation is 100-continue.")
    options = [token.strip() for token in connection.split(b",")] if connection else ()
    websocket = False
    if upgrade and version == "1.1" and method == "GET" and b"upgrade" in options:
        websocket = b"websocket" in [token.strip() for token in upgrade.split(b",")]
    return RequestHead(
        method,
        target,
        raw_path,
        query,
        version,
        headers,
        content_length,
        chunked,
        b"close" not in options if version == "1.1" else b"keep-alive" in options,
        expect != b"" and version == "1.1" and (chunked or content_length > 0),
        websocket,
    )


def _split_target(method: str, target: bytes, headers: Headers) -> tuple[bytes, bytes]:
    """Path and query of the target; an absolute target's authority replaces the Host header (RFC 9112
    3.2.2)."""
    if target[0] == _SLASH and b"#" not in target:  # the common case
        raw_path, _, query = target.partition(b"?")
        return raw_path, query
    if target == b"*":
        if method != "OPTIONS":
            raise BadRequest(400, "The target * is for OPTIONS alone.")
        return b"*", b""
    if b"#" in target:
        raise BadRequest(400, "The request target contains a fragment.")
    absolute = _ABSOLUTE_TARGET.fullmatch(target)
    if absolute is None or not _HOST.fullmatch(absolute[1]):
        raise BadRequest(400, "The request target is malformed.")
    headers[:] = [header for header in headers if header[0] != b"host"]
    headers.insert(0, (b"host", absolute[1]))
    target = absolute[2]
    if not target.startswith(b"/"):
        target = b"/" + target
    raw_path, _, query = target.partition(b"?")
    return raw_path, query


def _body_framing(version: str, lengths: list[bytes], codings: list[bytes]) -> tuple[int, bool]:
    """Content length and whether the body is chunked (RFC 9112 6.3, without any of its leniencies)."""
    if codings:
        if lengths:
            raise BadRequest(400, "A request with Transfer-Encoding must not have a Content-Length.")
        if version == "1.0":
            raise BadRequest(400, "HTTP/1.0 has no Transfer-Encoding.")
        if len(codings) > 1:
            raise BadRequest(400, "The request has several Transfer-Encoding headers.")
        if codings[0].lower() != b"chunked":
            raise BadRequest(501, "The only known transfer coding is chunked.")
        return 0, True
    if not lengths:
        return 0, False
    if len(lengths) > 1 or not _CONTENT_LENGTH.fullmatch(lengths[0]):
        raise BadRequest(400, "The Content-Length is malformed or given more than once.")
    return int(lengths[0]), False
