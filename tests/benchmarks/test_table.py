"""From samples to the table: what was measured is shown, what failed is not hidden, and aims are judged."""

from __future__ import annotations

import pytest

from contenders import CONTENDERS
from load import Load, read_wrk
from table import Row, judgements, markdown, percentile, remarks


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [
        ([3.0], 0.9, 3.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
        ([float(n) for n in range(1, 11)], 0.9, 9.0),
        ([2, 1], 1, 2),
    ],
)
def test_percentile(samples: list[float], share: float, expected: float) -> None:
    assert percentile(samples, share) == expected


def test_table_shows_median_and_spread_and_only_what_was_measured() -> None:
    row = Row("flask", "granian wsgi", requests_per_second=[1000.0, 3000.0, 2000.0])
    text = markdown([row])
    assert "2,000 (1,000–3,000)" in text
    assert "memory" not in text


def test_edits_show_refused_requests() -> None:
    row = Row("flask", "x", edit_seconds=[0.1, 0.2, 0.9], edits_with_failures=2)
    assert "200 / 900, refused in 2 of 3" in markdown([row])


def test_failures_are_part_of_the_result() -> None:
    row = Row("flask", "x", errors=3, problems=["edit: no fresh response within 20 s"])
    assert remarks([row]) == [
        "x with flask: 3 requests under load had no good answer.",
        "x with flask: edit: no fresh response within 20 s",
    ]


@pytest.mark.parametrize(("ours", "verdict"), [(3500.0, "met"), (3400.0, "MISSED")])
def test_aims_are_judged_by_medians(ours: float, verdict: str) -> None:
    rows = [
        Row("flask", "pilotlight", requests_per_second=[ours]),
        Row("flask", "flask run (Werkzeug)", requests_per_second=[1000.0]),
    ]
    lines = judgements(rows)
    assert len(lines) == 1
    assert lines[0].startswith(f"{verdict}: Flask app, requests/s")


@pytest.mark.parametrize(("seconds", "verdict"), [(0.299, "met"), (0.301, "MISSED")])
def test_cold_start_is_judged_against_the_bare_import(seconds: float, verdict: str) -> None:
    row = Row("flask", "pilotlight --debug", cold_start_seconds=[seconds], import_seconds=[0.2])
    assert judgements([row])[0].startswith(f"{verdict}: pilotlight --debug with flask, cold start")


WRK = """Running 1s test @ http://127.0.0.1:5000/
  1 threads and 32 connections
  8545 requests in 1.10s, 1.40MB read
  Socket errors: connect 0, read 2, write 0, timeout 1
  Non-2xx or 3xx responses: 4
Requests/sec:   7768.18
"""


def test_report_of_wrk() -> None:
    assert read_wrk(WRK) == Load(8545, 1.1, 7)
    with pytest.raises(ValueError, match="not a report"):
        read_wrk("unable to connect")


def test_log_policy_is_the_same_for_all() -> None:
    for contender in CONTENDERS:
        for app in contender.apps:
            loud = (contender.command(app, 1), contender.variables())
            quiet = (contender.command(app, 1, log=False), contender.variables(log=False))
            assert loud != quiet
