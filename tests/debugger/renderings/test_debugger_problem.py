"""The JSON of an error: where in its file each frame failed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich_reports import own, rich_report

from pilotlight.debugger import from_exception
from pilotlight.debugger.model import Report, Span, Trace
from pilotlight.debugger.renderings.problem import render_json
from pilotlight.debugger.transport import from_json, to_json

needs_spans = pytest.mark.skipif(sys.version_info < (3, 11), reason="positions came with 3.11 (PEP 657)")
PLACE = ("line", "column", "end_line", "end_column")


def report_of(path: Path, text: str) -> Report:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Exception) as caught:
        exec(compile(text, str(path), "exec"), {"__name__": "told"})
    return from_json(json.loads(json.dumps(to_json(from_exception(caught.value)))))


def frame_told(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render_json(report))["exceptions"][0]["frames"][-1]
    return found


def told(report: Report) -> tuple[int | None, ...]:
    frame = frame_told(report)
    return tuple(frame.get(name) for name in PLACE)


@needs_spans
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('d = {}\nx = [1, d["a"]]\n', (2, 9, 2, 15)),
        ('d = {}\nx = ["漢é", d["é"]]\n', (2, 12, 2, 18)),
        ("if True:\n    x = [1,\n        1 / 0 + 2]\n", (3, 9, 3, 14)),
        ("x = (1 +\n     None)\n", (1, 6, 2, 10)),
        (f"x = [{'1, ' * 500}1 / 0{', 2' * 500}]\n", (1, 1506, 1, 1511)),
    ],
)
def test_the_failing_expression_is_told_in_columns_of_the_file(
    tmp_path: Path, text: str, place: tuple[int, ...]
) -> None:
    assert told(report_of(tmp_path / "app.py", text)) == place


@needs_spans
def test_the_end_of_an_expression_that_is_too_long_to_be_shown_is_not_told(tmp_path: Path) -> None:
    text = "x = 1 + sum([\n" + "    1,\n" * 50 + "    None])\n"
    frame = frame_told(report_of(tmp_path / "app.py", text))
    assert (frame["line"], frame["column"]) == (1, 9)
    assert "end_line" not in frame
    assert "end_column" not in frame


def test_what_is_not_known_is_left_out() -> None:
    frame = own("checkout", 15, 11, None, 0)
    for each in (frame, replace(frame, span=Span(14, 1, 14, 2)), replace(frame, line=None)):
        keys = frame_told(rich_report(chain=(Trace("KeyError", "'x'", (each,)),))).keys()
        assert not keys & {"column", "end_line", "end_column"}
