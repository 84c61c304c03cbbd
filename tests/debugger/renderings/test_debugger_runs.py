"""The text for curl: runs of library frames are one line, and nothing of the user's own is ever left out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich_reports import library, own, rich_report

from pilotlight.debugger import render_text
from pilotlight.debugger.model import Frame, Report, ThreadStack, Trace
from pilotlight.debugger.renderings.markdown import render_markdown
from pilotlight.debugger.renderings.plain_answer import render_answer
from pilotlight.debugger.renderings.runs import leaves_out, packages, parts

URL = "http://127.0.0.1:5999/report?id=0123456789ab"


def stack(kinds: str) -> tuple[Frame, ...]:
    """`o` own, `l` library, `r` a library frame that was repeated."""
    return tuple(
        own(f"own_{number}", 8, 3, None, number)
        if kind == "o"
        else library(f"library_{number}", number + 10, repeats=9 if kind == "r" else 0)
        for number, kind in enumerate(kinds)
    )


def report(*kinds: str) -> Report:
    traces = [Trace("ValueError", f"number {number}", stack(each)) for number, each in enumerate(kinds)]
    return rich_report(chain=(traces[0], *(replace(trace, link="cause") for trace in traces[1:])))


TABLE = [
    ("", ""),
    ("o", "o"),
    ("llllo", "-o"),
    ("llo", "llo"),
    ("lllo", "-o"),
    ("llloo", "-oo"),
    ("lllolllo", "-o-o"),
    ("lllollo", "-ollo"),
    ("llloll", "-oll"),
    ("lllollll", "-ollll"),
    ("lllolllll", "-ol-l"),
    ("ollllllllll", "ol-l"),
    ("llllll", "llllll"),  # no own frame
    ("llrllo", "llrllo"),
    ("lllolrlll", "-olrlll"),
]


@pytest.mark.parametrize(("kinds", "shown"), TABLE)
def test_what_is_left_out(kinds: str, shown: str) -> None:
    frames = stack(kinds)
    letters = dict(zip(frames, kinds, strict=True))
    pieces = list(parts(frames))
    assert "".join("-" if out else "".join(letters[each] for each in part) for out, part in pieces) == shown
    assert leaves_out(report(kinds)) is ("-" in shown)


@given(st.text("olr", max_size=40))
def test_every_frame_is_in_one_piece_and_only_long_runs_are_left_out(kinds: str) -> None:
    frames = stack(kinds)
    pieces = list(parts(frames))
    assert tuple(frame for _, part in pieces for frame in part) == frames
    for out, part in pieces:
        assert not out or (len(part) >= 3 and "o" in kinds and not any(frame.own for frame in part))


def test_names_of_packages() -> None:
    frames = [library("f", 1, each) for each in ("flask", "werkzeug", "flask", "jinja2", "click", "json")]
    assert packages(tuple(frames[:1])) == "flask"
    assert packages(tuple(frames[:3])) == "flask and werkzeug"
    assert packages(tuple(frames[:4])) == "flask, werkzeug and jinja2"
    assert packages(tuple(frames)) == "flask, werkzeug, jinja2, click and others"
    assert packages((replace(frames[0], module="", file="/x/<frozen runpy>"),)) == "<frozen runpy>"


def test_a_line_says_what_is_left_out() -> None:
    text = render_answer(report("lllloo"))
    assert "Traceback (most recent call last):\n  ... 4 frames of flask left out\n  File" in text
    assert "library_" not in text
    assert text.count("  File ") == 2
    assert "All frames: ask again with the header `Accept: application/json`.\n" in text
    assert f"\nAll frames, details and console: {URL}\n" in render_answer(report("lllloo"), debug_url=URL)


def test_where_nothing_is_left_out_nothing_is_said_of_it() -> None:
    assert "All frames" not in render_answer(report("lloo"))
    assert f"\nDetails and console: {URL}\n" in render_answer(report("lloo"), debug_url=URL)
    assert render_text(report("lloo")) in render_answer(report("lloo"))


def test_chains_groups_and_threads() -> None:
    leaf = Trace("ValueError", "leaf", stack("lllolllllll"))
    outer = Trace("ExceptionGroup", "outer", stack("lllo"), group=((leaf, replace(leaf, link="cause")),))
    text = render_answer(rich_report(chain=(outer, Trace("KeyError", "1", stack("olllo"), link="context"))))
    left_out = re.findall(r"^([ |]*)\.\.\. (\d) frames of flask left out$", text, re.MULTILINE)
    assert [int(count) for _, count in left_out] == [3, 3, 3, 5, 3, 5]
    assert left_out[1][0] == "  |   "
    assert left_out[2][0] == "    |   "
    dead = Report(
        "1", "death", 1.0, "", "", (Trace("", "It died."),), threads=(ThreadStack("t", stack("lllo")),)
    )
    assert "  ... 3 frames of flask left out\n" in render_answer(dead)


def test_the_terminal_and_the_copies_stay_whole() -> None:
    for text in (render_text(report("llllo")), render_markdown(report("llllo"))):
        assert "left out" not in text
        assert text.count("library_") == 4


def test_the_reason_for_no_console_is_told() -> None:
    sentence = "There is no console: the debugger is off.\x1b"
    assert render_answer(report("o"), console_note=sentence).endswith("the debugger is off.\\x1b\n")
    assert "There is no" not in render_answer(report("o"), console_note=sentence, debug_url=URL)
