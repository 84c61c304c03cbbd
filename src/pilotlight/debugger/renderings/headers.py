"""The headers of every answer that shows, or hides, an error. Must never depend on anything that can fail."""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]

NO_CONTENT_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""For what is no page."""
TEXT = b"text/plain; charset=utf-8"


def error_headers(error_id: str, content_type: bytes, policy: bytes, length: int) -> Headers:
    """Nothing of the answer is kept, framed, or read by another origin.

    Args:
        policy: a Content-Security-Policy.
        length: of the body, in bytes.
    """
    return [
        (b"Content-Type", content_type),
        (b"Content-Length", b"%d" % length),
        (b"X-Error-Id", error_id.encode("ascii", "replace")),
        (b"Cache-Control", b"no-store"),
        (b"Vary", b"Accept"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Content-Security-Policy", policy),
        (b"Referrer-Policy", b"no-referrer"),
        (b"X-Frame-Options", b"DENY"),
        (b"Cross-Origin-Resource-Policy", b"same-origin"),
    ]
