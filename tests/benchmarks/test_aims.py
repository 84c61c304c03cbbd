"""The judgement: limits, ratios and misses follow from the samples; what was not measured is not judged."""

from __future__ import annotations

import pytest

from aims import Verdict, cold_starts, comparisons, judgement, verdicts
from measures import Crash, Edit, Idle
from pages import DEEP, RECURSION, Extra, Pages
from stale import Staleness, Storm
from table import Row

OURS = "pilotlight --debug"


def ours(app: str, **samples: object) -> Row:
    return Row(app, OURS, reloads=True, **samples)  # type: ignore[arg-type]


def edits(*seconds: float | None) -> list[Edit]:
    return [Edit("rename", each, 0, 0, 0) for each in seconds]


def judged(*rows: Row) -> dict[str, Verdict]:
    return {each.measure: each for each in verdicts(rows)}


def test_nothing_measured_nothing_judged() -> None:
    assert verdicts([ours("flask")]) == []
    assert judgement([ours("flask")]) == ""


@pytest.mark.parametrize(("late", "met"), [(0.04, True), (0.041, False), (None, False)])
def test_edits_are_judged_by_median_and_p90(late: float | None, met: bool) -> None:
    found = judged(ours("flask", edits=edits(*[0.01] * 8, late, late)))
    assert found["one-file Flask app, edit: median"].met
    assert found["one-file Flask app, edit: p90"].met is met


def test_the_ratio_is_to_the_best_peer_and_all_peers_are_shown() -> None:
    peers = [
        Row("flask", "slow", reloads=True, edits=edits(0.8)),
        Row("flask", "fast", reloads=True, edits=edits(0.1)),
        Row("flask", "blind", reloads=True, edits=edits(None)),
    ]
    found = judged(ours("flask", edits=edits(0.01)), *peers)["one-file Flask app, edit: median"]
    assert found.ratio == "0.10"
    assert found.peers == "slow: 800 ms, fast: 100 ms, blind: never"


@pytest.mark.parametrize(("seconds", "met"), [(1.04, True), (1.05, False)])
def test_a_central_module_is_compared_with_the_modules_after_it(seconds: float, met: bool) -> None:
    name = "heavy package, a module edited that all others import"
    found = judged(ours("heavy-core", edits=edits(seconds), after_edited_seconds=[1.0]))[name]
    assert found.met is met
    assert "1,040 ms" in found.aim
    assert not judged(ours("heavy-core", edits=edits(seconds)))


@pytest.mark.parametrize(("seconds", "met"), [(0.28, True), (0.281, False)])
def test_cold_start_is_judged_against_the_bare_import(seconds: float, met: bool) -> None:
    row = ours("flask", cold_start_seconds=[seconds], import_seconds=[0.2])
    assert judged(row)["cold start (flask)"].met is met


def test_one_stale_or_failed_request_is_a_miss_and_the_volume_is_shown() -> None:
    clean = Staleness(500, 1000, 0, 0, 0, 60)
    stale = Staleness(500, 1000, 1, 0, 0, 60)
    name = "stale answers to requests sent after a save returned (flask)"
    assert judged(ours("flask", staleness=[clean]))[name].met
    found = judged(ours("flask", staleness=[clean, stale]))[name]
    assert not found.met
    assert found.value == "1 of 2,000"
    storm = Storm(50, 210, 200, 12_345, 0, {"reset": 1}, 0, 0.5, 60)
    found = judged(ours("fastapi", storms=[storm]))["failed requests under load (fastapi)"]
    assert not found.met
    assert found.value == "1 of 12,345 in 200 reloads"


def test_idle_crash_and_memory() -> None:
    flask = Row(
        "heavy", "flask run --debug", reloads=True, memory_bytes=[100.0], memory_after_edits_bytes=[200.0]
    )
    heavy = ours(
        "heavy", memory_bytes=[100.0], memory_after_edits_bytes=[201.0], crashes=[Crash(0.05, "500")]
    )
    found = judged(heavy, flask, ours("flask", idle=[Idle(60, 0.07, 0.1)]))
    assert found["memory, heavy package"].met
    assert not found["memory, heavy package, after edits"].met
    assert found["crashed worker to next answer (heavy)"].met
    assert not found["idle, unrelated files around"].met
    assert "MISSED" in judgement([heavy, flask])


@pytest.mark.parametrize(("rate", "verdict"), [(3500.0, "met"), (3400.0, "MISSED")])
def test_throughput_is_compared_by_medians(rate: float, verdict: str) -> None:
    rows = [
        Row("flask", "pilotlight", requests_per_second=[rate]),
        Row("flask", "flask run (Werkzeug)", requests_per_second=[1000.0]),
    ]
    (line,) = comparisons(rows)
    assert line.startswith(f"{verdict}: Flask app, requests/s")


@pytest.mark.parametrize(("seconds", "verdict"), [(0.299, "met"), (0.301, "MISSED")])
def test_cold_start_without_a_reloader(seconds: float, verdict: str) -> None:
    row = Row("flask", "pilotlight", cold_start_seconds=[seconds], import_seconds=[0.2])
    assert cold_starts([row])[0].startswith(f"{verdict}: pilotlight with flask, cold start")


def page(target: str, *, first: float = 0.05, warm: float = 0.02, size: int = 1024) -> Pages:
    return Pages(target, 0.3, [0.001], first, [warm], first, size)


@pytest.mark.parametrize(("first", "warm", "met"), [(0.051, 0.021, True), (0.0511, 0.0211, False)])
def test_pages_are_judged_over_a_plain_request(first: float, warm: float, met: bool) -> None:
    found = judged(ours("failing", pages=[page(DEEP, first=first, warm=warm)]))
    names = ("first page over a plain request", "first page after an edit, likewise", "warm page, likewise")
    assert [found[f"28-frame error, {name}"].met for name in names] == [met] * 3


def test_the_largest_page_counts() -> None:
    pages = [
        page(DEEP, size=80 * 1024),
        page(RECURSION, size=100 * 1024),
        page(RECURSION, size=100 * 1024 + 1),
    ]
    found = judged(ours("failing", pages=pages))
    assert found["28-frame error, page size"].met
    assert not found["1,000-deep recursion, page size"].met


@pytest.mark.parametrize(("costs", "met"), [([-3.0, 10.0, 12.0], True), ([-3.0, 10.1, 12.0], False)])
def test_what_the_debugger_costs_more_is_a_median_of_differences(costs: list[float], met: bool) -> None:
    extras = [Extra(0.004, costs), Extra(0.5, []), Extra(-0.1, [])]
    found = judged(ours("failing", extras=extras))
    assert found["CPU of a request without error, likewise"].met is met
    assert found["start-up, more than without debugger"].met
