"""What is wanted of Pilotlight, and whether the samples show it. Pure: no clock, no process.

Must never judge what was not measured, and must never leave a miss out.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pages import DEEP, RECURSION, Pages
from table import Row, aligned, milliseconds, percentile

Figure = Callable[[Row], "float | None"]
"""The figure of a contender that is compared, or None if it was not measured."""


@dataclass(frozen=True)
class Aim:
    """One figure that Pilotlight, in each of its ways with a reloader, should not exceed."""

    measure: str
    app: str
    aim: str
    figure: Figure
    limit: Callable[[Row, Sequence[Row]], float | None]
    """The most that this row may have, given all rows; None if what it depends on was not measured."""
    show: Callable[[float], str]
    volume: Callable[[Row], str] = lambda row: ""
    """Out of how much, where the figure is a count."""


@dataclass(frozen=True)
class Verdict:
    """One line of the judgement."""

    measure: str
    aim: str
    contender: str
    value: str
    peers: str
    ratio: str
    met: bool


def _median(samples: Sequence[float]) -> float | None:
    return statistics.median(samples) if samples else None


def _worst(samples: Sequence[float]) -> float | None:
    return percentile(samples, 0.9) if samples else None


def _ms(seconds: float) -> str:
    return milliseconds(seconds) + ("" if math.isinf(seconds) else " ms")


def _mb(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def _fixed(most: float) -> Callable[[Row, Sequence[Row]], float | None]:
    return lambda row, rows: most


def _of_flask(figure: Figure) -> Callable[[Row, Sequence[Row]], float | None]:
    def limit(row: Row, rows: Sequence[Row]) -> float | None:
        theirs = [each for each in rows if each.app == row.app and each.contender == "flask run --debug"]
        return figure(theirs[0]) if theirs else None

    return limit


def _after_import(row: Row, rows: Sequence[Row]) -> float | None:
    bare = _median(row.import_seconds)
    return None if bare is None else 1.1 * bare + 0.06


def _after_modules(row: Row, rows: Sequence[Row]) -> float | None:
    bare = _median(row.after_edited_seconds)
    return None if bare is None else bare + 0.04


def _edit(row: Row) -> float | None:
    return _median(row.edit_seconds)


def _late_edit(row: Row) -> float | None:
    return _worst(row.edit_seconds)


def _stale(row: Row) -> float | None:
    return sum(each.stale for each in row.staleness) if row.staleness else None


def _failed_at_once(row: Row) -> float | None:
    return sum(each.failed for each in row.staleness) if row.staleness else None


def _failed(row: Row) -> float | None:
    return sum(each.failed for each in row.storms) if row.storms else None


def _stale_under_load(row: Row) -> float | None:
    return sum(each.stale for each in row.storms) if row.storms else None


def _cold(row: Row) -> float | None:
    return _median(row.cold_start_seconds)


def _idle(row: Row) -> float | None:
    return _median([100 * each.cpu_seconds / each.seconds for each in row.idle])


def _memory(row: Row) -> float | None:
    return _median(row.memory_bytes)


def _later_memory(row: Row) -> float | None:
    return _median(row.memory_after_edits_bytes)


def _crash(row: Row) -> float | None:
    return _median(row.crash_seconds)


def _over_plain(target: str, times: Callable[[Pages], list[float]]) -> Figure:
    """A page's time over that of a request that does not fail."""

    def figure(row: Row) -> float | None:
        found = _median([seconds for each in row.pages_of(target) for seconds in times(each)])
        plain = _median([seconds for each in row.pages for seconds in each.plain])
        return None if found is None or plain is None else found - plain

    return figure


def _size(target: str) -> Figure:
    return lambda row: max((each.size for each in row.pages_of(target)), default=None)


def _kib(size: float) -> str:
    return f"{size / 1024:,.1f} KiB"


def _extra_start(row: Row) -> float | None:
    return _median([each.start_seconds for each in row.extras])


def _extra_cost(row: Row) -> float | None:
    return _median([each for extra in row.extras for each in extra.cpu_microseconds])


def _cost(microseconds: float) -> str:
    return f"{microseconds:,.1f} µs"


def _first_page(page: Pages) -> list[float]:
    return [page.first]


def _page_after_edit(page: Pages) -> list[float]:
    return [page.edited]


def _warm_pages(page: Pages) -> list[float]:
    return page.warm


PAGE_AIMS = (
    ("28-frame error, first page over a plain request", DEEP, 50, _first_page),
    ("28-frame error, first page after an edit, likewise", DEEP, 50, _page_after_edit),
    ("28-frame error, warm page, likewise", DEEP, 20, _warm_pages),
    ("1,000-deep recursion, first page, likewise", RECURSION, 60, _first_page),
    ("1,000-deep recursion, warm page, likewise", RECURSION, 60, _warm_pages),
)
"""Text, target, milliseconds, which times."""
SAME_START = 0.005
"""Seconds by which medians of the same start differ on a machine with other users."""


def _asked(row: Row) -> str:
    return f" of {sum(each.requests for each in row.staleness):,}"


def _asked_under_load(row: Row) -> str:
    requests, reloads = (sum(getattr(each, name) for each in row.storms) for name in ("requests", "reloads"))
    return f" of {requests:,} in {reloads:,} reloads"


def _count(number: float) -> str:
    return f"{number:,.0f}"


AIMS = (
    Aim("one-file Flask app, edit: median", "flask", "15 ms", _edit, _fixed(0.015), _ms),
    Aim("one-file Flask app, edit: p90", "flask", "40 ms", _late_edit, _fixed(0.04), _ms),
    Aim("heavy package, a view edited", "heavy", "40 ms", _edit, _fixed(0.04), _ms),
    Aim(
        "heavy package, a module edited that all others import",
        "heavy-core",
        "modules after it + 40 ms",
        _edit,
        _after_modules,
        _ms,
    ),
    Aim("Django project, a view edited", "django", "60 ms", _edit, _fixed(0.06), _ms),
    *(
        Aim(f"{text} ({app})", app, "0", figure, _fixed(0), _count, volume)
        for text, figure, volume in (
            ("stale answers to requests sent after a save returned", _stale, _asked),
            ("failed requests right after a save", _failed_at_once, _asked),
            ("failed requests under load", _failed, _asked_under_load),
            ("stale answers under load", _stale_under_load, _asked_under_load),
        )
        for app in ("flask", "fastapi")
    ),
    *(
        Aim(f"cold start ({app})", app, "1.1 × bare import + 60 ms", _cold, _after_import, _ms)
        for app in ("flask", "asgi", "fastapi", "heavy", "django")
    ),
    Aim("idle, unrelated files around", "flask", "0.1 % of a core", _idle, _fixed(0.1), "{:.2f} %".format),
    Aim("memory, heavy package", "heavy", "that of flask run --debug", _memory, _of_flask(_memory), _mb),
    Aim(
        "memory, heavy package, after edits",
        "heavy",
        "that of flask run --debug",
        _later_memory,
        _of_flask(_later_memory),
        _mb,
    ),
    *(
        Aim(f"crashed worker to next answer ({app})", app, "50 ms", _crash, _fixed(0.05), _ms)
        for app in ("flask", "fastapi", "heavy")
    ),
    *(
        Aim(text, "failing", f"{most} ms", _over_plain(target, times), _fixed(most / 1000), _ms)
        for text, target, most, times in PAGE_AIMS
    ),
    Aim("28-frame error, page size", "failing", "80 KiB", _size(DEEP), _fixed(80 * 1024), _kib),
    Aim("1,000-deep recursion, page size", "failing", "100 KiB", _size(RECURSION), _fixed(100 * 1024), _kib),
    Aim(
        "start-up, more than without debugger",
        "failing",
        "0 (and 5 ms of noise)",
        _extra_start,
        _fixed(SAME_START),
        _ms,
    ),
    Aim(
        "CPU of a request without error, likewise",
        "failing",
        "10 µs",
        _extra_cost,
        _fixed(10),
        _cost,
    ),
)


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """One for each aim and each way to run Pilotlight with a reloader, as far as they were measured."""
    found = []
    for aim in AIMS:
        measured = [row for row in rows if row.app == aim.app and row.reloads and aim.figure(row) is not None]
        peers = [row for row in measured if not row.ours]
        for row in measured:
            limit = aim.limit(row, rows)
            if row.ours and limit is not None:
                found.append(_verdict(aim, row, limit, peers))
    return found


def _verdict(aim: Aim, row: Row, limit: float, peers: Sequence[Row]) -> Verdict:
    value = _known(aim, row)
    theirs = [f"{peer.contender}: {aim.show(_known(aim, peer))}{aim.volume(peer)}" for peer in peers]
    best = min((_known(aim, peer) for peer in peers), default=math.inf)
    return Verdict(
        aim.measure,
        aim.aim if aim.aim[0].isdigit() and aim.limit(row, []) == limit else f"{aim.aim} = {aim.show(limit)}",
        row.contender,
        aim.show(value) + aim.volume(row),
        ", ".join(theirs) or "–",
        f"{value / best:.2f}" if best and not math.isinf(best) else "–",
        value <= limit,
    )


def _known(aim: Aim, row: Row) -> float:
    figure = aim.figure(row)
    assert figure is not None, "only what was measured is judged"
    return figure


def judgement(rows: Sequence[Row]) -> str:
    """The table of all verdicts; empty if none of the aims was measured."""
    lines = [
        [
            each.measure,
            each.aim,
            each.contender,
            each.value,
            each.peers,
            each.ratio,
            "met" if each.met else "MISSED",
        ]
        for each in verdicts(rows)
    ]
    head = ["measure", "aim, at most", "server", "value", "peers", "of the best peer", ""]
    return aligned([head, *lines]) if lines else ""


@dataclass(frozen=True)
class Comparison:
    """One thing that is wanted of Pilotlight without a reloader: a figure over that of a peer."""

    text: str
    app: str
    field: str
    peer: str
    least: float | None = None
    most: float | None = None

    def judge(self, rows: Sequence[Row]) -> str | None:
        """One line, or None if it was not measured."""
        ours, theirs = (_of(rows, self.app, name, self.field) for name in ("pilotlight", self.peer))
        if not ours or not theirs:
            return None
        ratio = ours / theirs
        good = (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)
        aim = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        return f"{'met' if good else 'MISSED'}: {self.text}: {ratio:.2f} times {self.peer} (aim: {aim})"


def _of(rows: Sequence[Row], app: str, contender: str, name: str) -> float | None:
    found = [row for row in rows if (row.app, row.contender) == (app, contender)]
    return _median(getattr(found[0], name)) if found else None


_WERKZEUG = "flask run (Werkzeug)"
COMPARISONS = (
    Comparison("Flask app, requests/s", "flask", "requests_per_second", _WERKZEUG, least=3.5),
    Comparison("Flask app, requests/s", "flask", "requests_per_second", "granian wsgi", least=1.0),
    Comparison("Flask app, CPU per request", "flask", "cpu_microseconds", "granian wsgi", most=1.0),
    Comparison("ASGI app, requests/s", "asgi", "requests_per_second", "uvicorn", least=1.3),
    Comparison(
        "Flask app without log, requests/s", "flask", "quiet_requests_per_second", _WERKZEUG, least=3.5
    ),
    Comparison(
        "Flask app without log, requests/s", "flask", "quiet_requests_per_second", "granian wsgi", least=1.0
    ),
    Comparison(
        "Flask app without log, CPU per request", "flask", "quiet_cpu_microseconds", "granian wsgi", most=1.0
    ),
    Comparison("ASGI app without log, requests/s", "asgi", "quiet_requests_per_second", "uvicorn", least=1.3),
)


def comparisons(rows: Sequence[Row]) -> list[str]:
    """One line for each comparison that was measured."""
    return [line for each in COMPARISONS if (line := each.judge(rows))]


COLD_START_AIM = 0.1
"""Seconds that a cold start without a reloader may take over importing the app in bare Python."""


def cold_starts(rows: Sequence[Row]) -> list[str]:
    """One line for each cold start of Pilotlight without a reloader."""
    lines = []
    for row in rows:
        cold, bare = _median(row.cold_start_seconds), _median(row.import_seconds)
        if row.ours and not row.reloads and cold is not None and bare is not None:
            verdict = "met" if cold - bare <= COLD_START_AIM else "MISSED"
            what = f"{row.contender} with {row.app}, cold start over bare import"
            lines.append(f"{verdict}: {what}: {_ms(cold - bare)} (aim: at most {_ms(COLD_START_AIM)})")
    return lines
