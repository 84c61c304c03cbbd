"""From samples to the table: what was measured is shown, and what failed is not hidden."""

from __future__ import annotations

import pytest

from contenders import APPS, CONTENDERS
from load import Load, read_wrk
from measures import Crash, Edit
from stale import Staleness, Storm
from table import Row, markdown, percentile, remarks


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
    text = markdown([row, Row("asgi", "uvicorn")])
    assert "2,000 (1,000–3,000)" in text
    assert "memory" not in text
    assert "uvicorn" not in text


def test_edits_show_what_the_requests_met() -> None:
    edits = [
        Edit("rename", 0.1, 0, 1, 0),
        Edit("write", 0.2, 7, 2, 0),
        Edit("rename", 0.9, 0, 0, 1),
        Edit("write", None, 0, 0, 0),
    ]
    text = markdown([Row("flask", "x", edits=edits)])
    assert (
        "550 / never, stale in 1 of 4, refused in 2 of 4, other status in 1 of 4, not seen in 1 of 4" in text
    )


def test_stale_and_failed_requests_are_counted_apart() -> None:
    staleness = Staleness(saves=500, requests=1000, stale=3, failed=2, unseen=0, seconds=60)
    storm = Storm(50, 210, 200, 12_345, 4, {"reset": 5, "refused": 6}, 0, 0.5, 60)
    text = markdown([Row("flask", "x", staleness=[staleness], storms=[storm])])
    assert "3 of 1,000, 2 failed" in text
    assert "5 reset, 6 refused, 4 stale of 12,345 in 200 reloads" in text


def test_a_crash_that_nothing_answered_is_never() -> None:
    text = markdown(
        [Row("flask", "x", crashes=[Crash(0.03, "500"), Crash(0.04, "reset"), Crash(None, "reset")])]
    )
    assert "40 / never" in text


def test_failures_are_part_of_the_result() -> None:
    row = Row("flask", "x", errors=3, problems=["edit: no fresh response within 20 s"])
    assert remarks([row]) == [
        "x with flask: 3 requests under load had no good answer.",
        "x with flask: edit: no fresh response within 20 s",
    ]


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
        for app in APPS.values():
            if app.kind in contender.kinds and "throughput" in app.measures:
                loud = (contender.command(app, 1), contender.variables())
                quiet = (contender.command(app, 1, log=False), contender.variables(log=False))
                assert loud != quiet


def test_every_app_has_a_peer_with_a_reloader() -> None:
    for app in APPS.values():
        reloading = [each for each in CONTENDERS if each.reloads and app.kind in each.kinds]
        assert any(each.ours for each in reloading)
        assert any(not each.ours for each in reloading)
