"""The stack of the page: frames with code and variables, library runs folded, chains and groups.

Pure. Headings follow the nesting: a group's members stand one level under their group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from pilotlight.debugger.model import Frame, Link, Report, SyntaxPlace, Trace

from .editor import PathMapping, editor_title, editor_url
from .excerpt import frame_code, syntax_code
from .markup import counted, escaped, note
from .page_values import variables
from .runs import packages

_OPEN_FRAMES = 2
_CARD = '<section class=focus aria-label="Where it happened" tabindex=-1 id=focus'
LINKS: dict[Link, str] = {"": "", "cause": "caused by", "context": "raised while handling"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the page links to.

    Args:
        console: the origin of the debug listener, such as `http://127.0.0.1:5999`; empty when there is none.
        console_note: why there is no console, and what to do.
        editor: a name or a template, see `editor.editor_url`.
        mapping: of paths, for the editor.
    """

    console: str = ""
    console_note: str = ""
    editor: str = ""
    mapping: PathMapping = ()


class FrameView:
    """The frames of one report as HTML."""

    def __init__(self, report: Report, surroundings: Surroundings) -> None:
        self._id = report.id
        self._directory = report.directory.rstrip("/") + "/" if report.directory else ""
        self._focus = None if report.error.syntax is not None else report.focus()
        self._links = surroundings

    def short(self, file: str) -> str:
        """A path, relative to the working directory if it lies below."""
        return file.removeprefix(self._directory) if self._directory else file

    def place(self, file: str, line: int | None) -> str:
        """File and line; the whole path is the tool tip."""
        short = self.short(file)
        directory, slash, name = short.rpartition("/")
        number = f"<span class=line>:{line}</span>" if line is not None else ""
        above = f"<span class=soft>{escaped(directory + slash)}</span>" if slash else ""
        whole = f' title="{escaped(file)}"' if short != file else ""
        return f"<span class=file{whole}>{above}<b>{escaped(name)}</b>{number}</span>"

    def first(self, report: Report) -> str:
        """The card of the first screen: the innermost frame of the user's own, or the syntax error."""
        error = report.error
        if error.syntax is not None:
            return f"{_CARD}>{self._syntax(error.syntax)}</section>\n"
        frame = self._focus
        if frame is None:
            return ""
        name = f"<span class=function>{escaped(frame.qualname)}</span>"
        return (
            f"{_CARD} data-frame><h2 class=place>{self.place(frame.file, frame.line)} "
            f"<span class=soft>in</span> {name}</h2>{self._body(frame)}</section>\n"
        )

    def chain(self, traces: tuple[Trace, ...], level: int) -> Iterator[str]:
        """The stacks of an exception and of those it came from.

        Args:
            traces: the error first.
            level: of the headings, from 2 to 6.
        """
        for index, trace in enumerate(traces):
            anchor = f" id=e{index}" if index and level == 2 else ""
            yield f"<section class={'linked' if index else 'stacked'}{anchor}>\n"
            if index:
                yield f"<p class=link>{LINKS[trace.link]}</p>\n{headline(trace, level)}"
                if trace.syntax is not None:
                    yield f"<div class=focus>{self._syntax(trace.syntax)}</div>\n"
            yield from self.stack(trace.frames, level + (index > 0), _OPEN_FRAMES if index == 0 else 1)
            if trace.shared:
                calls = counted(trace.shared, "outer call")
                yield note(f"{calls} left out: the same as in the exception above.")
            yield from self._group(trace, level + (index > 0))
            if trace.omitted:
                yield note(f"{counted(trace.omitted, 'more exception')} of this chain left out.")
            yield "</section>\n"

    def stack(self, frames: tuple[Frame, ...], level: int, open_frames: int) -> Iterator[str]:
        """The frames, newest first; runs of library frames are one line, the first own frames are open."""
        if not frames:
            return
        level = min(level, 6)
        if len(frames) > 1 or level == 2:
            yield f"<h{level} class=title>Stack <small>newest call first</small></h{level}>\n"
        yield "<ol class=stack>\n"
        for own, run in groupby(reversed(frames), key=lambda frame: frame.own):
            together = tuple(run)
            if not own:
                yield f"<li class=library><details><summary>{_summary(together)}</summary>\n"
                yield "<ol class=stack>\n"
            for frame in together:
                is_open = own and open_frames > 0 and frame is not self._focus
                open_frames -= is_open
                yield f"<li>{self._frame(frame, is_open)}\n"
            if not own:
                yield "</ol></details>\n"
        yield "</ol>\n"

    def _frame(self, frame: Frame, is_open: bool) -> str:
        name = f"<span class=function>{escaped(frame.qualname)}</span> {self.place(frame.file, frame.line)}"
        extra = _gaps(frame)
        if frame is self._focus:
            return f'{extra}<a class=above href="#focus">{name} <small>shown above</small></a>'
        code = (frame.code() or "").strip()
        preview = f"<code class=preview>{escaped(code)}</code>" if code else ""
        return (
            f"{extra}<details data-frame{' open' if is_open else ''}><summary>{name}{preview}</summary>"
            f"{self._body(frame)}</details>"
        )

    def _body(self, frame: Frame) -> str:
        """Code, variables, and what can be done here."""
        shown = frame_code(frame) + variables(frame.variables, frame.variables_omitted)
        span = frame.span
        column = span.column + span.cut + 1 if span is not None and span.line == frame.line else 1
        return shown + self._actions(frame.file, frame.line, column, frame.handle)

    def _syntax(self, place: SyntaxPlace) -> str:
        column = 1 if place.column is None else place.column + place.cut + 1
        return (
            f"<h2 class=place>{self.place(place.file, place.line)}</h2>{syntax_code(place)}"
            f"{self._actions(place.file, place.line, column, -1)}"
        )

    def _actions(self, file: str, line: int | None, column: int, handle: int) -> str:
        links = []
        url = editor_url(self._links.editor, file, line, column, self._links.mapping)
        if url is not None:
            title = escaped(editor_title(self._links.editor))
            links.append(f'<a class=edit href="{escaped(url)}">Open in {title}</a>')
        if self._links.console and handle >= 0:
            where = f"{self._links.console}/console?report={self._id}&frame={handle}"
            links.append(f'<a class=con href="{escaped(where)}" target=_blank rel=noopener>Console</a>')
        return f"<p class=do>{' '.join(links)}</p>" if links else ""

    def _group(self, trace: Trace, level: int) -> Iterator[str]:
        if not trace.group and not trace.group_omitted:
            return
        level = min(level, 6)
        total = sum(member[0].count for member in trace.group) + trace.group_omitted
        yield f"<h{level} class=title>Members <small>{total:,}</small></h{level}>\n<ol class=group>\n"
        for number, member in enumerate(trace.group, 1):
            times = f" <span class=times>{member[0].count:,} times</span>" if member[0].count > 1 else ""
            yield f"<li><details{' open' if number <= 2 else ''}>"
            yield f"<summary>{escaped(member[0].first_line())}{times}</summary>\n"
            if member[0].notes or "\n" in member[0].message:
                yield headline(member[0], level + 1)
            if member[0].syntax is not None:
                yield f"<div class=focus>{self._syntax(member[0].syntax)}</div>\n"
            yield from self.chain(member, level + 1)
            yield "</details>\n"
        if trace.group_omitted:
            yield f"<li>and {trace.group_omitted:,} more\n"
        yield "</ol>\n"


def headline(trace: Trace, level: int) -> str:
    """Type, message, suggestion and notes of an exception, under a heading."""
    tag = f"h{min(level, 6)}"
    size = " class=long" if len(trace.message) > 160 or "\n" in trace.message else ""
    kind = f"<span class=type>{_type(trace.type)}</span>" if trace.type else ""
    message = f"<span class=message>{escaped(trace.message)}</span>" if trace.message else ""
    between = "<span class=gone>: </span>" if kind and message else ""  # for ears and for copying
    parts = [f"<{tag}{size}>{kind}{between}{message}</{tag}>\n"]
    if trace.suggestion:
        parts.append(f"<p class=suggestion>{escaped(trace.suggestion)}</p>\n")
    parts += [f"<p class=note>{escaped(each)}</p>\n" for each in trace.notes]
    return "".join(parts)


def _type(name: str) -> str:
    module, dot, last = name.rpartition(".")
    return f"<small>{escaped(module + dot)}</small>{escaped(last)}" if dot else escaped(name)


def _gaps(frame: Frame) -> str:
    html = ""
    if frame.omitted:
        html += note(f"{counted(frame.omitted, 'more frame')} between these two left out.")
    if frame.repeats:
        what = "This call" if frame.period == 1 else f"These {frame.period} calls"
        html += note(f"{what} repeated {counted(frame.repeats, 'more time')}.")
    return html


def _summary(frames: tuple[Frame, ...]) -> str:
    count = sum(1 + frame.repeats * frame.period + frame.omitted for frame in frames)
    return f"{counted(count, 'library frame')} of {escaped(packages(frames))}"
