"""A report for API clients: problem details (RFC 9457) with the frames as extension members. Pure."""

from __future__ import annotations

import json
from typing import Any

from pilotlight.debugger.model import Frame, Moment, Report, RequestView, Section, Trace, Value

MEDIA_TYPE = b"application/problem+json"


def render_json(report: Report, *, debug_url: str = "") -> bytes:
    """The report as problem details: `type`, `title`, `status`, `detail` (RFC 9457 3.1), and more (3.2).

    Args:
        report: what happened.
        debug_url: the page of this report on the debug listener; it becomes `instance`.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": report.error.headline(),
        "error_id": report.id,
        "kind": report.kind,
        "python": report.python,
        "exceptions": [_exception(trace) for trace in report.chain],
    }
    if debug_url:
        body["instance"] = debug_url
    if report.place:
        body["place"] = report.place
    if report.request is not None:
        body["request"] = _request(report.request)
    if report.timeline:
        body["timeline"] = [_moment(moment) for moment in report.timeline]
    if report.environment:
        body["environment"] = _sections(report.environment)
    if report.detail:
        body["output"] = report.detail
    if report.threads:
        body["threads"] = [
            {"name": stack.name, "frames": [_frame(frame) for frame in stack.frames]}
            for stack in report.threads
        ]
    return json.dumps(body, indent=2).encode("ascii") + b"\n"


def render_concealed_json(error_id: str) -> bytes:
    """What a client that may not see the report gets."""
    body = {"type": "about:blank", "title": "Internal Server Error", "status": 500, "error_id": error_id}
    return json.dumps(body, indent=2).encode("ascii") + b"\n"


def _exception(trace: Trace) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": trace.type or None,
        "message": trace.message,
        "frames": [_frame(frame) for frame in trace.frames],
    }
    if trace.link:
        body["relation"] = trace.link
    if trace.suggestion:
        body["suggestion"] = trace.suggestion
    if trace.notes:
        body["notes"] = list(trace.notes)
    if trace.syntax is not None:
        place = trace.syntax
        column = None if place.column is None else place.column + place.cut + 1
        body["syntax"] = {"file": place.file, "line": place.line, "column": column, "text": place.text}
    if trace.group or trace.group_omitted:
        body["members"] = [[_exception(each) for each in member] for member in trace.group]
        body["members_omitted"] = trace.group_omitted
    if trace.omitted:
        body["omitted"] = trace.omitted
    if trace.shared:
        body["shared"] = trace.shared
    if trace.count > 1:
        body["count"] = trace.count
    return body


def _request(request: RequestView) -> dict[str, Any]:
    body: dict[str, Any] = {"method": request.method, "url": request.url}
    if request.route:
        body["route"] = request.route
    if request.client:
        body["client"] = request.client
    if request.body_bytes:
        body["body_bytes"] = request.body_bytes
    return {**_sections(request.sections), **body}


def _sections(sections: tuple[Section, ...]) -> dict[str, list[dict[str, str]]]:
    """Tables by title; pairs, since a header or a field may come twice."""
    return {
        each.title.lower().replace(" ", "_"): [
            {"name": pair.name, "value": pair.value} for pair in each.pairs
        ]
        for each in sections
        if each.pairs
    }


def _moment(moment: Moment) -> dict[str, Any]:
    body: dict[str, Any] = {"seconds": round(moment.seconds, 6), "kind": moment.kind, "source": moment.source}
    if moment.level:
        body["level"] = moment.level
    if moment.took is not None:
        body["took"] = round(moment.took, 6)
    return {**body, "text": moment.text}


def _value(name: str, value: Value) -> dict[str, Any]:
    body: dict[str, Any] = {"name": name, "value": value.text}
    if value.type:
        body["type"] = value.type
    if value.note:
        body["note"] = value.note
    return body


def _place(frame: Frame) -> dict[str, int]:
    """The failing expression in the file, where it is known: columns in characters from 1 as editors count
    them, the end column the first behind it."""
    span = frame.span
    if span is None or span.line != frame.line:
        return {}
    place = {"column": span.column + span.cut + 1}
    if span.end_line == (frame.end_line or frame.line):  # else its end is not among the lines that are shown
        place |= {"end_line": span.end_line, "end_column": span.end_column + span.end_cut + 1}
    return place


def _frame(frame: Frame) -> dict[str, Any]:
    body: dict[str, Any] = {
        "file": frame.file,
        "line": frame.line,
        "function": frame.qualname,
        "module": frame.module,
        "own": frame.own,
    }
    body.update(_place(frame))
    code = frame.code()
    if code is not None:
        body["code"] = code.strip()
    if frame.repeats:
        body["repeats"] = frame.repeats
        body["period"] = frame.period
    if frame.omitted:
        body["omitted"] = frame.omitted
    if frame.source_note:
        body["note"] = frame.source_note
    if frame.own and frame.variables:
        body["variables"] = [_value(each.name, each.value) for each in frame.variables]
    return body
