"""Where a SyntaxError points, whatever lies in its attributes. Must never run user code."""

from __future__ import annotations

from pilotlight.debugger.introspection.exceptions import field
from pilotlight.debugger.introspection.source import SourceReader, split_source
from pilotlight.debugger.model import SyntaxPlace


def place_of(error: BaseException, reader: SourceReader) -> SyntaxPlace | None:
    """The place in the file, with the source around it; None if the error has no line."""
    file, line = field(SyntaxError, "filename", error), field(SyntaxError, "lineno", error)
    if not isinstance(line, int):
        return None
    file = file if isinstance(file, str) else "<string>"
    excerpt = reader.excerpt(file, line)
    text = field(SyntaxError, "text", error)
    if not isinstance(text, str):
        all_lines = reader.lines(file)
        text = "" if isinstance(all_lines, str) or not 0 < line <= len(all_lines) else all_lines[line - 1]
    text = split_source(text[:2_000])[0]
    column = field(SyntaxError, "offset", error)
    end_line, end_column = field(SyntaxError, "end_lineno", error), field(SyntaxError, "end_offset", error)
    if not isinstance(column, int) or column < 1:
        column = end_column = None
    else:
        column = min(column - 1, len(text))
        if isinstance(end_line, int) and end_line > line:
            end_column = len(text)
        elif isinstance(end_column, int) and end_column - 1 > column:
            end_column = min(end_column - 1, len(text) + 1)
        else:
            end_column = column + 1
    return SyntaxPlace(file, line, text, column, end_column, excerpt.lines, excerpt.first_line)
