"""The calls that a traceback recorded: which of them are shown, and the exact place in each.

Must never run user code, and never keep a frame alive for longer than the report is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

from pilotlight.debugger.model import Span

from . import source
from .source import Excerpt


class Step(NamedTuple):
    """What is needed of one entry of a traceback."""

    frame: FrameType
    line: int | None
    instruction: int

    @property
    def code(self) -> CodeType:
        """What ran."""
        return self.frame.f_code

    @property
    def module(self) -> str:
        """The name of the module, if it has one."""
        name = dict.get(self.frame.f_globals, "__name__")
        return name if type(name) is str else ""

    def key(self) -> tuple[int, int]:
        """Equal for the same place in the same code."""
        return id(self.frame.f_code), self.instruction

    def is_same_call(self, other: Step) -> bool:
        """Whether both stand in one call of a function, at the same place."""
        return self.frame is other.frame and self.instruction == other.instruction


class Position(NamedTuple):
    """Lines from 1, columns in UTF-8 bytes from 0; None where the interpreter recorded none (PEP 657)."""

    line: int | None
    end_line: int | None
    column: int | None = None
    end_column: int | None = None


def steps(traceback: TracebackType | None) -> Iterator[Step]:
    """The entries of a traceback, oldest call first."""
    while traceback is not None:
        yield Step(traceback.tb_frame, traceback.tb_lineno, traceback.tb_lasti)
        traceback = traceback.tb_next


def trimmed(found: list[Step], may_be_empty: bool) -> list[Step]:
    """Without this server's own calls, and what it called of the standard library to get to the user's code.

    The import system is left out wherever it is, as the interpreter itself does. When nothing would be left,
    all is kept, unless the error speaks of a file or module by itself.
    """
    start = 0
    for index, step in enumerate(found):
        file = step.code.co_filename
        if source.is_pilotlight(file) or source.is_import_system(file):
            start = index + 1
        elif not source.is_standard_library(file):
            break
    kept = [step for step in found[start:] if not _is_between(step.code.co_filename)]
    return kept if kept or may_be_empty else found


def _is_between(file: str) -> bool:
    return source.is_pilotlight(file) or file.startswith("<frozen importlib")


def unshared(found: list[Step], around: list[Step]) -> list[Step]:
    """Without the outermost calls that the exception around this one went through too; never empty."""
    # A raise of a caught exception adds the call it is in once more, so that theirs may begin earlier.
    start = next((at for at, step in enumerate(around) if found and step.is_same_call(found[0])), len(around))
    shared = 0
    for mine, theirs in zip(found[:-1], around[start:], strict=False):
        if not mine.is_same_call(theirs):
            break
        shared += 1
    return found[shared:]


def position(step: Step) -> Position:
    """Where in its line a call stands."""
    positions = getattr(step.code, "co_positions", None)
    if positions is None or step.instruction < 0:
        return Position(step.line, step.line)
    found = next(itertools.islice(positions(), step.instruction // 2, None), None)
    if found is None or found[0] != step.line:
        return Position(step.line, step.line)
    return Position(*found)


def span(lines: tuple[str, ...], excerpt: Excerpt, place: Position) -> Span | None:
    """The span in characters of the file; None where it is wrong for the file as it is, or says no more than
    the line."""
    line, end_line, column, end_column = place.line, place.end_line, place.column, place.end_column
    if not line or not end_line or column is None or end_column is None:
        return None
    if not excerpt.lines or excerpt.note or end_line > len(lines) or end_line < line:
        return None
    first, last = lines[line - 1], lines[end_line - 1]
    start, end = source.character_column(first, column), source.character_column(last, end_column)
    if start is None or end is None or _is_blank(first, start, len(first)):
        return None
    if line == end_line and start >= end:
        return None
    if _is_blank(first, 0, start) and _is_blank(last, end, len(last)):
        return None
    return Span(line, start, end_line, end)


def _is_blank(text: str, start: int, end: int) -> bool:
    return start >= end or text[start:end].isspace()
