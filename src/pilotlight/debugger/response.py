"""A report as a complete HTTP response, whatever happens: page or text or JSON, then text, then a constant.

Must never raise, and must never show more than the error id to a client that may not see the report.
"""

from __future__ import annotations

import os

from .model import Report
from .negotiate import Form, choose
from .page import render_concealed_page, render_page
from .problem import MEDIA_TYPE, render_concealed_json, render_json
from .text import render_text

Headers = list[tuple[bytes, bytes]]

_TEXT = b"text/plain; charset=utf-8"
_NO_CONTENT_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def error_response(
    report: Report, accept: bytes | None, method: str, *, live: bool = False, reveal: bool = True
) -> tuple[int, Headers, bytes]:
    """Status, headers and body for a failed request.

    Args:
        report: what happened.
        accept: the request's `Accept` header.
        method: the request's method; only a page that answers a GET may load itself again. The body is always
            whole: leaving it out of the answer to a HEAD is the server's task, as for every response.
        live: the page looks once a second whether the error is still there, and loads itself again when it is
            not. Only for errors that keep their id until they are fixed (loading, death); ignored for
            `request` errors, because asking again would run the app again.
        reveal: False for a client that is not local: it gets one sentence and the error id.
    """
    policy = _NO_CONTENT_POLICY
    if not reveal:
        content_type, body = _concealed(report, choose(accept))
    else:
        nonce = os.urandom(16).hex()
        heals = live and method == "GET" and report.kind != "request"
        content_type, body = _rendered(report, choose(accept), heals, nonce)
        if content_type.startswith(b"text/html"):
            policy = _page_policy(nonce)
    return 500, _headers(report, content_type, policy, len(body)), body


def _rendered(report: Report, form: Form, heals: bool, nonce: str) -> tuple[bytes, bytes]:
    """Content type and body: the chosen form, else text, else a constant; each says what failed before."""
    failed = "page"
    try:
        if form == "html":
            return b"text/html; charset=utf-8", render_page(report, live=heals, nonce=nonce)
        if form == "json":
            failed = "JSON form"
            return MEDIA_TYPE, render_json(report)
        return _TEXT, _text(report)
    except Exception as first:  # noqa: BLE001 - a bug of ours must not hide the error of the app
        kind = type(first).__name__
        reason = f"Pilotlight could not render the {failed} of this error ({kind}); here is its text."
    try:
        return _TEXT, f"{reason}\n\n".encode() + _text(report)
    except Exception as second:  # noqa: BLE001
        return _TEXT, _LAST_RESORT % type(second).__name__.encode("ascii", "replace")


_LAST_RESORT = (
    b"500 Internal Server Error\n\nThe app failed, and Pilotlight could not render the error (%s). "
    b"Look at the terminal for the traceback.\n"
)


def _text(report: Report) -> bytes:
    return render_text(report).encode("utf-8", "backslashreplace")


def _concealed(report: Report, form: Form) -> tuple[bytes, bytes]:
    sentence = "The server could not answer this request; the developer finds the details under the error id"
    if form == "json":
        return MEDIA_TYPE, render_concealed_json(report.id)
    if form == "html":
        return b"text/html; charset=utf-8", render_concealed_page(f"{sentence} {report.id}.")
    return _TEXT, f"500 Internal Server Error\n\n{sentence} {report.id}.\n".encode()


def _page_policy(nonce: str) -> bytes:
    """Nothing but the page's own style and script, which may ask its own origin whether the error is gone."""
    parts = (
        "default-src 'none'",
        f"style-src 'nonce-{nonce}'",
        f"script-src 'nonce-{nonce}'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return "; ".join(parts).encode()


def _headers(report: Report, content_type: bytes, policy: bytes, length: int) -> Headers:
    return [
        (b"Content-Type", content_type),
        (b"Content-Length", b"%d" % length),
        (b"X-Error-Id", report.id.encode("ascii", "replace")),
        (b"Cache-Control", b"no-store"),
        (b"Vary", b"Accept"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Content-Security-Policy", policy),
        (b"Referrer-Policy", b"no-referrer"),
        (b"X-Frame-Options", b"DENY"),
        (b"Cross-Origin-Resource-Policy", b"same-origin"),
    ]
