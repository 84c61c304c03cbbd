"""The text that curl and other plain clients get: the traceback without what is of the libraries alone, and
what a terminal has no room for.

Pure, and as free of control characters as `text`.
"""

from __future__ import annotations

from pilotlight.debugger.model import Frame, Report

from .runs import leaves_out
from .text import render_text, visible

_VARIABLES = 12
_VALUE_CHARACTERS = 200
_NAME_COLUMNS = 24


def render_answer(report: Report, *, debug_url: str = "", console_note: str = "") -> str:
    """Request line, traceback with suggestion, variables of the user's innermost frame, error id, where to
    find the rest.

    Args:
        report: what happened.
        debug_url: the page of this report on the debug listener; empty when there is none.
        console_note: one sentence that says why there is none and what to do.
    """
    lines = []
    if report.request is not None:
        lines += [visible(f"{report.request.method} {report.request.url}"), ""]
    elif report.place:
        lines += [visible(report.place), ""]
    lines.append(render_text(report, short=True))
    frame = report.focus()
    if frame is not None and frame.variables and report.error.syntax is None:
        lines += [*_variables(frame, report.directory), ""]
    lines.append(f"Error id: {visible(report.id)}")
    is_short = leaves_out(report)
    if debug_url:
        lines.append(f"{'All frames, details' if is_short else 'Details'} and console: {visible(debug_url)}")
    elif is_short:
        lines.append("All frames: ask again with the header `Accept: application/json`.")
    if console_note and not debug_url:
        lines.append(visible(console_note))
    return "\n".join(lines) + "\n"


def _variables(frame: Frame, directory: str) -> list[str]:
    file = frame.file.removeprefix(directory.rstrip("/") + "/") if directory else frame.file
    place = file if frame.line is None else f"{file}:{frame.line}"
    lines = [visible(f"Variables in {frame.qualname} ({place}):")]
    shown = frame.variables[:_VARIABLES]
    columns = min(max(len(each.name) for each in shown), _NAME_COLUMNS)
    for each in shown:
        text = " ".join(each.value.text.split())
        if len(text) > _VALUE_CHARACTERS:
            text = text[:_VALUE_CHARACTERS] + "..."
        note = f"  ({each.value.note})" if each.value.note else ""
        lines.append(visible(f"    {each.name:<{columns}} = {text}{note}"))
    left_out = len(frame.variables) - len(shown) + frame.variables_omitted
    if left_out:
        lines.append(f"    and {left_out} more")
    return lines
