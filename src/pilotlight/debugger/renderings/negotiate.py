"""Which form of an error a client can read best: a pure choice from its `Accept` header (RFC 9110 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

Form = Literal["html", "text", "json"]

_MAX_RANGES = 64

# In the order of preference at equal quality: a client that names no type (curl) gets text.
_OFFERS: tuple[tuple[Form, tuple[str, ...]], ...] = (
    ("text", ("text/plain",)),
    ("html", ("text/html",)),
    ("json", ("application/json", "application/problem+json")),
)


def choose(accept: bytes | None) -> Form:
    """The form for an `Accept` header; text when there is none or nothing of ours is accepted.

    A type that is named beats one that only a wildcard covers, if their qualities are equal: so does a
    browser, which names `text/html`, get HTML, and `application/json, text/plain, */*` gets JSON, because it
    is named first.
    """
    ranges = _ranges(accept or b"")
    best: Form = "text"
    best_rank = (0.0, 0, 0)
    for form, types in _OFFERS:
        for offered in (*types, *_as_good(form, ranges)):
            quality, precision, position = _match(offered, ranges)
            rank = (quality, precision, -position)
            if quality > 0 and rank > best_rank:
                best, best_rank = form, rank
    return best


def _as_good(form: Form, ranges: list[tuple[str, float]]) -> Iterator[str]:
    """Types that we do not send, but whoever names them reads ours: XHTML, and all that is JSON by its suffix
    (RFC 6839 3.1)."""
    for media, _ in ranges:
        if (form == "html" and media == "application/xhtml+xml") or (
            form == "json" and media.endswith("+json")
        ):
            yield media


def _ranges(accept: bytes) -> list[tuple[str, float]]:
    """Media ranges with their qualities; malformed ones are left out."""
    found = []
    for part in accept.decode("latin-1").split(",")[:_MAX_RANGES]:
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media == "*":  # some old clients mean */*
            media = "*/*"
        if media.count("/") != 1:
            continue
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                quality = _quality(value.strip())
                break
        found.append((media, quality))
    return found


def _quality(value: str) -> float:
    """A quality value; anything that is none counts as not acceptable."""
    digits = value.replace(".", "", 1)
    if not digits.isascii() or not digits.isdigit() or len(value) > 5:
        return 0.0
    quality = float(value)
    return quality if quality <= 1 else 0.0


def _match(offered: str, ranges: list[tuple[str, float]]) -> tuple[float, int, int]:
    """Quality, precision (2 exact, 1 wildcard subtype, 0 any) and place of the most precise range."""
    best = (0.0, -1, 0)
    family = offered.partition("/")[0] + "/*"
    for position, (media, quality) in enumerate(ranges):
        precision = 2 if media == offered else 1 if media == family else 0 if media == "*/*" else -1
        if precision > best[1]:
            best = (quality, precision, position)
    return best
