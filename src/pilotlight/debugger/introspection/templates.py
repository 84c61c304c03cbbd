"""Calls that stand for a place in a template: shown as the template's file, line and source.

Knows Jinja2's and Django's. Must never import a template engine, never run a method of one, and never change
the exception or the engine.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilotlight.debugger.model import Span, SyntaxPlace

from . import marking, template_django, template_jinja
from .source import SourceReader, excerpt_of, split_source
from .stack import Step
from .template_place import TemplatePlace


def find(steps: Sequence[Step], error: BaseException) -> dict[int, TemplatePlace]:
    """The template places among some calls, by the index of the call that stands for each."""
    return template_jinja.places(steps) | template_django.places(steps, error)


def syntax_place(
    error: BaseException, steps: Sequence[Step], reader: SourceReader
) -> tuple[str, SyntaxPlace] | None:
    """The message of a template's syntax error and where it points; None if it is none, or has no place."""
    wrong = template_jinja.syntax_error(error) or template_django.syntax_error(error, steps)
    if wrong is None:
        return None
    lines = split_source(wrong.source) if wrong.source is not None else reader.lines(wrong.file)
    if isinstance(lines, str) or not 0 < wrong.line <= len(lines):
        return wrong.message, SyntaxPlace(wrong.file, wrong.line, "")
    text = lines[wrong.line - 1]
    marked = None if wrong.tag is None else _only(text, wrong.tag)
    around = excerpt_of(lines, wrong.line)
    return wrong.message, marking.syntax_place(wrong.file, wrong.line, text, marked, around)


def span_in(text: str, position: tuple[int, int] | None, line: int, lines: tuple[str, ...]) -> Span | None:
    """Where a tag stands, if the engine recorded it and it is less than its line.

    Args:
        text: the whole template.
        position: start and end in it, in characters.
        line: the line that the engine gives.
        lines: those of the whole template.
    """
    if position is None or not 0 < line <= len(lines):
        return None
    start, end = position
    column = start - (text.rfind("\n", 0, max(start, 0)) + 1)
    end_column = column + end - start
    whole = lines[line - 1]
    if not 0 <= column < end_column <= len(whole) or whole[column:end_column] == whole.strip():
        return None
    return Span(line, column, line, end_column)


def _only(text: str, part: str) -> tuple[int, int] | None:
    """Where a part stands in a text, if it stands there once."""
    start = text.find(part)
    if not part or start < 0 or text.find(part, start + 1) >= 0:
        return None
    return start, start + len(part)
