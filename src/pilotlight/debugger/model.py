"""An error as plain data: what every rendering reads and what crosses the channel between processes.

Types only; `transport` has their JSON form. Must never hold a live object (no exception, frame or traceback)
and never do I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["request", "load", "lifespan", "background", "death", "slow"]
"""`slow`: a load that has not ended, and may yet."""
Link = Literal["", "cause", "context"]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of source: lines from 1, columns in characters from 0, the end column not included.

    The columns are those of the lines as they are shown: a long line is cut around what is marked in it.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    cut: int = 0
    """What to add to `column` for the column in the file."""
    end_cut: int = 0
    """What to add to `end_column` for that in the file."""


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
    """How many items a container or text has in all; None where all of it is shown."""
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
    cut: int = 0
    """What to add to the columns for those in the file: a long line is cut around the place."""


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
    shared: int = 0
    """How many of its outermost calls are not in `frames`, because they are those of the exception before it
    in the chain, or of the group around it: the same calls, at the same place."""

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


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of `text` and a word on how many are missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}... ({len(text) - limit} more characters)"
