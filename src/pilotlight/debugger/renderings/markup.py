"""Text of the app as HTML, and the few phrases that all parts of the page share. Pure.

Everything that comes from an app is written through `escaped`: it shows control characters and leaves no
markup alive, between tags and in double quotes.
"""

from __future__ import annotations

import re

from .text import visible

_SPECIAL = re.compile(
    "[&<>\"'\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def escaped(text: str) -> str:
    """Text of the app, harmless between tags and in double quotes."""
    if _SPECIAL.search(text) is None:  # most pieces of a page are; one look is cheaper than six replacements
        return text
    return (
        visible(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


def counted(number: int, noun: str) -> str:
    """`1 frame`, `1,200 frames`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def note(sentence: str) -> str:
    """A quiet paragraph."""
    return f"<p class=quiet>{escaped(sentence)}</p>\n"


def duration(seconds: float) -> str:
    """Seconds as a reader wants them: `0.4 ms`, `12 ms`, `1.25 s`."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 0.01:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds * 1000:.1f} ms"
