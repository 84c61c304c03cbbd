"""Who may speak to the debug listener: pure rules over the facts of a request, before any routing.

A web page, a tunnel, a neighbour or a script inside the app can all send bytes to a port of this machine.
Whatever is not provably the developer's own browser on this machine, or a program that could read the
developer's files anyway, is refused here. Must never do I/O, and a refusal must never contain data of the
app.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
TOKEN_HEADER = b"x-pilotlight-token"
"""Not a simple header (Fetch, CORS-safelisted request-header), so another origin needs a preflight for it."""

FORWARDING_HEADERS = frozenset(
    b"via max-forwards early-data client-cert client-cert-chain"  # RFC 9110, RFC 8470, RFC 9440
    b" client-ip cluster-client-ip real-ip true-client-ip x-client-ip x-client-port x-cluster-client-ip"
    b" x-originating-ip x-true-client-ip x-true-ip x-remote-addr x-remote-host x-remote-ip x-remote-port"
    b" x-host x-http-host-override x-http-destinationurl x-override-url x-rewrite-url disguised-host"
    b" x-scheme x-ssl x-url-scheme front-end-https"
    b" x-request-start x-queue-start surrogate-capability x-varnish x-cdn x-ms-proxy x-bluecoat-via"
    b" bypass-tunnel-reminder skip-zrok-interstitial tunnel-id"
    b" rndr-id connect-time total-route-time was-default-hostname x-site-deployment-id".split()
)
FORWARDING_PREFIXES = tuple(
    b"forwarded x-forward x-original- x-originally- x-prox proxy- wl-proxy- x-real- x-gateway- x-ssl-"
    b" ssl-client- x-accel- x-cache x-envoy- x-kong- x-nginx- l5d-"
    b" x-akamai- akamai- ali- cdn- cf- cloudfront- x-amz-cf- fastly- incap- x-incap- x-sucuri- x-edge-"
    b" x-amzn- x-appengine- x-appservice- x-arr- x-azure- x-cloud- x-gfe- x-goog- x-heroku-"
    b" x-ms-containerapp- x-nf- x-railway- x-vercel- x-waws- do-connecting- fly-"
    b" devtunnel- x-devtunnel x-expose- x-exposed- x-frp- x-hookdeck- x-inlets- localtunnel- x-localtunnel"
    b" ngrok- x-ngrok- x-pinggy- serveo- x-serveo- tailscale- x-tunnel- x-zrok-".split()
)
"""Of both, only what no browser and no other client sends by itself: whoever sends one reads no reports.
So neither what traces a request (`X-Request-Id`, `Traceparent`), nor what a developer sends in the place of
a proxy that signs users in (`Remote-User`)."""

_METHODS = frozenset({b"GET", b"POST"})
_ORIGIN_FORM = re.compile(rb"/[!$&'()*+,\-./0-9:;=@A-Z_a-z~%]*(?:\?[!$&'()*+,\-./0-9:;=?@A-Z_a-z~%]*)?\Z")
_JSON_TYPE = re.compile(rb"application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|\"utf-8\"))?\Z", re.IGNORECASE)
_DIGITS = re.compile(rb"[0-9]{1,9}\Z")
_REQUEST_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32} [!-~]+ HTTP/1\.1\Z")
_OLDER_REQUEST_LINE = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.0\Z")
_FIELD_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\Z")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served: one sentence that says what to do, and no data."""

    status: int
    sentence: str
    locked: bool = False
    """Whether a token would have helped."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a request before its body is read."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in lower case, values without the blanks around them, in the order in which they came."""
    peer: str
    """The client's address as the kernel gives it."""
    local: str
    """The address that it connected to."""

    def values(self, name: bytes) -> list[bytes]:
        """All values of one header."""
        return [value for each, value in self.headers if each == name]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a connection may ask for.

    Args:
        hosts: the exact values that Host may have, in lower case; see `exact_hosts`.
        prefix: what every path begins with; empty, or an unguessable path on the app's own port.
    """

    hosts: frozenset[bytes]
    prefix: str = ""


def exact_hosts(port: int, allowed: Iterable[str] = ()) -> frozenset[bytes]:
    """The values of Host that name the listener: this machine's own names, and those that the user allows.

    Args:
        port: the listener's. It may be left out of Host where it is 80, the default (RFC 9110 7.2).
        allowed: further names, without port.
    """
    names = [*LOCAL_NAMES, *(name.lower() for name in allowed)]
    with_port = {f"{name}:{port}".encode("ascii", "replace") for name in names}
    if port == 80:
        with_port |= {name.encode("ascii", "replace") for name in names}
    return frozenset(with_port)


def is_loopback(address: str) -> bool:
    """Whether an address in the kernel's canonical form is this machine's own, IPv4 in IPv6 as well."""
    plain = address.partition("%")[0]
    return plain == "::1" or plain.removeprefix("::ffff:").startswith("127.")


def is_forwarding(name: bytes) -> bool:
    """Whether a header, its name in lower case, is one that proxies and tunnels add.

    An underscore counts as a hyphen: to an app behind WSGI they are the same (RFC 3875 4.1.18).
    """
    name = name.replace(b"_", b"-")
    return name in FORWARDING_HEADERS or name.startswith(FORWARDING_PREFIXES)


def judge_head(head: bytes) -> Refusal | None:
    """Refuses what parsers disagree about, in the bytes up to and with the empty line.

    Bare CR or LF (RFC 9112 2.2), folded lines (5.2), blanks before a colon (5.1), control characters
    (RFC 9110 5.5), a body's length told twice or in chunks (RFC 9112 6.3): a browser sends none of them. Nor
    does it speak HTTP/1.0, as a proxy does that adds no header.
    """
    request_line, *fields = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    if _OLDER_REQUEST_LINE.match(request_line):
        return Refusal(
            400,
            "This is version 1.0 of HTTP, which some proxies speak and no browser does; open the debugger "
            "directly, on the machine that it runs on.",
        )
    if not _REQUEST_LINE.match(request_line) or not all(map(_FIELD_LINE.match, fields)):
        return Refusal(400, "This is not a request in the strict form of HTTP/1.1.")
    pairs = [line.partition(b":")[::2] for line in fields]
    lengths = [value.strip(b" \t") for name, value in pairs if name.lower() == b"content-length"]
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in pairs)
    if chunked or len(lengths) > 1 or not all(map(_DIGITS.match, lengths)):
        return Refusal(400, "A request must give the length of its body once, as Content-Length.")
    return None


def judge(asked: Asked, rules: Rules) -> Refusal | None:
    """The rules for every request, pages included."""
    if not is_loopback(asked.peer) or not is_loopback(asked.local):
        return Refusal(403, "The debugger speaks only to the machine that it runs on.")
    forwarded = next((name for name, _ in asked.headers if is_forwarding(name)), None)
    if forwarded is not None:
        name = forwarded.decode("ascii", "replace")
        return Refusal(
            403,
            f"This request has come through a proxy or tunnel (it has the header {name}); "
            "open the debugger directly, on the machine that it runs on.",
        )
    if not _ORIGIN_FORM.match(asked.target):
        return Refusal(400, "The request's target must be a path (RFC 9112 3.2.1).")
    hosts = asked.values(b"host")
    if len(hosts) != 1:
        return Refusal(400, "A request must have exactly one Host.")
    if hosts[0].lower() not in rules.hosts:
        return Refusal(
            421,
            "The debugger does not answer to this host name; open it as 127.0.0.1, or start the server with "
            "--allowed-host and the name.",
        )
    if asked.method not in _METHODS:
        return Refusal(405, "Only GET and POST are served here.")
    if asked.values(b"upgrade"):
        return Refusal(400, "No other protocol is spoken here.")
    return None


def judge_page(asked: Asked) -> Refusal | None:
    """What a page needs besides `judge`: a GET without a body."""
    if asked.method != b"GET":
        return Refusal(405, "This page can only be read with GET.")
    if asked.values(b"content-length") not in ([], [b"0"]):
        return Refusal(413, "A GET has no body here.")
    return None


def judge_call(asked: Asked) -> Refusal | None:
    """What a call of the API needs besides `judge`, its token excepted.

    A page of another origin can send POST only with one of three content types without asking first (Fetch,
    CORS protocol), and never with an Origin that is not its own.
    """
    if asked.method != b"POST":
        return Refusal(405, "This can only be asked with POST.")
    host = asked.values(b"host")[0]
    if asked.values(b"origin") != [b"http://" + host]:
        return Refusal(403, "Only the debugger's own pages may ask this: Origin must be equal to Host.")
    if asked.values(b"sec-fetch-site") not in ([], [b"same-origin"]):
        return Refusal(403, "Only the debugger's own pages may ask this, not another site's.")
    types = asked.values(b"content-type")
    if len(types) != 1 or not _JSON_TYPE.match(types[0]):
        return Refusal(415, "The body must be application/json.")
    if asked.values(b"content-encoding"):
        return Refusal(415, "The body must not be compressed.")
    lengths = asked.values(b"content-length")
    if len(lengths) != 1 or not _DIGITS.match(lengths[0]):
        return Refusal(411, "The body must have a Content-Length.")
    if int(lengths[0]) > MAX_BODY_BYTES:
        return Refusal(413, f"The body may have {MAX_BODY_BYTES // 1024} KiB at most.")
    return None


def token_of(asked: Asked) -> str:
    """The token in its header; empty if there is none, or more than one."""
    tokens = asked.values(TOKEN_HEADER)
    return tokens[0].decode("ascii", "replace") if len(tokens) == 1 else ""


LOCKED = Refusal(
    403,
    "This browser may not use the debugger yet: open in it the link that the terminal shows, or run "
    "`pilotlight unlock` in the directory of the project for a fresh one.",
    locked=True,
)
