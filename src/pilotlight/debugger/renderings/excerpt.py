"""A few lines of source as HTML: numbered, tinted, the failing part marked. Pure."""

from __future__ import annotations

import re

from pilotlight.debugger.model import Frame, Span, SyntaxPlace

from .highlight import Language, Token, highlight
from .markup import escaped, note

_DEFINITION = re.compile(r"[ \t]*(?:async[ \t]+)?(?:def|class)\b")
_BETWEEN = re.compile(r"[ \t]*(?:[#@].*)?\Z")
"""What may stand between two definitions: blank lines, comments and decorators."""


def frame_code(frame: Frame) -> str:
    """The source of a frame, and the note on it."""
    remark = note(frame.source_note) if frame.source_note else ""
    if not frame.lines:
        return remark
    last = frame.end_line if frame.end_line is not None else frame.line
    lines, first = frame.lines, frame.first_line
    if frame.line is not None and frame.language == "python":
        lines, first = own_lines(lines, first, frame.line, last or frame.line)
    return _excerpt(lines, first, (frame.line, last), frame.span, frame.language) + remark


def own_lines(lines: tuple[str, ...], first: int, line: int, last: int) -> tuple[tuple[str, ...], int]:
    """The lines without those of the definitions before and after the one that is marked, and the number of
    the first that is left.

    Args:
        lines: the excerpt.
        first: the number of its first line.
        line: where the marked code begins.
        last: where it ends.
    """
    at, behind = line - first, max(last, line) - first + 1
    if not 0 <= at < len(lines) or behind > len(lines):
        return lines, first
    start = next((each for each in range(at - 1, -1, -1) if _holds(lines[each : at + 1])), None)
    depth = _indent(lines[at]) if start is None else _indent(lines[start]) + 1
    end = next((each for each in range(behind, len(lines)) if _defines_above(lines[each], depth)), None)
    while start and lines[start - 1].strip() and _BETWEEN.match(lines[start - 1]):
        start -= 1
    while end and end > behind and _BETWEEN.match(lines[end - 1]):
        end -= 1
    return lines[start:end], first + (start or 0)


def _defines_above(line: str, depth: int) -> bool:
    return _DEFINITION.match(line) is not None and _indent(line) < depth


def _holds(lines: tuple[str, ...]) -> bool:
    """Whether the first line defines the function or class that the last one is in."""
    depth = _indent(lines[0])
    return _DEFINITION.match(lines[0]) is not None and all(
        _indent(line) > depth for line in lines[1:] if line.strip()
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def syntax_code(place: SyntaxPlace) -> str:
    """The source around the place of a syntax error."""
    span = None
    if place.column is not None and place.end_column is not None:
        span = Span(place.line, place.column, place.line, place.end_column)
    lines, first = place.lines, place.first_line
    if not lines:
        lines, first = (place.text,), place.line
    return _excerpt(lines, first, (place.line, place.line), span, "python")


def _excerpt(
    lines: tuple[str, ...],
    first: int,
    marked: tuple[int | None, int | None],
    span: Span | None,
    language: Language,
) -> str:
    """A list whose numbers are the lines': they are no text, so that copying takes the code alone."""
    indent = _common_indent(lines)
    line, last = marked
    rows = []
    for number, (text, tokens) in enumerate(zip(lines, highlight(lines, language), strict=True), first):
        here = line is not None and last is not None and line <= number <= max(last, line)
        rows.append(f"<li{' class=here' if here else ''}>{_marked(text, number, span, indent, tokens)}\n")
    return f"<ol class=code tabindex=0 start={first}>{''.join(rows)}</ol>"


def _common_indent(lines: tuple[str, ...]) -> int:
    """How many leading blanks all lines share, so that deep code starts at the left."""
    indents = [line[: len(line) - len(line.lstrip(" \t"))] for line in lines if line.strip()]
    if not indents:
        return 0
    shortest = min(indents, key=len)
    return len(shortest) if all(indent.startswith(shortest) for indent in indents) else 0


def _marked(text: str, number: int, span: Span | None, indent: int, tokens: list[Token]) -> str:
    """One line of code: tinted, its failing part marked, without the indent that all lines share."""
    if span is None or not span.line <= number <= span.end_line:
        return _tinted(text, indent, len(text), tokens)
    start = span.column if number == span.line else len(text) - len(text.lstrip())
    end = span.end_column if number == span.end_line else len(text.rstrip())
    start = min(max(start, indent), len(text))
    end = min(max(end, start), len(text))
    inside = _tinted(text, start, end, tokens) or " "  # a place behind the end of the line is seen, too
    before, after = _tinted(text, indent, start, tokens), _tinted(text, end, len(text), tokens)
    return f"{before}<mark>{inside}</mark>{after}"


def _tinted(text: str, start: int, end: int, tokens: list[Token]) -> str:
    parts = []
    for first, last, kind in tokens:
        first, last = max(first, start), min(last, end)
        if first < last:
            parts.append(f"{escaped(text[start:first])}<i class={kind}>{escaped(text[first:last])}</i>")
            start = last
    return "".join(parts) + escaped(text[start:end])
