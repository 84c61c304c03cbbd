"""How much of a report the page shows, so that it stays small: far library frames lose their detail first.

Pure. Must never drop a frame, a message or anything of the first screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pilotlight.debugger.model import Frame, Report, Span, Trace, Value, Variable

_FULL_OWN_FRAMES = 10
_NEAR_LIBRARY_FRAMES = 3
_NAMES_OF_LIBRARIES = 6

# Bytes of HTML, measured over real pages: what surrounds each part, and what escaping and tints add.
_PER_FRAME, _PER_LINE, _PER_VALUE, _TINT = 420, 24, 70, 1.75


def fitted(report: Report, limit: int) -> Report:
    """The report with as much detail as a page of about `limit` bytes has room for."""
    focus = report.focus()
    for reduce in (_without_far_detail, _without_near_detail, _bare):
        report = _map(report, reduce, focus)
        if weight(report) <= limit:
            break
    return report


def weight(report: Report) -> int:
    """About how many bytes the frames, the timeline and the tables take as HTML."""
    size = sum(_trace_weight(trace) for trace in report.chain)
    size += sum(_frame_weight(frame) for stack in report.threads for frame in stack.frames)
    size += sum(130 + len(moment.text) + len(moment.source) for moment in report.timeline)
    sections = report.environment + (report.request.sections if report.request is not None else ())
    size += sum(30 + len(pair.name) + len(pair.value) for section in sections for pair in section.pairs)
    return size


def _trace_weight(trace: Trace) -> int:
    own = len(trace.message) + sum(len(note) for note in trace.notes) + 200
    frames = sum(_frame_weight(frame) for frame in trace.frames)
    return own + frames + sum(_trace_weight(each) for member in trace.group for each in member)


def _frame_weight(frame: Frame) -> int:
    lines = sum(_PER_LINE + len(line) * _TINT for line in frame.lines)
    return int(_PER_FRAME + lines) + sum(_value_weight(each.value) for each in frame.variables)


def _value_weight(value: Value) -> int:
    size = _PER_VALUE + len(value.text) + len(value.type)
    for item in value.items:  # a loop, since this is most of what a page is weighed for
        size += len(item.key) + _value_weight(item.value)
    return size


_Reduction = Callable[[tuple[Frame, ...], "Frame | None"], tuple[Frame, ...]]


def _map(report: Report, reduce: _Reduction, focus: Frame | None) -> Report:
    def change(trace: Trace) -> Trace:
        group = tuple(tuple(change(each) for each in member) for member in trace.group)
        return replace(trace, frames=reduce(trace.frames, focus), group=group)

    threads = tuple(replace(stack, frames=reduce(stack.frames, focus)) for stack in report.threads)
    return replace(report, chain=tuple(change(trace) for trace in report.chain), threads=threads)


def _without_far_detail(frames: tuple[Frame, ...], focus: Frame | None) -> tuple[Frame, ...]:
    """Library frames keep their variables where they meet the user's code and at the end of the stack."""
    kept = []
    for index, frame in enumerate(frames):
        if frame.own:
            kept.append(frame)
            continue
        neighbours = frames[max(index - 1, 0) : index + 2]
        near = len(frames) - index <= _NEAR_LIBRARY_FRAMES or any(each.own for each in neighbours)
        around = 2 if near else 1
        kept.append(_smaller(frame, around, frame.variables[:_NAMES_OF_LIBRARIES] if near else ()))
    return tuple(kept)


def _without_near_detail(frames: tuple[Frame, ...], focus: Frame | None) -> tuple[Frame, ...]:
    kept = []
    own_left = sum(frame.own for frame in frames)
    for frame in frames:
        if not frame.own:
            kept.append(_smaller(frame, 0, ()))
            continue
        used = tuple(each for each in frame.variables if each.role == "used")[:4]
        is_full = frame is focus or own_left <= _FULL_OWN_FRAMES
        kept.append(frame if is_full else _smaller(frame, 2, used))
        own_left -= 1
    return tuple(kept)


def _bare(frames: tuple[Frame, ...], focus: Frame | None) -> tuple[Frame, ...]:
    kept = []
    own_left = sum(frame.own for frame in frames)
    for frame in frames:
        around = 1 if frame.own and own_left <= _FULL_OWN_FRAMES else 0
        kept.append(frame if frame is focus else _smaller(frame, around, ()))
        own_left -= frame.own
    return tuple(kept)


def _smaller(frame: Frame, around: int, variables: tuple[Variable, ...]) -> Frame:
    """The frame with `around` lines on each side of its marked ones, and with these variables."""
    omitted = frame.variables_omitted + len(frame.variables) - len(variables) if variables else 0
    if frame.line is None or not frame.lines:
        return replace(frame, variables=variables, variables_omitted=omitted)
    first = max(frame.first_line, frame.line - around)
    last = max(frame.end_line or frame.line, frame.line) + around
    lines = frame.lines[first - frame.first_line : max(last - frame.first_line + 1, 0)]
    return replace(
        frame,
        lines=lines,
        first_line=first,
        span=_within(frame.span, first, first + len(lines)),
        variables=variables,
        variables_omitted=omitted,
    )


def _within(span: Span | None, first: int, end: int) -> Span | None:
    return span if span is not None and first <= span.line < end else None
