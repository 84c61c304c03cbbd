"""What surrounds the error on the page: the request, what happened while it was answered, the environment.
Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pilotlight.debugger.model import Moment, Report, RequestView, Section

from .markup import counted, duration, escaped, note
from .page_values import section

_LATEST = 12
_SHORT_TABLE = 8
_CLOSED = frozenset({"headers", "cookies", "environment"})
_BAD_LEVELS = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error", "FATAL": "error"}


def request_part(request: RequestView) -> Iterator[str]:
    """The request that failed: its line, and its tables."""
    yield "<section id=request>\n<h2 class=title>Request</h2>\n"
    yield f"<p class=url><b>{escaped(request.method)}</b> {escaped(request.url)}</p>\n"
    facts = []
    if request.route:
        facts.append(f"route {escaped(request.route)}")
    if request.client:
        facts.append(f"from {escaped(request.client)}")
    if request.body_bytes:
        facts.append(f"body of {counted(request.body_bytes, 'byte')}")
    if facts:
        yield f"<p class=facts>{' · '.join(facts)}</p>\n"
    yield from _sections(request.sections)
    if request.curl:
        yield "<details class=table><summary>As a curl command</summary>"
        yield f"<pre id=curl>{escaped(request.curl)}</pre></details>\n"
    yield "</section>\n"


def timeline_part(report: Report) -> Iterator[str]:
    """Log records and queries, in the order in which they happened."""
    moments = report.timeline
    queries = [moment for moment in moments if moment.kind == "sql"]
    counts = []
    if len(moments) > len(queries):
        counts.append(counted(len(moments) - len(queries), "log record"))
    if queries:
        took = sum(moment.took or 0.0 for moment in queries)
        counts.append(f"{len(queries):,} {'query' if len(queries) == 1 else 'queries'} in {duration(took)}")
    yield f"<section id=timeline>\n<h2 class=title>Timeline <small>{' · '.join(counts)}</small></h2>\n"
    if report.timeline_omitted:
        yield note(f"{counted(report.timeline_omitted, 'earlier record')} left out.")
    early = len(moments) - _LATEST if len(moments) > _LATEST + 3 else 0
    if early:
        yield f"<details class=rest><summary>{early} earlier</summary>{_moments(moments[:early])}</details>\n"
    yield f"{_moments(moments[early:])}</section>\n"


def environment_part(sections: tuple[Section, ...]) -> Iterator[str]:
    """Versions, process, variables."""
    yield "<section id=environment>\n<h2 class=title>Environment</h2>\n"
    yield from _sections(sections)
    yield "</section>\n"


def _sections(sections: tuple[Section, ...]) -> Iterator[str]:
    for each in sections:
        is_short = len(each.pairs) <= _SHORT_TABLE
        yield section(each, is_open=is_short and each.title.lower() not in _CLOSED)


def _moments(moments: tuple[Moment, ...]) -> str:
    return f"<ol class=timeline>{''.join(_moment(moment) for moment in moments)}</ol>\n"


def _moment(moment: Moment) -> str:
    label = "SQL" if moment.kind == "sql" else moment.level or "LOG"
    kind = "sql" if moment.kind == "sql" else _BAD_LEVELS.get(moment.level, "log")
    took = f" <small>{duration(moment.took)}</small>" if moment.took is not None else ""
    return (
        f"<li><span class=at>{duration(moment.seconds)}</span><b class={kind}>{escaped(label)}</b>"
        f"<span class=said><small>{escaped(moment.source)}</small> "
        f"<code>{escaped(moment.text)}</code>{took}</span>\n"
    )
