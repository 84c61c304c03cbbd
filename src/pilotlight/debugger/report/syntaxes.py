"""Where a SyntaxError points, whatever lies in its attributes. Must never run user code."""

from __future__ import annotations

from pilotlight.debugger.introspection.exceptions import field
from pilotlight.debugger.introspection.marking import syntax_place
from pilotlight.debugger.introspection.source import MAX_FILE_BYTES, SourceReader, split_source
from pilotlight.debugger.model import SyntaxPlace

_PIECE_BYTES = 999


def place_of(error: BaseException, reader: SourceReader) -> SyntaxPlace | None:
    """The place in the file, with the source around it; None if the error has no line."""
    file, line = field(SyntaxError, "filename", error), field(SyntaxError, "lineno", error)
    if not isinstance(line, int):
        return None
    file = file if isinstance(file, str) else "<string>"
    excerpt = reader.excerpt(file, line)
    all_lines = reader.lines(file)
    there = "" if isinstance(all_lines, str) or not 0 < line <= len(all_lines) else all_lines[line - 1]
    text = field(SyntaxError, "text", error)
    text = split_source(text[:MAX_FILE_BYTES])[0] if isinstance(text, str) else there
    column = field(SyntaxError, "offset", error)
    end_line, end_column = field(SyntaxError, "end_lineno", error), field(SyntaxError, "end_offset", error)
    if _is_rest(text, there):
        is_right = isinstance(column, int) and column <= len(text) and there.isascii()
        text, column = there, column if is_right else None
    if not isinstance(column, int) or column < 1:
        return syntax_place(file, line, text, None, excerpt)
    column = min(column - 1, len(text))
    if isinstance(end_line, int) and end_line > line:
        end_column = len(text)
    elif isinstance(end_column, int) and end_column - 1 > column:
        end_column = min(end_column - 1, len(text) + 1)
    else:
        end_column = column + 1
    return syntax_place(file, line, text, (column, end_column), excerpt)


def _is_rest(text: str, line: str) -> bool:
    """Whether the interpreter has kept only the end of a long line of a file (it reads one in pieces),
    so that a column behind the length of the rest is lost."""
    if not text or len(text) >= len(line) or not line.endswith(text):
        return False
    return len(line[: -len(text)].encode("utf-8", "replace")) % _PIECE_BYTES == 0
