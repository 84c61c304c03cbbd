"""How much of a report the page shows, so that it stays small: far library frames lose their detail first.

Pure. Must never drop a frame, a message or anything of the first screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pilotlight.debugger.model import Frame, Report, Span, ThreadStack, Trace, Value, Variable

_NEAR_LIBRARY_FRAMES = 3
_NAMES_OF_LIBRARIES = 6
_NEAR_FRAMES = 3
_NAMES_OF_FAR_FRAMES = 4

# Bytes of HTML, measured over real pages: what surrounds each part, and what escaping and tints add.
_PER_FRAME, _PER_LINE, _PER_VALUE, _TINT = 480, 24, 70, 1.75


def fitted(report: Report, limit: int) -> Report:
    """The report with as much detail as about `limit` bytes of HTML have room for.

    Frames lose their detail one by one, each time the one that is farthest from where its stack ends; the
    frame of the first screen never does.
    """
    stacks = list(_stacks(report))
    focus = report.focus()
    frames = [_without_far_detail(stack, index, focus) for stack in stacks for index in range(len(stack))]
    weights = [_frame_weight(frame) for frame in frames]
    size = _weight_beside_frames(report) + sum(weights)
    kept = next((index for index, frame in enumerate(frames) if frame is focus), -1)
    distances = [distance for stack in stacks for distance in range(len(stack) - 1, -1, -1)]
    farthest_first = sorted(range(len(frames)), key=lambda index: (distances[index], index), reverse=True)
    for own, nearest, around, names in _STEPS:
        for index in farthest_first:
            if size <= limit:
                return _with_frames(report, frames)
            if frames[index].own is own and distances[index] >= nearest and index != kept:
                frames[index] = _smaller(frames[index], around, _first_used(frames[index], names))
                size -= weights[index]
                weights[index] = _frame_weight(frames[index])
                size += weights[index]
    return _with_frames(report, frames)


_STEPS = (
    (False, 0, 0, 0),
    (True, _NEAR_FRAMES, 2, _NAMES_OF_FAR_FRAMES),
    (True, _NEAR_FRAMES, 0, _NAMES_OF_FAR_FRAMES),
    (True, _NEAR_FRAMES, 0, 0),
    (True, 0, 2, _NAMES_OF_FAR_FRAMES),
    (True, 0, 0, 0),
)
"""Own frames or those of libraries, how far from the end of their stack at least; how many lines are left on
each side, and how many variables.
"""


def _first_used(frame: Frame, names: int) -> tuple[Variable, ...]:
    return tuple(each for each in frame.variables if each.role == "used")[:names]


def _stacks(report: Report) -> Iterator[tuple[Frame, ...]]:
    """All stacks, in the order of the page."""
    yield from _stacks_of(report.chain)
    yield from (stack.frames for stack in report.threads)


def _stacks_of(traces: tuple[Trace, ...]) -> Iterator[tuple[Frame, ...]]:
    for trace in traces:
        yield trace.frames
        for member in trace.group:
            yield from _stacks_of(member)


def _with_frames(report: Report, frames: list[Frame]) -> Report:
    """The report with other frames in the place of its own: as many, in the order of `_stacks`."""
    following = iter(frames)

    def next_ones(old: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return tuple(next(following) for _ in old)

    def changed(trace: Trace) -> Trace:
        own = next_ones(trace.frames)
        group = tuple(tuple(changed(each) for each in member) for member in trace.group)
        return replace(trace, frames=own, group=group)

    chain = tuple(changed(trace) for trace in report.chain)
    threads = tuple(ThreadStack(stack.name, next_ones(stack.frames)) for stack in report.threads)
    return replace(report, chain=chain, threads=threads)


def weight(report: Report) -> int:
    """About how many bytes the frames, the timeline and the tables take as HTML."""
    return _weight_beside_frames(report) + sum(
        _frame_weight(each) for stack in _stacks(report) for each in stack
    )


def _weight_beside_frames(report: Report) -> int:
    size = sum(_trace_weight(trace) for trace in report.chain)
    size += sum(130 + len(moment.text) + len(moment.source) for moment in report.timeline)
    sections = report.environment + (report.request.sections if report.request is not None else ())
    size += sum(30 + len(pair.name) + len(pair.value) for section in sections for pair in section.pairs)
    return size


def _trace_weight(trace: Trace) -> int:
    own = len(trace.message) + sum(len(note) for note in trace.notes) + 200
    return own + sum(_trace_weight(each) for member in trace.group for each in member)


def _frame_weight(frame: Frame) -> int:
    lines = sum(_PER_LINE + len(line) * _TINT for line in frame.lines)
    return int(_PER_FRAME + lines) + sum(_value_weight(each.value) for each in frame.variables)


def _value_weight(value: Value) -> int:
    size = _PER_VALUE + len(value.text) + len(value.type)
    for item in value.items:  # a loop, since this is most of what a page is weighed for
        size += len(item.key) + _value_weight(item.value)
    return size


def _without_far_detail(stack: tuple[Frame, ...], index: int, focus: Frame | None) -> Frame:
    """Library frames keep their variables where they meet the user's code and at the end of the stack."""
    frame = stack[index]
    if frame.own or frame is focus:
        return frame
    neighbours = stack[max(index - 1, 0) : index + 2]
    if len(stack) - index <= _NEAR_LIBRARY_FRAMES or any(each.own for each in neighbours):
        return _smaller(frame, 2, frame.variables[:_NAMES_OF_LIBRARIES])
    return _smaller(frame, 1, ())


def _smaller(frame: Frame, around: int, variables: tuple[Variable, ...]) -> Frame:
    """The frame with `around` lines on each side of its marked ones, and with these variables."""
    is_told = frame.own or variables
    omitted = frame.variables_omitted + len(frame.variables) - len(variables) if is_told else 0
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
