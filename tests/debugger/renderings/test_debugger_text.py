"""The plain text: colours, control characters, widths, and what the room costs to import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pilotlight.debugger import from_exception, render_text
from pilotlight.debugger.introspection.source import CHANGED
from pilotlight.debugger.model import Frame, Report, Trace
from pilotlight.debugger.renderings.text import visible, width


def test_colour_adds_nothing_but_colour() -> None:
    try:
        try:
            compile("x = = 1", "app.py", "exec")
        except SyntaxError as error:
            raise ValueError("\x1b[31mred\x1b[0m") from error
    except ValueError as error:
        report = from_exception(error)
    plain, coloured = render_text(report), render_text(report, color=True)
    assert "\x1b" not in plain
    assert "\\x1b[31mred" in plain
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain
    assert coloured.count("\x1b[") >= 10
    assert "\x1b[31mred" not in coloured


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 👩\u200d🚀", "plain é 漢 👩\u200d🚀"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[2J\x07\x00\r", "\\x1b[2J\\x07\\x00\\x0d"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
        ("\udc80\ufeff", "\\udc80\\ufeff"),
    ],
)
def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_widths() -> None:
    assert (width("abc"), width("漢字"), width("e\u0301"), width("👍")) == (3, 4, 1, 2)


def test_calls_that_are_not_repeated_are_said_to_be_above_or_below() -> None:
    frame = Frame("app.py", 1, "f", "f", "app", True)
    member = Trace("ValueError", "member", (frame,), shared=2)
    group = Trace("ExceptionGroup", "group", (frame,), group=((member,),))
    cause = Trace("KeyError", "cause", (frame,), link="cause", shared=1)
    report = Report("1", "request", 0.0, "CPython", "/", (group, cause))
    lines = [line.strip(" |") for line in render_text(report).splitlines()]
    assert [line for line in lines if line.startswith(("[", "KeyError", "ExceptionG", "ValueError"))] == [
        "[1 call before these is the same as in the exception below]",
        "KeyError: cause",
        "ExceptionGroup: group",
        "[2 calls before these are the same as in the exception above]",
        "ValueError: member",
    ]


def test_the_room_imports_little() -> None:
    """Nothing beside what the rest of the server has loaded already: start-up time is counted."""
    script = (
        "import sys, contextvars, dataclasses, gc, json, typing, signal, keyword\n"
        "before = set(sys.modules)\n"
        "import pilotlight.debugger\n"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('pilotlight')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() in ("[]", "['__future__']")


def test_lines_that_may_not_be_those_that_ran_say_so(tmp_path: Path) -> None:
    path = tmp_path / "shelf.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile(path.read_text(), path, "exec"), {})
    path.write_text("# in front\n1 / 0\n")
    text = render_text(from_exception(caught.value, changed=lambda file: file == str(path)))
    shown = text.splitlines()
    at = shown.index("    # in front")
    assert f"    [{CHANGED}]" in shown[at:]
