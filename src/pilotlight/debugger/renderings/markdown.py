"""A report as Markdown, to paste into an issue, a chat or the question to an assistant: what matters first.

Pure. Everything of the app stands in code fences or code spans, so that none of it is markup.
"""

from __future__ import annotations

import re

from pilotlight.debugger.model import Frame, Report, Trace

from .text import render_text, visible

_OWN_FRAMES = 8
_VARIABLES = 12
_VALUE_CHARACTERS = 200
_LINKS = {"": "", "cause": "caused by", "context": "raised while handling"}
_LANGUAGES = {"python": "python", "jinja": "jinja", "django": "django"}


def render_markdown(report: Report) -> str:
    """The whole report: headline, request, versions, own frames with code and variables, the traceback."""
    before, text, after = markdown_parts(report)
    return before + text + after


def markdown_parts(report: Report) -> tuple[str, str, str]:
    """What stands before the traceback, the traceback, and what stands after it."""
    parts = [f"## {_span(report.title())}\n"]
    facts = _facts(report)
    if facts:
        parts.append("\n".join(facts) + "\n")
    parts += [f"{_LINKS[trace.link]} {_span(trace.first_line())}\n".lstrip() for trace in report.chain[1:]]
    parts += [_frame(frame, report.directory) for frame in _own(report)]
    text = render_text(report)
    fence = _fence(text)
    before = "\n".join(parts) + f"\n<details><summary>Traceback</summary>\n\n{fence}pytb\n"
    return before, text, f"{fence}\n\n</details>\n"


def _facts(report: Report) -> list[str]:
    facts = []
    if report.request is not None:
        facts.append(f"- Request: {_span(f'{report.request.method} {report.request.url}')}")
        if report.request.route:
            facts.append(f"- Route: {_span(report.request.route)}")
    if report.place:
        facts.append(f"- Where: {_span(report.place)}")
    versions = [report.python] if report.python else []
    for section in report.environment:
        if section.title.lower() == "versions":
            versions += [
                f"{pair.name} {pair.value}" for pair in section.pairs if pair.name.lower() != "python"
            ]
    if versions:
        facts.append(f"- Versions: {_span(', '.join(versions))}")
    return facts


def _own(report: Report) -> list[Frame]:
    """Newest first; the innermost frame of all when none is the user's own."""

    def frames(trace: Trace) -> list[Frame]:
        return [frame for frame in reversed(trace.frames) if frame.own]

    found = [frame for trace in report.chain for frame in frames(trace)]
    focus = report.focus()
    return found[:_OWN_FRAMES] or ([focus] if focus is not None else [])


def _frame(frame: Frame, directory: str) -> str:
    file = frame.file.removeprefix(directory.rstrip("/") + "/") if directory else frame.file
    line = "" if frame.line is None else f":{frame.line}"
    parts = [f"### {_span(f'{file}{line}')} in {_span(frame.qualname)}\n"]
    if frame.lines:
        parts.append(_fenced("\n".join(_numbered(frame)), _LANGUAGES[frame.language]))
    if frame.variables:
        values = [
            f"{each.name} = {_one_line(each.value.text)}{f'  # {each.value.note}' if each.value.note else ''}"
            for each in frame.variables[:_VARIABLES]
        ]
        left_out = len(frame.variables) - len(values) + frame.variables_omitted
        if left_out:
            values.append(f"# and {left_out} more")
        parts.append("Variables:\n\n" + _fenced("\n".join(values), "python"))
    return "\n".join(parts)


def _numbered(frame: Frame) -> list[str]:
    width = len(str(frame.first_line + len(frame.lines)))
    return [
        f"{'>' if number == frame.line else ' '} {number:>{width}}  {visible(text.rstrip())}"
        for number, text in enumerate(frame.lines, frame.first_line)
    ]


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _VALUE_CHARACTERS else text[:_VALUE_CHARACTERS] + "..."


def _fenced(text: str, language: str) -> str:
    text = visible(text)
    fence = _fence(text)
    return f"{fence}{language}\n{text}\n{fence}\n"


def _fence(text: str) -> str:
    """Longer than every run of backticks in the text (CommonMark 4.5)."""
    return "`" * max(3, _longest_run(text) + 1)


def _span(text: str) -> str:
    """A code span of one line (CommonMark 6.1)."""
    text = " ".join(visible(text).split())
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
