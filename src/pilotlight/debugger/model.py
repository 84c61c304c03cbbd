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


ValueKind = Literal["plain", "container", "masked", "lazy", "broken"]
"""`lazy`: not evaluated, since that could ask a database or take long; `broken`: its `repr` failed or was too
slow."""


@dataclass(frozen=True, slots=True)
class Value:
    """What is shown of a value of the app: bounded, secrets masked, no live object."""

    text: str
    """In one line; for a container the start of it."""
    type: str = ""
    """The qualified name of its type, as a traceback would print it."""
    kind: ValueKind = "plain"
    length: int | None = None
    """How many items a container or text has in all."""
    items: tuple[Item, ...] = ()
    omitted: int = 0
    """How many further items are not in `items`."""
    note: str = ""
    """Why it is not shown as it is: one short sentence."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a container, or one attribute of an object."""

    key: str
    """As it is written: `'name'`, `0`, `.attribute`; empty for the members of a set."""
    value: Value


Role = Literal["used", "argument", "local"]
"""`used`: on the marked line."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A name of a frame and what it held."""

    name: str
    value: Value
    role: Role = "local"


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and a text, secrets masked already."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Section:
    """A named table: headers, query, form, JSON, cookies, session, environment, versions."""

    title: str
    pairs: tuple[Pair, ...] = ()
    omitted: int = 0
    note: str = ""
    """Why there is nothing, or not all."""


@dataclass(frozen=True, slots=True)
class RequestView:
    """The request that failed, as it is shown. Secrets are masked."""

    method: str
    url: str
    """Whole, with scheme and host."""
    client: str = ""
    route: str = ""
    """The rule that matched and the name of what it led to."""
    sections: tuple[Section, ...] = ()
    body_bytes: int = 0
    """How many bytes of body have come."""
    curl: str = ""
    """A command that sends the same request again; secrets are masked in it too."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened while the request was answered: a log record, a query."""

    seconds: float
    """Since the request began."""
    kind: Literal["log", "sql"]
    source: str
    """The name of the logger, or of the database."""
    text: str
    level: str = ""
    """`INFO`, `WARNING`, ... for a log record."""
    took: float | None = None
    """Seconds that a query took."""


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
    variables: tuple[Variable, ...] = ()
    """Those used on the marked line first, then arguments, then the rest."""
    variables_omitted: int = 0
    language: Literal["python", "jinja", "django"] = "python"
    """Of `lines`: the frame of a template shows the template."""
    handle: int = -1
    """Its number while its process keeps it alive for the console; -1 where it cannot be entered."""

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
    count: int = 1
    """How many equal members of a group this one stands for."""

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
    place: str = ""
    """Where it happened, if not while answering: `thread 'worker-1'`, `task 'Task-7'`, `WebSocket /chat`."""
    request: RequestView | None = None
    timeline: tuple[Moment, ...] = ()
    """In the order in which it happened."""
    timeline_omitted: int = 0
    """How many moments before the first of `timeline` were left out."""
    environment: tuple[Section, ...] = ()
    """Versions, process, environment variables, the state of the working tree."""

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


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text` and a word on how many are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text) - limit} more characters)"
