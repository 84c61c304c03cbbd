"""An exception becomes a `Report`.

Must never run user code (no `repr`, no attribute of the user's classes) but for one protected
`str(exception)`, never keep a frame or an exception alive, and never raise because of what an exception
holds.
"""

from __future__ import annotations

import builtins
import itertools
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import CodeType, TracebackType
from typing import Any

from . import source
from .folding import Folded, fold
from .model import Frame, Kind, Link, Report, Span, SyntaxPlace, Trace, shorten
from .source import Excerpt, SourceReader
from .suggest import suggestion

__all__ = ["Report", "from_exception", "new_id", "safe_str", "type_name"]

MAX_MESSAGE_CHARACTERS = 10_000
MAX_NOTES = 30
MAX_CHAIN = 15
MAX_GROUP_WIDTH = 15
MAX_GROUP_DEPTH = 6
MAX_TRACES = 60

# Read through the base classes, so that no property or `__getattribute__` of a user's class runs. For that
# reason types are told by `issubclass(type(x), ...)`: `isinstance` may ask the object for its `__class__`.
_TRACEBACK = BaseException.__dict__["__traceback__"]
_CAUSE = BaseException.__dict__["__cause__"]
_CONTEXT = BaseException.__dict__["__context__"]
_SUPPRESS = BaseException.__dict__["__suppress_context__"]
_OWN_ATTRIBUTES = BaseException.__dict__["__dict__"]
_GROUP: type | None = getattr(builtins, "BaseExceptionGroup", None)  # 3.11 on


def from_exception(error: BaseException, *, kind: Kind = "request", trim: bool = True) -> Report:
    """The report of an exception.

    Args:
        error: with its traceback, as caught.
        kind: where it came from.
        trim: leave out the frames of this server and of the import system that lead to the user's code.
    """
    return Report(
        id=new_id(),
        kind=kind,
        time=time.time(),
        python=source.python_version(),
        directory=source.working_directory(),
        chain=_Capture(trim).chain(error, 0),
    )


def new_id() -> str:
    """An error id: short enough to read out, too many to guess."""
    return os.urandom(6).hex()


class _Capture:
    """One run over an exception and all that hangs on it."""

    def __init__(self, trim: bool) -> None:
        self._trim = trim
        self._reader = SourceReader()
        self._seen: set[int] = set()
        self._left = MAX_TRACES

    def chain(self, error: BaseException, depth: int) -> tuple[Trace, ...]:
        errors = _linked(error, self._seen)
        omitted = 0
        if len(errors) > MAX_CHAIN:
            omitted = len(errors) - MAX_CHAIN
            del errors[MAX_CHAIN - 3 : -3]
        traces = [self._trace(each, link, depth) for each, link in errors]
        if omitted:
            traces[-4] = replace(traces[-4], omitted=omitted)
        return tuple(traces)

    def _trace(self, error: BaseException, link: Link, depth: int) -> Trace:
        self._left -= 1
        kind = type(error)
        traceback = _TRACEBACK.__get__(error)
        place = self._syntax(error) if issubclass(kind, SyntaxError) else None
        message = _field(SyntaxError, "msg", error) if place else safe_str(error)
        group, group_omitted = self._members(error, depth)
        return Trace(
            type=type_name(kind),
            message=message if isinstance(message, str) else "<no detail available>",
            frames=self._frames(traceback, issubclass(kind, (SyntaxError, ImportError))),
            notes=_notes(error),
            suggestion=suggestion(error, traceback),
            syntax=place,
            link=link,
            group=group,
            group_omitted=group_omitted,
        )

    def _members(self, error: BaseException, depth: int) -> tuple[tuple[tuple[Trace, ...], ...], int]:
        members = _group_members(error)
        shown = members[:MAX_GROUP_WIDTH] if depth < MAX_GROUP_DEPTH else ()
        traces = []
        for member in shown:
            if self._left <= 0:
                break
            traces.append(self.chain(member, depth + 1))
        return tuple(traces), len(members) - len(traces)

    def _frames(self, traceback: TracebackType | None, may_be_empty: bool) -> tuple[Frame, ...]:
        steps = list(_steps(traceback))
        if self._trim:
            steps = _trimmed(steps, may_be_empty)
        folded = fold([(id(step.code), step.instruction) for step in steps])
        return tuple(self._frame(steps[each.index], each) for each in folded)

    def _frame(self, step: _Step, folded: Folded) -> Frame:
        code = step.code
        file = code.co_filename
        line, end_line, column, end_column = _position(step)
        excerpt = self._reader.excerpt(file, line, end_line)
        lines = self._reader.lines(file)
        span = None
        if line and end_line and column is not None and end_column is not None and not isinstance(lines, str):
            span = _span(lines, excerpt, line, end_line, column, end_column)
        return Frame(
            file=file,
            line=line,
            end_line=end_line,
            function=code.co_name,
            qualname=getattr(code, "co_qualname", code.co_name),
            module=step.module,
            own=source.is_own(file),
            lines=excerpt.lines,
            first_line=excerpt.first_line,
            span=span,
            source_note=excerpt.note,
            repeats=folded.repeats,
            period=folded.period,
            omitted=folded.omitted,
        )

    def _syntax(self, error: BaseException) -> SyntaxPlace | None:
        file, line = _field(SyntaxError, "filename", error), _field(SyntaxError, "lineno", error)
        if not isinstance(line, int):
            return None
        file = file if isinstance(file, str) else "<string>"
        excerpt = self._reader.excerpt(file, line)
        text = _field(SyntaxError, "text", error)
        if not isinstance(text, str):
            all_lines = self._reader.lines(file)
            text = "" if isinstance(all_lines, str) or not 0 < line <= len(all_lines) else all_lines[line - 1]
        text = source.split_source(text[:2_000])[0]
        column = _field(SyntaxError, "offset", error)
        end_line, end_column = (
            _field(SyntaxError, "end_lineno", error),
            _field(SyntaxError, "end_offset", error),
        )
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


@dataclass(frozen=True, slots=True)
class _Step:
    """What is needed of one entry of a traceback."""

    code: CodeType
    line: int | None
    instruction: int
    module: str


def _steps(traceback: TracebackType | None) -> Iterable[_Step]:
    while traceback is not None:
        frame = traceback.tb_frame
        module = dict.get(frame.f_globals, "__name__")
        yield _Step(
            frame.f_code, traceback.tb_lineno, traceback.tb_lasti, module if type(module) is str else ""
        )
        traceback = traceback.tb_next


def _trimmed(steps: list[_Step], may_be_empty: bool) -> list[_Step]:
    """Without what led to the user's code: this server, and what it called of the standard library to get
    there.

    The import system is left out wherever it is, as the interpreter itself does. When nothing would be left,
    all is kept, unless the error speaks of a file or module by itself.
    """
    start = 0
    for index, step in enumerate(steps):
        file = step.code.co_filename
        if source.is_pilotlight(file) or source.is_import_system(file):
            start = index + 1
        elif not source.is_standard_library(file):
            break
    kept = [step for step in steps[start:] if not step.code.co_filename.startswith("<frozen importlib")]
    return kept if kept or may_be_empty else steps


def _position(step: _Step) -> tuple[int | None, int | None, int | None, int | None]:
    """Line, end line, start and end column in bytes; None where the interpreter recorded none (PEP 657)."""
    positions = getattr(step.code, "co_positions", None)
    if positions is None or step.instruction < 0:
        return step.line, step.line, None, None
    found = next(itertools.islice(positions(), step.instruction // 2, None), None)
    if found is None or found[0] != step.line:
        return step.line, step.line, None, None
    line, end_line, column, end_column = found
    return line, end_line, column, end_column


def _span(
    lines: tuple[str, ...], excerpt: Excerpt, line: int, end_line: int, column: int, end_column: int
) -> Span | None:
    """The span in characters; None where it is wrong for the file as it is, or says no more than the line."""
    if not excerpt.lines or excerpt.note or end_line > len(lines) or end_line < line:
        return None
    first, last = lines[line - 1], lines[end_line - 1]
    if column > len(first.encode("utf-8", "replace")) or end_column > len(last.encode("utf-8", "replace")):
        return None
    start, end = source.character_column(first, column), source.character_column(last, end_column)
    if line == end_line and (start >= end or first[start:end] == first.strip()):
        return None
    if start >= source.MAX_LINE_CHARACTERS or not first[start:].strip():
        return None
    if line < end_line and not first[:start].strip() and not last[end:].strip():
        return None
    shown_end = excerpt.first_line + len(excerpt.lines) - 1
    if end_line > shown_end:
        end_line, end = shown_end, len(excerpt.lines[-1])
    return Span(line, start, end_line, min(end, source.MAX_LINE_CHARACTERS))


def _linked(error: BaseException, seen: set[int]) -> list[tuple[BaseException, Link]]:
    """The exception and those it came from: the cause, else the context if it is not suppressed."""
    found: list[tuple[BaseException, Link]] = []
    link: Link = ""
    current: BaseException | None = error
    while current is not None:
        seen.add(id(current))
        found.append((current, link))
        cause, context = _CAUSE.__get__(current), _CONTEXT.__get__(current)
        if cause is not None:
            following, link = cause, "cause"
        elif context is not None and not _SUPPRESS.__get__(current):
            following, link = context, "context"
        else:
            break
        current = None if id(following) in seen else following
    return found


def _group_members(error: BaseException) -> tuple[BaseException, ...]:
    if _GROUP is not None and issubclass(type(error), _GROUP):
        members = _GROUP.__dict__["exceptions"].__get__(error)
    elif any(
        type.__dict__["__module__"].__get__(base) == "exceptiongroup" for base in type(error).__mro__
    ):  # the backport for 3.10
        members = _attribute(error, "exceptions")
    else:
        return ()
    return (
        tuple(each for each in members if issubclass(type(each), BaseException))
        if isinstance(members, tuple)
        else ()
    )


def _notes(error: BaseException) -> tuple[str, ...]:
    """PEP 678."""
    notes = _attribute(error, "__notes__")
    if not isinstance(notes, (list, tuple)):
        return ()
    return tuple(
        shorten(_plain(note), MAX_MESSAGE_CHARACTERS)
        if issubclass(type(note), str)
        else f"<{type_name(type(note))} object>"
        for note in list(notes)[:MAX_NOTES]
    )


def _attribute(error: BaseException, name: str) -> Any:
    """An attribute of the instance itself: no property, no `__getattr__`."""
    return dict.get(_OWN_ATTRIBUTES.__get__(error), name)


def _field(owner: type, name: str, error: BaseException) -> Any:
    return owner.__dict__[name].__get__(error)


def type_name(kind: type) -> str:
    """The name of an exception's class as a traceback prints it."""
    module = type.__dict__["__module__"].__get__(kind)
    name = type.__dict__["__qualname__"].__get__(kind)
    if not isinstance(module, str):
        return f"<unknown>.{name}"
    return name if module in ("__main__", "builtins") else f"{_plain(module)}.{name}"


def safe_str(error: BaseException) -> str:
    """`str(error)`, whatever the user's `__str__` does, in at most some thousand characters."""
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a broken `__str__` must not hide the error itself
        return "<exception str() failed>"
    return shorten(_plain(text), MAX_MESSAGE_CHARACTERS)


def _plain(text: str) -> str:
    """The same characters without a subclass of `str` around them."""
    return str.__getitem__(text, slice(None))
