"""Which form a client gets for its `Accept` header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.renderings.negotiate import choose

CHROMIUM = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
SAFARI = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

TABLE = [
    (CHROMIUM, "html"),
    (SAFARI, "html"),
    (b"*/*", "text"),  # curl, and fetch() in a page
    (b"*", "text"),
    (None, "text"),
    (b"", "text"),
    (b"text/plain", "text"),
    (b"text/*", "text"),
    (b"text/html", "html"),
    (b"TEXT/HTML; charset=utf-8", "html"),
    (b"application/json", "json"),
    (b"application/problem+json", "json"),
    (b"application/*", "json"),
    (b"application/json, text/plain, */*", "json"),  # axios
    (b"application/json, */*;q=0.5", "json"),  # HTTPie
    (b"text/html;q=0.5, application/json", "json"),
    (b"text/html, application/json;q=0.9", "html"),
    (b"text/html;q=0, */*", "text"),
    (b"text/html;level=1;q=0.3, text/plain;q=0.2", "html"),
    (b"text/plain;q=0, text/html;q=0, application/json;q=0", "text"),
    (b"image/png", "text"),
    (b"application/vnd.api+json", "json"),
    (b"application/vnd.api+json, text/html;q=0.9", "json"),
    (b"application/vnd.api+json;q=0.5, text/html", "html"),
    (b"application/vnd.github+json;q=0, text/html;q=0.1", "html"),
    (b"application/vnd.github+json, application/json;q=0", "json"),
    (b"application/ld+json, */*;q=0.1", "json"),
    (b"Application/HAL+JSON; profile=x", "json"),
    (b"application/vnd.a+json;q=0, application/ld+json;q=0.8, text/html;q=0.7", "json"),
    (b"image/svg+xml", "text"),
    (b"application/jsonp", "text"),
    (b"+json", "text"),
    (b"application/xhtml+xml", "html"),
    (b"application/xhtml+xml, application/json;q=0.9", "html"),
    (b"application/xhtml+xml;q=0.5, application/json", "json"),
    (b"text/html;q=0, application/xhtml+xml", "html"),
    (b"text/html;q=nan", "text"),
    (b"text/html;q=2, application/json", "json"),
    (b"text/html;q=-1, application/json;q=0.1", "json"),
    (b";;;,,, ,text/html", "html"),
    (b"\xff\xfe/\x00", "text"),
]


@pytest.mark.parametrize(("accept", "form"), TABLE)
def test_choose(accept: bytes | None, form: str) -> None:
    assert choose(accept) == form


@given(st.binary(max_size=300))
def test_any_header_has_an_answer(accept: bytes) -> None:
    assert choose(accept) in ("html", "text", "json")
