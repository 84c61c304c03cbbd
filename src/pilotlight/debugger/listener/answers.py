"""What the debug listener answers with: status, headers, body; pure.

Every answer ends its connection, is kept by no cache, belongs to its own origin alone, and sets no cookie.
Must never send a CORS header: no other origin may read anything here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .gate import Refusal

Headers = tuple[tuple[str, str], ...]

_ORIGIN = re.compile(r"https?://(?:\*\.)?[A-Za-z0-9._\-\[\]:]+\Z", re.ASCII)
_ALWAYS: Headers = (
    ("Connection", "close"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Origin-Agent-Cluster", "?1"),
    (
        "Permissions-Policy",
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), "
        "geolocation=(), gyroscope=(), hid=(), microphone=(), midi=(), payment=(), "
        "publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()",
    ),
)
_NOT_A_PAGE: Headers = (
    (
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
    ),
    ("X-Frame-Options", "DENY"),
)
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response, or the head of one that is streamed (`body` is None)."""

    status: int
    headers: Headers
    body: bytes | None

    @property
    def reason(self) -> str:
        """The reason phrase."""
        return _REASONS.get(self.status, "")


def refused(refusal: Refusal) -> Answer:
    """One sentence, and nothing else."""
    extra: Headers = (("X-Pilotlight-Locked", "1"),) if refusal.locked else ()
    if refusal.status == 405:
        extra += (("Allow", "GET, POST"),)
    body = f"{refusal.sentence}\n".encode()
    return _whole(refusal.status, "text/plain; charset=utf-8", body, (*_NOT_A_PAGE, *extra))


def json_of(body: object) -> Answer:
    """Data for our own page."""
    import json

    text = json.dumps(body, separators=(",", ":"))
    return _whole(200, "application/json", text.encode(), _NOT_A_PAGE)


def stream() -> Answer:
    """The head of a stream of JSON objects, one in each line."""
    return Answer(200, (("Content-Type", "application/x-ndjson"), *_ALWAYS, *_NOT_A_PAGE), None)


def page(
    html: bytes, nonce: str, *, ancestors: tuple[str, ...] | None = None, frames: bool = False
) -> Answer:
    """One of our own pages.

    Args:
        html: the page.
        nonce: of its style and script.
        ancestors: origins whose pages may show it in a frame, besides our own; None: not even our own.
        frames: whether it shows frames itself. Then it may also make markup of text, for the report.

    Raises:
        ValueError: an ancestor is not an origin.
    """
    for origin in ancestors or ():
        if not _ORIGIN.match(origin):
            raise ValueError(f"{origin!r} is not an origin")
    parts = [
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors " + ("'none'" if ancestors is None else " ".join(("'self'", *ancestors))),
        "frame-src 'self'" if frames else "require-trusted-types-for 'script'; trusted-types 'none'",
    ]
    extra: Headers = (("Content-Security-Policy", "; ".join(parts)),)
    if ancestors is None:
        extra += (("X-Frame-Options", "DENY"),)
    return _whole(200, "text/html; charset=utf-8", html, extra)


def _whole(status: int, content_type: str, body: bytes, extra: Headers) -> Answer:
    length = (("Content-Type", content_type), ("Content-Length", str(len(body))))
    return Answer(status, (*length, *_ALWAYS, *extra), body)
