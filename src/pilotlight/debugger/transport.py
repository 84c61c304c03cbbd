"""A report as JSON, to cross the channel between processes.

Pure. Must never make more than it is allowed: the least useful parts are left out first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from .model import (
    Frame,
    Item,
    Moment,
    Pair,
    Report,
    RequestView,
    Section,
    Span,
    SyntaxPlace,
    ThreadStack,
    Trace,
    Value,
    Variable,
    shorten,
)

MAX_JSON_BYTES = 256 * 1024
_PARTS = (
    Frame,
    Item,
    Moment,
    Pair,
    Report,
    RequestView,
    Section,
    Span,
    SyntaxPlace,
    ThreadStack,
    Trace,
    Value,
)
_NAMES = {kind: tuple(each.name for each in fields(kind)) for kind in (*_PARTS, Variable)}
_VALUES = {kind: attrgetter(*names) for kind, names in _NAMES.items()}


def to_text(report: Report, limit: int = MAX_JSON_BYTES) -> str:
    """The report as a JSON object, in ASCII, of at most `limit` bytes; the least useful parts are left out
    first.

    Raises:
        ValueError: not even the bare message fits.
    """
    size = 0
    for smaller in (_same, *_REDUCTIONS):
        report = smaller(report)
        text = _ENCODER.encode(report)
        size = len(text)
        if size <= limit:
            return text
    raise ValueError(f"a report of {size} bytes cannot be made smaller; the limit is {limit}")


def to_json(report: Report, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """As `to_text`, read again."""
    body: dict[str, Any] = json.loads(to_text(report, limit))
    return body


def _members(part: Any) -> dict[str, Any]:
    """What the encoder is to write in place of a part of a report."""
    kind = type(part)
    if kind not in _NAMES:
        raise TypeError(f"a report has no {kind.__name__}")
    return dict(zip(_NAMES[kind], _VALUES[kind](part), strict=True))


_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False, default=_members)


def from_json(body: dict[str, Any]) -> Report:
    """What `to_json` gave, also after it travelled as JSON.

    Raises:
        ValueError: it is not a report.
    """
    try:
        return _report(body)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a report: {error}") from error


def _report(body: dict[str, Any]) -> Report:
    chain = _chain(body["chain"])
    if not chain:
        raise ValueError("not a report: its chain is empty")
    request = body["request"]
    parts: dict[str, Any] = {
        "chain": chain,
        "threads": tuple(ThreadStack(each["name"], _frames(each["frames"])) for each in body["threads"]),
        "request": None
        if request is None
        else RequestView(**{**request, "sections": _sections(request["sections"])}),
        "timeline": tuple(Moment(**each) for each in body["timeline"]),
        "environment": _sections(body["environment"]),
    }
    return Report(**{**body, **parts})


def _sections(items: list[dict[str, Any]]) -> tuple[Section, ...]:
    return tuple(
        Section(**{**item, "pairs": tuple(Pair(**pair) for pair in item["pairs"])}) for item in items
    )


def _chain(items: list[dict[str, Any]]) -> tuple[Trace, ...]:
    return tuple(_trace(item) for item in items)


def _trace(body: dict[str, Any]) -> Trace:
    syntax = body["syntax"]
    if syntax is not None:
        syntax = SyntaxPlace(**{**syntax, "lines": tuple(syntax["lines"])})
    parts: dict[str, Any] = {
        "frames": _frames(body["frames"]),
        "notes": tuple(body["notes"]),
        "syntax": syntax,
        "group": tuple(_chain(member) for member in body["group"]),
    }
    return Trace(**{**body, **parts})


def _frames(items: list[dict[str, Any]]) -> tuple[Frame, ...]:
    return tuple(_frame(item) for item in items)


def _frame(body: dict[str, Any]) -> Frame:
    parts: dict[str, Any] = {
        "lines": tuple(body["lines"]),
        "span": Span(**body["span"]) if body["span"] else None,
        "variables": tuple(
            Variable(each["name"], value_from_json(each["value"]), each["role"]) for each in body["variables"]
        ),
    }
    return Frame(**{**body, **parts})


def value_from_json(body: dict[str, Any]) -> Value:
    """What `dataclasses.asdict` gave of a value, also after it travelled as JSON.

    Raises:
        KeyError, TypeError: it is not a value.
    """
    items = tuple(Item(each["key"], value_from_json(each["value"])) for each in body["items"])
    return Value(**{**body, "items": items})


# What is dropped, in this order, when a report is too large to travel.


def _same(report: Report) -> Report:
    return report


def _map_traces(report: Report, change: Callable[[Trace], Trace]) -> Report:
    def chain(traces: tuple[Trace, ...]) -> tuple[Trace, ...]:
        return tuple(
            change(replace(trace, group=tuple(chain(member) for member in trace.group))) for trace in traces
        )

    return replace(report, chain=chain(report.chain))


def _bare(frame: Frame) -> Frame:
    """The frame with no source but its own line."""
    code = frame.code()
    if code is None or frame.line is None:
        return replace(frame, lines=(), span=None)
    span = frame.span if frame.span and frame.span.line == frame.span.end_line == frame.line else None
    return replace(frame, lines=(code,), first_line=frame.line, span=span)


def _without_library_variables(report: Report) -> Report:
    def change(trace: Trace) -> Trace:
        return replace(
            trace,
            frames=tuple(frame if frame.own else replace(frame, variables=()) for frame in trace.frames),
        )

    return replace(_map_traces(report, change), timeline=report.timeline[-50:])


def _without_variables(report: Report) -> Report:
    """None but those of the frame that is shown first, and of its neighbours only what their line used."""
    focus = report.focus()

    def change(trace: Trace) -> Trace:
        return replace(
            trace,
            frames=tuple(
                frame
                if frame is focus
                else replace(
                    frame, variables=tuple(each for each in frame.variables if each.role == "used")[:5]
                )
                for frame in trace.frames
            ),
        )

    return replace(_map_traces(report, change), timeline=report.timeline[-20:])


def _without_surroundings(report: Report) -> Report:
    request = report.request and replace(report.request, sections=(), curl="")
    return replace(report, timeline=(), environment=(), request=request)


def _without_library_source(report: Report) -> Report:
    def change(trace: Trace) -> Trace:
        return replace(trace, frames=tuple(frame if frame.own else _bare(frame) for frame in trace.frames))

    threads = tuple(
        replace(each, frames=tuple(_bare(frame) for frame in each.frames)) for each in report.threads
    )
    return replace(_map_traces(report, change), threads=threads)


def _shorter_text(report: Report) -> Report:
    def change(trace: Trace) -> Trace:
        notes = tuple(shorten(note, 500) for note in trace.notes[:10])
        return replace(trace, message=shorten(trace.message, 2_000), notes=notes)

    return replace(_map_traces(report, change), detail=report.detail[-4_000:], threads=report.threads[:8])


def _fewer_members(report: Report) -> Report:
    def change(trace: Trace) -> Trace:
        left_out = max(len(trace.group) - 3, 0)
        return replace(trace, group=trace.group[:3], group_omitted=trace.group_omitted + left_out)

    return _map_traces(report, change)


def _fewer_frames(report: Report) -> Report:
    def change(trace: Trace) -> Trace:
        frames = tuple(replace(_bare(frame), variables=()) for frame in trace.frames)
        if len(frames) > 8:
            gap = len(frames) - 8 + frames[1].omitted
            frames = (frames[0], replace(frames[1], omitted=gap), *frames[-6:])
        return replace(trace, frames=frames)

    return replace(_map_traces(report, change), threads=report.threads[:1])


def _error_alone(report: Report) -> Report:
    left_out = sum(1 + trace.omitted for trace in report.chain[1:])
    error = report.error
    error = replace(error, group=(), group_omitted=error.group_omitted + len(error.group), omitted=left_out)
    return replace(report, chain=(error,), detail=report.detail[-1_000:])


def _message_alone(report: Report) -> Report:
    error = report.error
    bare = Trace(type=shorten(error.type, 200), message=shorten(error.message, 500))
    return replace(_without_surroundings(report), chain=(bare,), detail="", threads=(), request=None)


_REDUCTIONS = (
    _without_library_variables,
    _without_library_source,
    _without_variables,
    _shorter_text,
    _without_surroundings,
    _fewer_members,
    _fewer_frames,
    _error_alone,
    _message_alone,
)
