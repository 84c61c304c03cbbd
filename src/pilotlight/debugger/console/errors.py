"""The traceback of what was typed, as text: without our frames, with the typed lines.

Must never put anything into the process's own cache of source lines, and never raise because of an exception
that cannot be shown.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections import OrderedDict

from pilotlight.debugger.model import shorten

MAX_INPUTS = 500
MAX_CHARACTERS = 64 * 1024
_WHOLE_STATEMENTS = sys.version_info >= (3, 13)
_SPAN_FIELDS = ("end_lineno", "colno", "end_colno") if sys.version_info >= (3, 11) else ()
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class TypedLines:
    """The lines of the last inputs, under the file names that their code has."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, list[str]] = OrderedDict()
        self._number = 0

    def add(self, source: str) -> str:
        """A new file name for an input."""
        self._number += 1
        name = f"<console {self._number}>"
        self._lines[name] = source.splitlines()
        while len(self._lines) > MAX_INPUTS:
            self._lines.popitem(last=False)
        return name

    def between(self, name: str, first: int, last: int) -> str | None:
        """Some lines of an input; None if it is none of ours."""
        lines = self._lines.get(name)
        return None if lines is None else "\n".join(lines[first - 1 : last]) + "\n"


def error_text(error: BaseException, typed: TypedLines) -> str:
    """As Python itself would print it, from the first typed line on."""
    try:
        if isinstance(error, SyntaxError):
            _complete(error, typed)
        shown = traceback.TracebackException(
            type(error), error, error.__traceback__, lookup_lines=False, compact=True
        )
        _rewrite(shown, typed, set())
        text = "".join(shown.format())
    except Exception:  # noqa: BLE001 - it ran the exception's own methods
        return f"{type(error).__name__}: its traceback cannot be shown, since showing it failed as well.\n"
    return shorten(text, MAX_CHARACTERS)


def _complete(error: SyntaxError, typed: TypedLines) -> None:
    """Errors that the compiler finds after the parser looks the line up in a file."""
    if error.text is None and error.filename and error.lineno:
        error.text = typed.between(error.filename, error.lineno, error.lineno)


def _rewrite(shown: traceback.TracebackException | None, typed: TypedLines, seen: set[int]) -> None:
    if shown is None or id(shown) in seen:
        return
    seen.add(id(shown))
    shown.stack = _stack(shown.stack, typed)
    _rewrite(shown.__cause__, typed, seen)
    _rewrite(shown.__context__, typed, seen)
    for member in getattr(shown, "exceptions", None) or ():
        _rewrite(member, typed, seen)


def _stack(stack: traceback.StackSummary, typed: TypedLines) -> traceback.StackSummary:
    frames: list[traceback.FrameSummary] = []
    began = False
    for frame in stack:
        text = typed.between(frame.filename, frame.lineno or 0, _last_line(frame))
        if text is not None:
            if not began:
                frames.clear()
                began = True
            frames.append(_with_line(frame, text))
        elif not frame.filename.startswith(_OURS):
            frames.append(frame)
    return traceback.StackSummary.from_list(frames)


def _last_line(frame: traceback.FrameSummary) -> int:
    # Before 3.13 only the first line of a statement is shown.
    return getattr(frame, "end_lineno", None) or frame.lineno or 0 if _WHOLE_STATEMENTS else frame.lineno or 0


def _with_line(frame: traceback.FrameSummary, text: str) -> traceback.FrameSummary:
    spans = {name: getattr(frame, name) for name in _SPAN_FIELDS}
    line = text if _WHOLE_STATEMENTS else text.rstrip("\n")
    return traceback.FrameSummary(
        frame.filename, frame.lineno or 0, frame.name, lookup_line=False, line=line, **spans
    )
