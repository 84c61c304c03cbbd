"""A report for API clients: problem details (RFC 9457) with the frames as extension members. Pure."""

from __future__ import annotations

import json
from typing import Any

from .model import Frame, Report, Trace

MEDIA_TYPE = b"application/problem+json"


def render_json(report: Report) -> bytes:
    """The report as problem details: `type`, `title`, `status`, `detail`, and `error_id`, `exceptions`."""
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
        column = None if place.column is None else place.column + 1
        body["syntax"] = {"file": place.file, "line": place.line, "column": column, "text": place.text}
    if trace.group or trace.group_omitted:
        body["members"] = [[_exception(each) for each in member] for member in trace.group]
        body["members_omitted"] = trace.group_omitted
    if trace.omitted:
        body["omitted"] = trace.omitted
    return body


def _frame(frame: Frame) -> dict[str, Any]:
    body: dict[str, Any] = {
        "file": frame.file,
        "line": frame.line,
        "function": frame.qualname,
        "module": frame.module,
        "own": frame.own,
    }
    code = frame.code()
    if code is not None:
        body["code"] = code.strip()
    if frame.repeats:
        body["repeats"] = frame.repeats
        body["period"] = frame.period
    if frame.omitted:
        body["omitted"] = frame.omitted
    return body
