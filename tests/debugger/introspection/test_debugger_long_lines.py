"""A line that is too long to be shown whole is cut around what is marked in it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import django.template
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger import from_exception
from pilotlight.debugger.introspection.marking import around, with_span
from pilotlight.debugger.introspection.source import MAX_LINE_CHARACTERS, excerpt_of
from pilotlight.debugger.model import Frame, Report, Span
from pilotlight.debugger.renderings.page import render_page
from pilotlight.debugger.renderings.problem import render_json
from pilotlight.debugger.renderings.text import render_text
from pilotlight.debugger.transport import from_json, to_json

needs_spans = pytest.mark.skipif(sys.version_info < (3, 11), reason="positions came with 3.11 (PEP 657)")
MOST_SHOWN = MAX_LINE_CHARACTERS + 82


def report_of(path: Path, text: str) -> Report:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Exception) as caught:
        exec(compile(text, str(path), "exec"), {"__name__": "long"})
    return from_exception(caught.value, variables=True)


def frame_of(report: Report) -> Frame:
    frame = report.focus()
    assert frame is not None
    return frame


def marked(frame: Frame) -> str:
    span = frame.span
    assert span is not None
    return frame.lines[span.line - frame.first_line][span.column : span.end_column]


def in_the_page(report: Report) -> str:
    """What the page marks in the first code that it shows, as text."""
    html = render_page(report).decode()
    return html.partition("<mark>")[2].partition("</mark>")[0]


@needs_spans
@pytest.mark.parametrize("fill", ["1, ", "'é', ", "'漢字', "])
@pytest.mark.parametrize("behind", ["", ", 2" * 300])
@pytest.mark.parametrize("indent", ["", "    "])
def test_the_mark_is_kept_in_all_forms(tmp_path: Path, fill: str, behind: str, indent: str) -> None:
    line = f"{indent}x = [{fill * 200}given['nosuch']{behind}]"
    text = f"given = {{}}\n{'if True:' if indent else ''}\n{line}\n"
    report = report_of(tmp_path / "app.py", text)
    frame = frame_of(report)
    assert marked(frame) == "given['nosuch']"
    code, span = frame.code(), frame.span
    assert code is not None
    assert span is not None
    assert code.startswith(indent + "…")
    assert code.endswith("…" if behind else "]")
    assert len(code) <= MOST_SHOWN
    assert line[span.column + span.cut : span.end_column + span.end_cut] == "given['nosuch']"
    assert frame.variables[0].name == "given"
    plain = render_text(report).split("\n")
    carets = next(at for at, each in enumerate(plain) if "^" in each)
    if fill == "1, ":
        assert plain[carets - 1][plain[carets].index("^") :].startswith("given['nosuch']")
    assert plain[carets].count("^") == len("given['nosuch']")
    page = render_page(report, editor="vscode").decode()
    assert f"/app.py:3:{line.index('given') + 1}" in page
    assert "<mark>" in page
    assert from_json(json.loads(json.dumps(to_json(report)))) == report


def test_short_lines_and_near_marks_are_as_they_were() -> None:
    assert around("short", 1, 3) == ("short", 0, 5)
    line = "x" * 5_000
    assert around(line, 10, 400) == (line[:400] + "…", 0, 400)


def test_a_part_that_is_longer_than_the_line_may_be_shows_its_start_or_its_end() -> None:
    line = "".join(f"{number:05}" for number in range(2_000))
    start = around(line, 3_000, 8_000)
    assert start.text[3_000 - start.left_out :].startswith("00600")
    assert (start.text[0], start.text[-1], start.text[start.end]) == ("…", "…", "…")
    end = around(line, 3_000, 8_000, from_end=True)
    assert end.text[: 8_000 - end.left_out].endswith("01599")


@given(
    st.integers(0, 200), st.integers(0, 3_000), st.integers(0, 3_000), st.integers(0, 3_000), st.booleans()
)
def test_wherever_the_part_is(indent: int, before: int, length: int, after: int, from_end: bool) -> None:
    line = " " * indent + "a" * before + "b" * length + "c" * after
    start, end = indent + before, indent + before + length
    cut = around(line, start, end, from_end=from_end)
    assert len(cut.text) <= MOST_SHOWN
    assert cut.text.startswith(" " * min(indent, 80))
    shown = cut.text[max(start - cut.left_out, 0) : min(end - cut.left_out, cut.end)]
    assert set(shown) <= {"b"} if not from_end else set(shown) <= {"b", "…", " "}
    if length <= MAX_LINE_CHARACTERS // 2:
        assert shown == "b" * length
    assert ("…" in cut.text) == (len(cut.text) < len(line) or cut.text != line)
    assert len(line) > MAX_LINE_CHARACTERS or cut.text == line


@given(st.lists(st.integers(0, 2_000), min_size=1, max_size=30), st.data())
def test_any_span_of_a_file_stays_within_the_lines_that_are_shown(lengths: list[int], data: Any) -> None:
    lines = tuple("x" + "y" * length for length in lengths)
    line = data.draw(st.integers(1, len(lines)))
    end_line = data.draw(st.integers(line, len(lines)))
    column = data.draw(st.integers(0, len(lines[line - 1]) - 1))
    end = data.draw(st.integers(column + 1 if line == end_line else 1, len(lines[end_line - 1])))
    excerpt, span = with_span(excerpt_of(lines, line, end_line), lines, Span(line, column, end_line, end))
    assert span.column + span.cut == column
    first = excerpt.lines[line - excerpt.first_line]
    assert 0 <= span.column < len(first)
    assert first[span.column] != "…"
    last = excerpt.lines[span.end_line - excerpt.first_line]
    assert 0 < span.end_column <= len(last)
    if span.end_line == end_line:
        assert span.end_column + span.end_cut == end


@needs_spans
def test_a_span_over_several_long_lines(tmp_path: Path) -> None:
    text = f"x = [{'1, ' * 300}(None +\n    {'2 + ' * 300}3), 4]\n"
    frame = frame_of(report_of(tmp_path / "app.py", text))
    span = frame.span
    assert span is not None
    assert (span.line, span.end_line) == (1, 2)
    assert frame.lines[0][span.column :] == "None +"
    assert frame.lines[1][span.end_column - 1] in "23"


def test_a_syntax_error_behind_the_cut() -> None:
    line = f"x = [{'1, ' * 2_000}2 $ 3{', 4' * 2_000}]"
    with pytest.raises(SyntaxError) as caught:
        compile(f"a = 1\n{line}\nb = 2\n", "<generated>", "exec")
    report = from_exception(caught.value)
    place = report.error.syntax
    assert place is not None
    assert place.column is not None
    assert place.text[place.column] == "$" == line[place.column + place.cut]
    assert len(place.text) <= MOST_SHOWN
    told = json.loads(render_json(report))["exceptions"][0]["syntax"]
    assert line[told["column"] - 1] == "$"
    plain = render_text(report).split("\n")
    carets = next(at for at, each in enumerate(plain) if "^" in each)
    assert plain[carets - 1][plain[carets].index("^")] == "$"
    assert in_the_page(report).startswith("$")
    assert from_json(json.loads(json.dumps(to_json(report)))) == report


@pytest.mark.parametrize(
    ("before", "behind", "is_known"),
    [(150, 150, True), (150, 800, True), (300, 200, False), (2_000, 2_000, False)],
)
def test_a_syntax_error_in_a_long_line_of_a_file_is_marked_where_the_interpreter_still_knows(
    tmp_path: Path, before: int, behind: int, is_known: bool
) -> None:
    """Of a line in a file it keeps what is left after as many pieces of 999 bytes as there are."""
    line = f"x = [{'1, ' * before}2 $ 3{', 4' * behind}]"
    report = report_of(tmp_path / "app.py", f"a = 1\n{line}\nb = 2\n")
    place = report.error.syntax
    assert place is not None
    assert place.text.startswith(("x = [1, ", "…"))
    assert (place.column is not None) is is_known
    if place.column is not None:
        assert place.text[place.column] == "$" == line[place.column + place.cut]
        assert place.lines[place.line - place.first_line][place.column] == "$"


def test_tags_of_templates_on_one_long_line(tmp_path: Path) -> None:
    class Angry:
        @property
        def name(self) -> str:
            raise LookupError

    text = f"<p>{'a' * 1_000}{{{{ user.name }}}}{'b' * 1_000}</p>"
    (tmp_path / "page.html").write_text(text)
    engine = django.template.Engine(dirs=[str(tmp_path)], debug=True)
    with pytest.raises(LookupError) as caught:
        engine.get_template("page.html").render(django.template.Context({"user": Angry()}))
    frames = [each for each in from_exception(caught.value).error.frames if each.language == "django"]
    assert marked(frames[-1]) == "{{ user.name }}"
    assert frames[-1].span is not None
    assert text[frames[-1].span.column + frames[-1].span.cut :].startswith("{{ user.name")

    (tmp_path / "wrong.html").write_text(f"<p>{'a' * 3_000}{{{{ user|nosuch }}}}{'b' * 1_000}</p>")
    with pytest.raises(django.template.TemplateSyntaxError) as wrong:
        engine.get_template("wrong.html")
    place = from_exception(wrong.value).error.syntax
    assert place is not None
    assert place.column is not None
    assert place.text[place.column : place.end_column] == "user|nosuch"

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path), autoescape=True)
    with pytest.raises(LookupError) as caught:
        environment.get_template("page.html").render(user=Angry())
    frames = [each for each in from_exception(caught.value).error.frames if each.language == "jinja"]
    assert frames[-1].code() == text[:MAX_LINE_CHARACTERS] + "…"


@needs_spans
@pytest.mark.parametrize("fill", ["1", "漢"])
def test_a_line_of_megabytes_costs_little(tmp_path: Path, fill: str) -> None:
    """Also when many calls stand on it."""
    size = 3_000_000 // len(fill.encode())
    calls = "\n".join(f"def f{number}():\n    return f{number + 1}()" for number in range(20))
    text = f"{calls}\ndef f20(): '{fill * size}'; return 1 + 1 / 0\nf0()\n"
    path = tmp_path / "app.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(text, str(path), "exec"), {"__name__": "long"})
    started = time.process_time()
    report = from_exception(caught.value, variables=True)
    took = time.process_time() - started
    assert marked(frame_of(report)) == "1 / 0"
    assert all(len(line) <= MOST_SHOWN for each in report.error.frames for line in each.lines)
    assert took < 2
