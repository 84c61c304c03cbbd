"""From samples to the table and the judgement under it. Pure: no clock, no process."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """Everything measured of one contender with one app; lists have one sample per round (or edit)."""

    app: str
    contender: str
    requests_per_second: list[float] = field(default_factory=list)
    cpu_microseconds: list[float] = field(default_factory=list)
    quiet_requests_per_second: list[float] = field(default_factory=list)
    quiet_cpu_microseconds: list[float] = field(default_factory=list)
    import_seconds: list[float] = field(default_factory=list)
    cold_start_seconds: list[float] = field(default_factory=list)
    edit_seconds: list[float] = field(default_factory=list)
    edits_with_failures: int = 0
    memory_bytes: list[float] = field(default_factory=list)
    errors: int = 0
    """Requests under load without a good answer."""
    problems: list[str] = field(default_factory=list)
    """Measurements that did not come about, in words."""


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least that share of all samples does not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _spread(samples: Sequence[float], scale: float, digits: int = 0) -> str:
    if not samples:
        return "–"
    shown = [
        f"{value * scale:,.{digits}f}" for value in (statistics.median(samples), min(samples), max(samples))
    ]
    return shown[0] if len(samples) == 1 else f"{shown[0]} ({shown[1]}–{shown[2]})"


def _edit(row: Row) -> str:
    if not row.edit_seconds:
        return "–"
    failed = (
        f", refused in {row.edits_with_failures} of {len(row.edit_seconds)}"
        if row.edits_with_failures
        else ""
    )
    median, late = statistics.median(row.edit_seconds), percentile(row.edit_seconds, 0.9)
    return f"{median * 1000:,.0f} / {late * 1000:,.0f}{failed}"


COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("app", lambda row: row.app),
    ("server", lambda row: row.contender),
    ("requests/s", lambda row: _spread(row.requests_per_second, 1)),
    ("CPU µs/request", lambda row: _spread(row.cpu_microseconds, 1)),
    ("requests/s, no log", lambda row: _spread(row.quiet_requests_per_second, 1)),
    ("CPU µs, no log", lambda row: _spread(row.quiet_cpu_microseconds, 1)),
    ("cold start ms", lambda row: _spread(row.cold_start_seconds, 1000)),
    ("edit ms, median / p90", _edit),
    ("memory MB", lambda row: _spread(row.memory_bytes, 1e-6)),
)


def markdown(rows: Sequence[Row]) -> str:
    """One table; columns that nothing was measured for are left out."""
    cells = [[text(row) for _, text in COLUMNS] for row in rows]
    kept = [index for index in range(len(COLUMNS)) if index < 2 or any(line[index] != "–" for line in cells)]
    lines = [[COLUMNS[index][0] for index in kept], *([line[index] for index in kept] for line in cells)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(kept))]
    ruled = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in [lines[0], ruled, *lines[1:]]
    )


def remarks(rows: Sequence[Row]) -> list[str]:
    """What went wrong, in sentences: nothing that failed may be missing from the result."""
    found = []
    for row in rows:
        name = f"{row.contender} with {row.app}"
        if row.errors:
            found.append(f"{name}: {row.errors} requests under load had no good answer.")
        found += [f"{name}: {problem}" for problem in row.problems]
    return found


def _median(rows: Sequence[Row], app: str, contender: str, field_name: str) -> float | None:
    for row in rows:
        if (row.app, row.contender) == (app, contender):
            samples = getattr(row, field_name)
            return statistics.median(samples) if samples else None
    return None


@dataclass(frozen=True)
class Aim:
    """One thing that is wanted of Pilotlight: a figure over that of a peer."""

    text: str
    app: str
    field: str
    peer: str
    least: float | None = None
    most: float | None = None

    def judge(self, rows: Sequence[Row]) -> str | None:
        """One line, or None if it was not measured."""
        ours, theirs = (_median(rows, self.app, name, self.field) for name in ("pilotlight", self.peer))
        if not ours or not theirs:
            return None
        ratio = ours / theirs
        good = (self.least is None or ratio >= self.least) and (self.most is None or ratio <= self.most)
        aim = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        return f"{'met' if good else 'MISSED'}: {self.text}: {ratio:.2f} times {self.peer} (aim: {aim})"


AIMS = (
    Aim("Flask app, requests/s", "flask", "requests_per_second", "flask run (Werkzeug)", least=3.5),
    Aim("Flask app, requests/s", "flask", "requests_per_second", "granian wsgi", least=1.0),
    Aim("Flask app, CPU per request", "flask", "cpu_microseconds", "granian wsgi", most=1.0),
    Aim("ASGI app, requests/s", "asgi", "requests_per_second", "uvicorn", least=1.3),
    Aim(
        "Flask app without log, requests/s",
        "flask",
        "quiet_requests_per_second",
        "flask run (Werkzeug)",
        least=3.5,
    ),
    Aim("Flask app without log, requests/s", "flask", "quiet_requests_per_second", "granian wsgi", least=1.0),
    Aim(
        "Flask app without log, CPU per request", "flask", "quiet_cpu_microseconds", "granian wsgi", most=1.0
    ),
    Aim("ASGI app without log, requests/s", "asgi", "quiet_requests_per_second", "uvicorn", least=1.3),
)
COLD_START_AIM = 0.1
"""Seconds that a cold start may take over importing the app in bare Python."""


def judgements(rows: Sequence[Row]) -> list[str]:
    """One line for each aim that was measured."""
    lines = [line for aim in AIMS if (line := aim.judge(rows))]
    for row in rows:
        if row.contender.startswith("pilotlight") and row.cold_start_seconds and row.import_seconds:
            extra = statistics.median(row.cold_start_seconds) - statistics.median(row.import_seconds)
            verdict = "met" if extra <= COLD_START_AIM else "MISSED"
            aim = f"(aim: at most {COLD_START_AIM * 1000:.0f})"
            what = f"{row.contender} with {row.app}, cold start over bare import"
            lines.append(f"{verdict}: {what}: {extra * 1000:.0f} ms {aim}")
    return lines
