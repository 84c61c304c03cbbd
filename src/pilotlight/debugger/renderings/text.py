"""A report as plain text: the traceback that Python itself would print, for terminals, curl and copying.

Pure. Must never write a control character that came from an app: escape sequences could rewrite the terminal,
and direction marks could reorder the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pilotlight.debugger.model import Frame, Report, SyntaxPlace, Trace

from .runs import packages, parts

_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"

# C0 without tab and line feed, DEL, C1, direction marks, line and paragraph separators, lone surrogates.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)

_PLACE, _TYPE, _MARK, _DIM = "35", "1;35", "1;31", "2"


def visible(text: str) -> str:
    """The text with every character that could act on a terminal or hide in it written as an escape."""
    return _HIDDEN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def render_text(report: Report, *, color: bool = False, short: bool = False) -> str:
    """The report in the form of `traceback.print_exception`, with a line feed at its end.

    Args:
        report: what happened.
        color: with ANSI colours, for a terminal.
        short: long runs of library frames are one line.
    """
    writer = _Writer(color, short)
    lines = list(writer.chain(report.chain, 0))
    if not report.error.type and not report.error.frames and report.detail:
        lines += ["", *_text_lines(report.detail)]
    for stack in report.threads:
        lines += ["", f"{visible(stack.name)} (most recent call last):"]
        lines += writer.frames(stack.frames)
    return "\n".join(lines) + "\n"


class _Writer:
    """Lines without line feeds; the only state is how they are written."""

    def __init__(self, color: bool, short: bool) -> None:
        self._color = color
        self._short = short

    def _paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color and text else text

    def chain(self, traces: tuple[Trace, ...], depth: int) -> Iterator[str]:
        """An exception after those it came from, as the interpreter orders them."""
        margin = _margin(depth)
        for index in range(len(traces) - 1, -1, -1):
            trace = traces[index]
            yield from self.trace(trace, depth)
            if trace.link:
                sentence = _CAUSE if trace.link == "cause" else _CONTEXT
                for line in ("", sentence, ""):
                    yield margin + line
            if index and traces[index - 1].omitted:
                yield f"{margin}[{traces[index - 1].omitted} exceptions of this chain left out]"
                yield margin

    def trace(self, trace: Trace, depth: int) -> Iterator[str]:
        """One exception with its frames and, if it is a group, its members."""
        if trace.group or trace.group_omitted:
            yield from self._group(trace, depth)
            return
        margin = _margin(depth)
        if trace.frames:
            yield f"{margin}Traceback (most recent call last):"
        for line in (*self._shared(trace), *self.frames(trace.frames), *self._end(trace)):
            yield margin + line

    def _group(self, trace: Trace, depth: int) -> Iterator[str]:
        top = depth == 0
        depth = max(depth, 1)
        margin = _margin(depth)
        if trace.frames:
            first = f"{'  ' * depth}+ " if top else margin
            yield f"{first}Exception Group Traceback (most recent call last):"
        for line in (*self._shared(trace), *self.frames(trace.frames), *self._end(trace)):
            yield margin + line
        inner = _margin(depth + 1)
        for number, member in enumerate(trace.group, 1):
            times = f" ({member[0].count} times)" if member[0].count > 1 else ""
            first = "+-" if number == 1 else "  "
            yield f"{'  ' * depth}{first}+---------------- {number}{times} ----------------"
            yield from self.chain(member, depth + 1)
        if trace.group_omitted:
            yield f"{'  ' * depth}{'  ' if trace.group else '+-'}+---------------- ... ----------------"
            yield f"{inner}and {trace.group_omitted} more exception{'s' if trace.group_omitted > 1 else ''}"
        if not (trace.group and not trace.group_omitted and _ends_with_group(trace.group[-1])):
            yield f"{'  ' * (depth + 1)}+------------------------------------"

    def _shared(self, trace: Trace) -> Iterator[str]:
        if trace.shared and trace.frames:
            calls = (
                "1 call before these is" if trace.shared == 1 else f"{trace.shared} calls before these are"
            )
            where = "below" if trace.link else "above"  # without a link it is a member of the group above
            yield self._paint(f"  [{calls} the same as in the exception {where}]", _DIM)

    def frames(self, frames: tuple[Frame, ...]) -> Iterator[str]:
        """Two or three lines for each frame, or one for all those that are left out."""
        for left_out, part in parts(frames) if self._short else [(False, frames)]:
            if left_out:
                names = visible(packages(part))
                yield self._paint(f"  ... {len(part)} frames of {names} left out", _DIM)
            else:
                yield from self._frames(part)

    def _frames(self, frames: tuple[Frame, ...]) -> Iterator[str]:
        for frame in frames:
            file = self._paint(f'"{visible(frame.file)}"', _PLACE)
            line = self._paint("?" if frame.line is None else str(frame.line), _PLACE)
            yield f"  File {file}, line {line}, in {self._paint(visible(frame.function), _PLACE)}"
            yield from self._code(frame)
            if frame.repeats:
                yield self._paint(f"  {_repeated(frame)}", _DIM)
            if frame.omitted:
                yield self._paint(f"  [{frame.omitted} more frames left out]", _DIM)

    def _code(self, frame: Frame) -> Iterator[str]:
        code = frame.code()
        if code is not None and code.strip():
            yield from self._line(frame, code)
        if frame.source_note and not frame.file.startswith("<"):
            yield self._paint(f"    [{visible(frame.source_note)}]", _DIM)

    def _line(self, frame: Frame, code: str) -> Iterator[str]:
        stripped = code.lstrip()
        yield f"    {visible(stripped.rstrip())}"
        span = frame.span
        if span is not None and span.line == frame.line:
            indent = len(code) - len(stripped)
            end = span.end_column if span.end_line == span.line else len(code.rstrip())
            before = stripped[: max(span.column - indent, 0)]
            marked = stripped[len(before) : max(end - indent, 0)]
            yield f"    {_blank(before)}{self._paint('^' * max(width(visible(marked)), 1), _MARK)}"

    def _end(self, trace: Trace) -> Iterator[str]:
        """The lines below the frames: place of a syntax error, type and message, notes."""
        if trace.syntax is not None:
            yield from self._syntax(trace.syntax)
        head, *rest = _text_lines(trace.headline())
        kind = visible(trace.type)
        if kind and head.startswith(kind):
            head = self._paint(kind, _TYPE) + head[len(kind) :]
        yield head
        yield from rest
        for note in trace.notes:
            yield from _text_lines(note)

    def _syntax(self, place: SyntaxPlace) -> Iterator[str]:
        file = self._paint(f'"{visible(place.file)}"', _PLACE)
        yield f"  File {file}, line {self._paint(str(place.line), _PLACE)}"
        stripped = place.text.lstrip(" \n\f\t")
        if not stripped.strip():
            return
        yield f"    {visible(stripped.rstrip())}"
        if place.column is not None and place.end_column is not None:
            indent = len(place.text) - len(stripped)
            before = stripped[: max(place.column - indent, 0)]
            marked = stripped[len(before) : max(place.end_column - indent, 0)]
            yield f"    {_blank(before)}{self._paint('^' * max(width(visible(marked)), 1), _MARK)}"


def _margin(depth: int) -> str:
    return f"{'  ' * depth}| " if depth else ""


def _ends_with_group(chain: tuple[Trace, ...]) -> bool:
    return bool(chain[0].group or chain[0].group_omitted)


def _repeated(frame: Frame) -> str:
    what = "line" if frame.period == 1 else f"{frame.period} frames"
    return f"[Previous {what} repeated {frame.repeats} more time{'s' if frame.repeats > 1 else ''}]"


def _text_lines(text: str) -> list[str]:
    return visible(text.replace("\r\n", "\n")).split("\n")


def _blank(text: str) -> str:
    """As many columns of nothing; tabs stay tabs, so that what follows stands under its code."""
    if text.isascii() and text.isprintable():
        return " " * len(text)
    return "".join(each if each == "\t" else " " * width(visible(each)) for each in text)


def width(text: str) -> int:
    """The columns that a terminal gives to the text."""
    return len(text) if text.isascii() else sum(_columns(ord(each)) for each in text)


def _columns(number: int) -> int:
    """By ranges, near enough for carets: the full table (`unicodedata`) is not worth its import."""
    if number < 0x300:
        return 1
    if number < 0x370 or 0x200B <= number <= 0x200D or 0xFE00 <= number <= 0xFE0F:
        return 0
    wide = (
        0x1100 <= number <= 0x115F
        or 0x2E80 <= number <= 0x303E
        or 0x3041 <= number <= 0xA4CF
        or 0xAC00 <= number <= 0xD7A3
        or 0xF900 <= number <= 0xFAFF
        or 0xFE30 <= number <= 0xFE6F
        or 0xFF00 <= number <= 0xFF60
        or 0xFFE0 <= number <= 0xFFE6
        or 0x1F300 <= number <= 0x1F64F
        or 0x1F680 <= number <= 0x1FAFF
        or 0x20000 <= number <= 0x3FFFD
    )
    return 2 if wide else 1
