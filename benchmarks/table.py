"""From samples to the table and the judgement under it. Pure: no clock, no process."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from measures import Crash, Edit, Idle
from pages import DEEP, RECURSION, Extra, Pages
from stale import Staleness, Storm


@dataclass
class Row:
    """Everything measured of one contender with one app; lists have one sample per round (or edit)."""

    app: str
    contender: str
    reloads: bool = False
    requests_per_second: list[float] = field(default_factory=list)
    cpu_microseconds: list[float] = field(default_factory=list)
    quiet_requests_per_second: list[float] = field(default_factory=list)
    quiet_cpu_microseconds: list[float] = field(default_factory=list)
    import_seconds: list[float] = field(default_factory=list)
    cold_start_seconds: list[float] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    after_edited_seconds: list[float] = field(default_factory=list)
    """What bare Python needs for the modules after the edited one."""
    memory_bytes: list[float] = field(default_factory=list)
    memory_after_edits_bytes: list[float] = field(default_factory=list)
    staleness: list[Staleness] = field(default_factory=list)
    storms: list[Storm] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    pages: list[Pages] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)
    errors: int = 0
    """Requests under load without a good answer."""
    problems: list[str] = field(default_factory=list)
    """Measurements that did not come about, in words."""

    @property
    def ours(self) -> bool:
        """A way to run Pilotlight."""
        return self.contender.startswith("pilotlight")

    @property
    def edit_seconds(self) -> list[float]:
        """Save to fresh response; infinite for an edit that was not seen."""
        return [math.inf if edit.seconds is None else edit.seconds for edit in self.edits]

    @property
    def crash_seconds(self) -> list[float]:
        """Crash to the next good answer; infinite where none came."""
        return [math.inf if crash.seconds is None else crash.seconds for crash in self.crashes]

    def pages_of(self, target: str) -> list[Pages]:
        """Those about one of the two errors."""
        return [each for each in self.pages if each.target == target]


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least that share of all samples does not exceed (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def milliseconds(seconds: float) -> str:
    """In milliseconds, without the unit; what is infinite never happened."""
    return "never" if math.isinf(seconds) else f"{seconds * 1000:,.0f}"


def _spread(samples: Sequence[float], scale: float, digits: int = 0) -> str:
    if not samples:
        return "–"
    shown = [
        f"{value * scale:,.{digits}f}" for value in (statistics.median(samples), min(samples), max(samples))
    ]
    return shown[0] if len(samples) == 1 else f"{shown[0]} ({shown[1]}–{shown[2]})"


def _edit(row: Row) -> str:
    if not row.edits:
        return "–"
    taken = row.edit_seconds
    text = f"{milliseconds(statistics.median(taken))} / {milliseconds(percentile(taken, 0.9))}"
    counts = (
        ("stale", sum(edit.stale > 0 for edit in row.edits)),
        ("refused", sum(edit.refused > 0 for edit in row.edits)),
        ("other status", sum(edit.errors > 0 for edit in row.edits)),
        ("not seen", sum(edit.seconds is None for edit in row.edits)),
    )
    return "".join([text, *(f", {name} in {count} of {len(taken)}" for name, count in counts if count)])


def _stale(row: Row) -> str:
    if not row.staleness:
        return "–"
    stale, requests = sum(each.stale for each in row.staleness), sum(each.requests for each in row.staleness)
    failed = sum(each.failed for each in row.staleness)
    return f"{stale:,} of {requests:,}" + (f", {failed:,} failed" if failed else "")


def _storm(row: Row) -> str:
    if not row.storms:
        return "–"
    kinds: dict[str, int] = {}
    for each in row.storms:
        for kind, count in [*each.failures.items(), ("stale", each.stale)]:
            kinds[kind] = kinds.get(kind, 0) + count
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count) or "0"
    requests, reloads = (sum(getattr(each, name) for each in row.storms) for name in ("requests", "reloads"))
    return f"{counts} of {requests:,} in {reloads:,} reloads"


def _idle(row: Row) -> str:
    if not row.idle:
        return "–"
    return f"{statistics.median(each.cpu_seconds / each.seconds for each in row.idle) * 100:.2f}"


def _crash(row: Row) -> str:
    if not row.crashes:
        return "–"
    taken = row.crash_seconds
    return f"{milliseconds(statistics.median(taken))} / {milliseconds(percentile(taken, 0.9))}"


def _pages(target: str) -> Callable[[Row], str]:
    def shown(row: Row) -> str:
        pages = row.pages_of(target)
        if not pages:
            return "–"
        samples = (
            [each.first for each in pages],
            [each.edited for each in pages],
            [seconds for each in pages for seconds in each.warm],
        )
        times = " / ".join(milliseconds(statistics.median(each)) for each in samples)
        return f"{times}, {max(each.size for each in pages) / 1024:,.0f} KiB"

    return shown


def _plain(row: Row) -> str:
    return _spread([seconds for each in row.pages for seconds in each.plain], 1000, 1)


def _start(row: Row) -> str:
    return _spread([each.start_seconds for each in row.pages], 1000)


COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("app", lambda row: row.app),
    ("server", lambda row: row.contender),
    ("requests/s", lambda row: _spread(row.requests_per_second, 1)),
    ("CPU µs/request", lambda row: _spread(row.cpu_microseconds, 1)),
    ("requests/s, no log", lambda row: _spread(row.quiet_requests_per_second, 1)),
    ("CPU µs, no log", lambda row: _spread(row.quiet_cpu_microseconds, 1)),
    ("cold start ms", lambda row: _spread(row.cold_start_seconds, 1000)),
    ("bare import ms", lambda row: _spread(row.import_seconds, 1000)),
    ("edit ms, median / p90", _edit),
    ("bare modules after ms", lambda row: _spread(row.after_edited_seconds, 1000)),
    ("memory MB", lambda row: _spread(row.memory_bytes, 1e-6)),
    ("memory MB after edits", lambda row: _spread(row.memory_after_edits_bytes, 1e-6)),
    ("stale answers", _stale),
    ("failed under load", _storm),
    ("idle % of a core", _idle),
    ("crash ms, median / p90", _crash),
    ("plain request ms", _plain),
    ("first answer ms", _start),
    ("28-frame error ms, first / after an edit / warm", _pages(DEEP)),
    ("1,000-deep recursion, likewise", _pages(RECURSION)),
)


def markdown(rows: Sequence[Row]) -> str:
    """One table; rows and columns that nothing was measured for are left out."""
    cells = [[text(row) for _, text in COLUMNS] for row in rows]
    cells = [line for line in cells if any(cell != "–" for cell in line[2:])]
    kept = [index for index in range(len(COLUMNS)) if index < 2 or any(line[index] != "–" for line in cells)]
    return aligned(
        [[COLUMNS[index][0] for index in kept], *([line[index] for index in kept] for line in cells)]
    )


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first line is its head."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
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
