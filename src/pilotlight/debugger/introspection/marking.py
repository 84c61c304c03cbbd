"""Long lines are cut around what is marked in them, so that the mark can be seen.

Pure. Work is bounded by the length of the lines, and only those that are marked are looked at.
"""

from __future__ import annotations

from typing import NamedTuple

from pilotlight.debugger.model import Span, SyntaxPlace

from .source import MAX_LINE_CHARACTERS, Excerpt, clip

_CONTEXT = 60
"""How many characters are shown before a part that is too long to be shown whole."""
_MAX_INDENT = 80
_MAX_TEXT_CHARACTERS = 2_000


class Cut(NamedTuple):
    """A line as it is shown."""

    text: str
    left_out: int = 0
    """What to take from a column of the line for that in `text`."""
    end: int = 0
    """The column in `text` where the line ends, or its "…" begins."""


def around(line: str, start: int, end: int, *, from_end: bool = False) -> Cut:
    """Of a long line about `MAX_LINE_CHARACTERS` with a part of it; the indent is kept, and "…" stands at
    each cut end.

    Args:
        line: the whole line.
        start: where the part begins.
        end: where it ends.
        from_end: of a part that is too long its end is shown, not its beginning.
    """
    if len(line) <= MAX_LINE_CHARACTERS or end <= MAX_LINE_CHARACTERS:
        return Cut(clip(line), 0, min(len(line), MAX_LINE_CHARACTERS))
    room = MAX_LINE_CHARACTERS - (end - start)
    if room >= 2 * _CONTEXT:
        first = start - room // 2
    else:
        first = end + _CONTEXT - MAX_LINE_CHARACTERS if from_end else start - _CONTEXT
    first = max(min(first, len(line) - MAX_LINE_CHARACTERS), 0)
    last = first + MAX_LINE_CHARACTERS
    dots = "…" if last < len(line) else ""
    head = line[:_MAX_INDENT]
    indent = len(head) - len(head.lstrip(" \t"))
    if first <= indent:
        return Cut(line[:last] + dots, 0, last)
    left_out = first - indent - 1
    return Cut(f"{line[:indent]}…{line[first:last]}{dots}", left_out, last - left_out)


def with_span(excerpt: Excerpt, lines: tuple[str, ...], span: Span) -> tuple[Excerpt, Span]:
    """The excerpt with the lines of the span cut around it, and the span in the lines as they are shown.

    Args:
        excerpt: shows the first line of the span.
        lines: the whole file.
        span: in the columns of the file.
    """
    shown = list(excerpt.lines)
    last_shown = excerpt.first_line + len(shown) - 1
    end_line, end = span.end_line, span.end_column
    if end_line > last_shown:
        end_line, end = last_shown, len(lines[last_shown - 1])
    text = lines[span.line - 1]
    first = last = around(text, span.column, end if end_line == span.line else len(text))
    shown[span.line - excerpt.first_line] = first.text
    if end_line > span.line:
        text = lines[end_line - 1]
        last = around(text, min(len(text) - len(text.lstrip()), end), end, from_end=True)
        shown[end_line - excerpt.first_line] = last.text
    end_column = min(end - last.left_out, last.end)
    moved = Span(
        span.line, span.column - first.left_out, end_line, end_column, first.left_out, end - end_column
    )
    return excerpt._replace(lines=tuple(shown)), moved


def syntax_place(
    file: str, line: int, text: str, columns: tuple[int, int] | None, excerpt: Excerpt
) -> SyntaxPlace:
    """Where a syntax error points, its line cut around the place.

    Args:
        file: as the error names it.
        line: from 1.
        text: the whole line, as the compiler has read it.
        columns: where the place begins and ends in it; None where that is not known.
        excerpt: the lines around it as the file is now.
    """
    lines, first = excerpt.lines, excerpt.first_line
    if columns is None:
        return SyntaxPlace(file, line, text[:_MAX_TEXT_CHARACTERS], None, None, lines, first)
    column, end_column = columns
    if len(text) <= MAX_LINE_CHARACTERS or end_column <= MAX_LINE_CHARACTERS:
        return SyntaxPlace(file, line, text[:_MAX_TEXT_CHARACTERS], column, end_column, lines, first)
    cut = around(text, column, end_column)
    if first <= line < first + len(lines):
        at = line - first
        lines = (*lines[:at], cut.text, *lines[at + 1 :])
    column, end_column = column - cut.left_out, min(end_column - cut.left_out, cut.end + 1)
    return SyntaxPlace(file, line, cut.text, column, end_column, lines, first, cut.left_out)
