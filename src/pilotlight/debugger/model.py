"""An error as plain data: what every rendering reads and what crosses the channel between processes.

Types and their JSON form only. Must never hold a live object (no exception, frame or traceback), never do
I/O, and never grow without bound: `Report.to_json` keeps under a given size by dropping the least useful
parts first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Kind = Literal["request", "load", "lifespan", "background", "death"]
Link = Literal["", "cause", "context"]

MAX_JSON_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of source: lines from 1, columns in characters from 0, the end column not included."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One call on the stack, with the source around its line as the file is now."""

    file: str
    line: int | None
    function: str
    """The name as a traceback prints it."""
    qualname: str
    """With its class, where the interpreter knows it (3.11 on); otherwise the same as `function`."""
    module: str
    own: bool
    """The user's code; False for the standard library and installed packages."""
    end_line: int | None = None
    lines: tuple[str, ...] = ()
    first_line: int = 1
    """The number of the first of `lines`."""
    span: Span | None = None
    """The failing expression, where the interpreter recorded it and it says more than the line."""
    source_note: str = ""
    """Why there is no source, or why it may not be what ran; empty if all is well."""
    repeats: int = 0
    """How many more times the `period` frames that end here follow each other."""
    period: int = 1
    omitted: int = 0
    """How many frames were left out after this one."""

    def code(self) -> str | None:
        """The text of the frame's line, if it is there."""
        if self.line is None or not self.first_line <= self.line < self.first_line + len(self.lines):
            return None
        return self.lines[self.line - self.first_line]


@dataclass(frozen=True, slots=True)
class SyntaxPlace:
    """Where a SyntaxError points. Columns in characters from 0; None when the compiler gave none."""

    file: str
    line: int
    text: str
    column: int | None = None
    end_column: int | None = None
    lines: tuple[str, ...] = ()
    """The source around it, as the file is now."""
    first_line: int = 1


@dataclass(frozen=True, slots=True)
class Trace:
    """One exception. The exceptions it came from are its neighbours in the chain, not its parts."""

    type: str
    """Qualified as a traceback prints it; empty for a death, which has no exception."""
    message: str
    frames: tuple[Frame, ...] = ()
    """Oldest call first. Frames of the loader are already left out."""
    notes: tuple[str, ...] = ()
    suggestion: str = ""
    """A sentence such as `Did you mean: 'name'?`."""
    syntax: SyntaxPlace | None = None
    link: Link = ""
    """What this exception is to the one before it in the chain (the one that was raised later)."""
    omitted: int = 0
    """How many exceptions of the chain were left out after this one."""
    group: tuple[tuple[Trace, ...], ...] = ()
    """The members of an exception group, each with its own chain."""
    group_omitted: int = 0

    def headline(self) -> str:
        """Type, message and suggestion, as the last lines of a traceback."""
        if not self.type:
            return self.message
        if not self.message and not self.suggestion:
            return self.type
        if not self.suggestion:
            return f"{self.type}: {self.message}"
        return f"{self.type}: {self.message}. {self.suggestion}"

    def first_line(self) -> str:
        """The headline in one line."""
        return self.headline().partition("\n")[0]


@dataclass(frozen=True, slots=True)
class ThreadStack:
    """What one thread was doing when its process died. Oldest call first."""

    name: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One error, whole."""

    id: str
    kind: Kind
    time: float
    """Seconds since the epoch."""
    python: str
    directory: str
    """The working directory, to shorten paths."""
    chain: tuple[Trace, ...]
    """Never empty. The error itself first, then what it came from."""
    detail: str = ""
    """What a dead process left: the end of what it wrote."""
    threads: tuple[ThreadStack, ...] = ()

    @property
    def error(self) -> Trace:
        """The exception that escaped."""
        return self.chain[0]

    def title(self) -> str:
        """One line."""
        return self.error.first_line()

    def focus(self) -> Frame | None:
        """The frame to show first: the innermost of the user's own, else the innermost."""
        for trace in self.chain:
            for frame in reversed(trace.frames):
                if frame.own:
                    return frame
        frames = self.error.frames
        return frames[-1] if frames else None

    def to_json(self, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
        """The report as a JSON object of at most `limit` bytes; the least useful parts are left out first.

        Raises:
            ValueError: not even the bare message fits.
        """
        report = self
        size = 0
        for smaller in (_same, *_REDUCTIONS):
            report = smaller(report)
            body = asdict(report)
            size = len(json.dumps(body, separators=(",", ":")))
            if size <= limit:
                return body
        raise ValueError(f"a report of {size} bytes cannot be made smaller; the limit is {limit}")

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Report:
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
    threads = tuple(ThreadStack(each["name"], _frames(each["frames"])) for each in body["threads"])
    return Report(**{**body, "chain": chain, "threads": threads})


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
    return tuple(
        Frame(
            **{**item, "lines": tuple(item["lines"]), "span": Span(**item["span"]) if item["span"] else None}
        )
        for item in items
    )


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
        frames = tuple(_bare(frame) for frame in trace.frames)
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
    return replace(report, chain=(bare,), detail="", threads=())


_REDUCTIONS = (
    _without_library_source,
    _shorter_text,
    _fewer_members,
    _fewer_frames,
    _error_alone,
    _message_alone,
)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text` and a word on how many are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text) - limit} more characters)"
