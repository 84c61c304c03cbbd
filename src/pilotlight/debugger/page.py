"""A report as one HTML page that needs nothing else: no file, no network, no JavaScript to be read.

Pure. Everything that comes from the app is written through `_text`, which shows control characters and
escapes markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from .assets import COPY_SCRIPT, HEAL_SCRIPT, STYLE
from .highlight import Token, highlight
from .model import Frame, Link, Report, Span, SyntaxPlace, Trace
from .text import render_text, visible

_KINDS = {
    "request": "Error while answering a request",
    "load": "The app could not be loaded",
    "lifespan": "The app's start-up or shutdown failed",
    "background": "Error outside a request",
    "death": "The app's process died",
}
_OPEN_FRAMES = 3
_LINKS: dict[Link, str] = {
    "": "",
    "cause": "caused by",
    "context": "raised while handling",
}


def render_page(report: Report, *, live: bool, nonce: str = "") -> bytes:
    """The page, in UTF-8.

    Args:
        report: what happened.
        live: look once a second whether the error is still there, and load the page again when it is not.
        nonce: of the response's content security policy, for the style and the script.
    """
    mark = f' nonce="{_text(nonce)}"' if nonce else ""
    script = COPY_SCRIPT + (HEAL_SCRIPT if live else "")
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n<meta name="robots" content="noindex">\n',
        f"<title>{_text(report.title())}</title>\n<style{mark}>{STYLE}</style>\n</head>\n",
        f'<body data-error-id="{_text(report.id)}">\n<main>\n',
        *_Page(report, live).parts(),
        "</main>\n",
        _foot(report),
        f"<script{mark}>{script}</script>\n</body>\n</html>\n",
    ]
    return "".join(parts).encode("utf-8", "backslashreplace")


def render_concealed_page(sentence: str) -> bytes:
    """What a client that may not see the report gets: one sentence, in the browser's own style."""
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<title>Internal Server Error</title>\n'
        f"<h1>Internal Server Error</h1>\n<p>{_text(sentence)}</p>\n</html>\n"
    ).encode()


def _text(text: str) -> str:
    """Text of the app, harmless between tags and in double quotes."""
    return (
        visible(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


class _Page:
    """The parts of one report's page."""

    def __init__(self, report: Report, live: bool) -> None:
        self._report = report
        self._live = live
        self._focus = report.focus()
        self._directory = report.directory.rstrip("/") + "/" if report.directory else ""

    def parts(self) -> Iterator[str]:
        """All that stands between the page's head and its foot."""
        yield from self._head()
        yield from self._chain(self._report.chain)
        for stack in self._report.threads:
            yield f'<section class="linked"><p class="link">{_text(stack.name)}</p>\n'
            yield from self._stack(stack.frames, 0)
            yield "</section>\n"
        yield from self._plain()

    def _head(self) -> Iterator[str]:
        error = self._report.error
        yield f'<header>\n<p class="kind">{_KINDS[self._report.kind]}</p>\n'
        yield from _headline(error, "h1")
        yield "</header>\n"
        if self._live:
            yield '<p class="live" id="live" role="status" hidden>'
            yield "This page loads itself again as soon as the error is gone.</p>\n"
            yield '<noscript><p class="live">Reload this page after the fix.</p></noscript>\n'
        if error.syntax is not None:
            yield from self._syntax(error.syntax)
        elif self._focus is not None:
            name = f'<span class="function">{_text(self._focus.qualname)}</span>'
            yield '<section class="focus" aria-label="Where"><p class="place">'
            yield f'{self._file(self._focus.file, self._focus.line)} <span class="in">in</span> {name}</p>'
            yield f"{_code(self._focus)}</section>\n"

    def _file(self, file: str, line: int | None) -> str:
        """A path, relative to the working directory if it lies below; the whole path is its tool tip."""
        short = file.removeprefix(self._directory) if self._directory else file
        directory, slash, name = short.rpartition("/")
        number = f'<span class="line">:{line}</span>' if line is not None else ""
        above = f'<span class="directory">{_text(directory + slash)}</span>'
        return f'<span class="file" title="{_text(file)}">{above}<b>{_text(name)}</b>{number}</span>'

    def _syntax(self, place: SyntaxPlace) -> Iterator[str]:
        span = None
        if place.column is not None and place.end_column is not None:
            span = Span(place.line, place.column, place.line, place.end_column)
        lines, first = place.lines, place.first_line
        if not lines:
            lines, first = (place.text,), place.line
        yield '<section class="focus" aria-label="Where">'
        yield f'<p class="place">{self._file(place.file, place.line)}</p>'
        yield f"{_excerpt(lines, first, place.line, place.line, span)}</section>\n"

    def _chain(self, traces: tuple[Trace, ...]) -> Iterator[str]:
        for index, trace in enumerate(traces):
            if index:
                yield f'<section class="linked">\n<p class="link">{_LINKS[trace.link]}</p>\n'
                yield from _headline(trace, "h2")
                if trace.syntax is not None:
                    yield from self._syntax(trace.syntax)
            else:
                yield "<section>\n"
            yield from self._stack(trace.frames, _OPEN_FRAMES if index == 0 else 1)
            yield from self._group(trace)
            if trace.omitted:
                yield _note(f"{trace.omitted} more exceptions of this chain are left out.")
            yield "</section>\n"

    def _stack(self, frames: tuple[Frame, ...], open_frames: int) -> Iterator[str]:
        """The frames, newest first; runs of library frames are one line, the first own frames are open."""
        if not frames:
            return
        yield '<h3>Stack <small>newest call first</small></h3>\n<ol class="stack">\n'
        for own, run in groupby(reversed(frames), key=lambda frame: frame.own):
            together = list(run)
            if not own:
                yield '<li class="library"><details>'
                yield f'<summary>{_summary(together)}</summary>\n<ol class="stack">\n'
            for frame in together:
                is_open = own and open_frames > 0 and frame is not self._focus
                open_frames -= is_open
                yield f"<li>{self._frame(frame, is_open)}</li>\n"
            if not own:
                yield "</ol></details></li>\n"
        yield "</ol>\n"

    def _frame(self, frame: Frame, is_open: bool) -> str:
        extra = ""
        if frame.omitted:
            extra += _note(f"{frame.omitted} more frames between these two are left out.")
        if frame.repeats:
            what = "This call" if frame.period == 1 else f"These {frame.period} calls"
            extra += _note(f"{what} repeated {frame.repeats} more times.")
        name = f'<span class="function">{_text(frame.qualname)}</span>'
        code = (frame.code() or "").strip()
        preview = f'<code class="preview">{_text(code)}</code>' if code else ""
        opened = " open" if is_open else ""
        return (
            f"{extra}<details{opened}><summary>{name} {self._file(frame.file, frame.line)}{preview}</summary>"
            f"{_code(frame)}</details>"
        )

    def _group(self, trace: Trace) -> Iterator[str]:
        if not trace.group and not trace.group_omitted:
            return
        yield '<ul class="group">\n'
        for number, member in enumerate(trace.group, 1):
            yield f"<li><details open><summary>{number}. {_text(member[0].first_line())}</summary>\n"
            for index, each in enumerate(member):
                if index:
                    yield f'<p class="link">{_LINKS[each.link]}</p>\n'
                if index or each.notes or "\n" in each.message:
                    yield from _headline(each, "h4")
                if each.syntax is not None:
                    yield from self._syntax(each.syntax)
                yield from self._stack(each.frames, 1)
                yield from self._group(each)
            yield "</details></li>\n"
        if trace.group_omitted:
            yield f"<li>and {trace.group_omitted} more</li>\n"
        yield "</ul>\n"

    def _plain(self) -> Iterator[str]:
        if self._report.detail:
            yield '<details class="plain" open><summary>What the process wrote last</summary>'
            yield f"<pre>{_text(self._report.detail)}</pre></details>\n"
        yield '<details class="plain"><summary>Traceback as text</summary>'
        yield '<button type="button" id="copy" hidden>Copy</button>'
        yield f'<pre id="text">{_text(render_text(self._report))}</pre></details>\n'


def _headline(trace: Trace, tag: str) -> Iterator[str]:
    kind = f'<span class="type">{_type(trace.type)}</span>' if trace.type else ""
    size = ' class="long"' if len(trace.message) > 160 or "\n" in trace.message else ""
    message = f'<span class="message">{_text(trace.message)}</span>' if trace.message else ""
    yield f"<{tag}{size}>{kind}{message}</{tag}>\n"
    if trace.suggestion:
        yield f'<p class="suggestion">{_text(trace.suggestion)}</p>\n'
    for note in trace.notes:
        yield f'<p class="note">{_text(note)}</p>\n'


def _type(name: str) -> str:
    module, dot, last = name.rpartition(".")
    return f"<small>{_text(module + dot)}</small>{_text(last)}" if dot else _text(name)


def _note(sentence: str) -> str:
    return f'<p class="source-note">{_text(sentence)}</p>'


def _code(frame: Frame) -> str:
    note = _note(frame.source_note) if frame.source_note else ""
    if not frame.lines:
        return note
    last = frame.end_line if frame.end_line is not None else frame.line
    return _excerpt(frame.lines, frame.first_line, frame.line, last, frame.span) + note


def _excerpt(
    lines: tuple[str, ...], first: int, line: int | None, last: int | None, span: Span | None
) -> str:
    indent = _common_indent(lines)
    rows = []
    for number, (text, tokens) in enumerate(zip(lines, highlight(lines), strict=True), first):
        here = line is not None and last is not None and line <= number <= max(last, line)
        kind = ' class="here"' if here else ""
        rows.append(
            f"<span{kind}><i>{number}</i><code>{_marked(text, number, span, indent, tokens)}</code></span>"
        )
    return f'<pre class="code" tabindex="0">{"".join(rows)}</pre>'


def _common_indent(lines: tuple[str, ...]) -> int:
    """How many leading blanks all lines share, so that deep code starts at the left."""
    indents = [line[: len(line) - len(line.lstrip(" \t"))] for line in lines if line.strip()]
    if not indents:
        return 0
    shortest = min(indents, key=len)
    return len(shortest) if all(indent.startswith(shortest) for indent in indents) else 0


def _marked(text: str, number: int, span: Span | None, indent: int, tokens: list[Token]) -> str:
    """One line of code: tinted, its failing part marked, without the indent that all lines share."""
    if span is None or not span.line <= number <= span.end_line:
        return _tinted(text, indent, len(text), tokens)
    start = span.column if number == span.line else len(text) - len(text.lstrip())
    end = span.end_column if number == span.end_line else len(text.rstrip())
    start = min(max(start, indent), len(text))
    end = min(max(end, start), len(text))
    inside = _tinted(text, start, end, tokens) or " "  # a place behind the end of the line is seen, too
    return (
        f"{_tinted(text, indent, start, tokens)}<mark>{inside}</mark>{_tinted(text, end, len(text), tokens)}"
    )


def _tinted(text: str, start: int, end: int, tokens: list[Token]) -> str:
    parts = []
    for first, last, kind in tokens:
        first, last = max(first, start), min(last, end)
        if first < last:
            parts.append(f'{_text(text[start:first])}<em class="{kind}">{_text(text[first:last])}</em>')
            start = last
    return "".join(parts) + _text(text[start:end])


def _summary(frames: list[Frame]) -> str:
    packages: dict[str, None] = {}
    for frame in frames:
        packages[frame.module.partition(".")[0] or frame.file.rpartition("/")[2]] = None
    names = ", ".join(_text(name) for name in list(packages)[:4]) + (", ..." if len(packages) > 4 else "")
    count = sum(1 + frame.repeats * frame.period + frame.omitted for frame in frames)
    return f'{count} library frame{"s" if count > 1 else ""} <span class="directory">{names}</span>'


def _foot(report: Report) -> str:
    return f"<footer>Pilotlight · {_text(report.python)} · error id {_text(report.id)}</footer>\n"
