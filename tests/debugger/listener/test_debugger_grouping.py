"""Which errors are shown as one, and which is let go first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.listener.grouping import first_to_go, key_of
from pilotlight.debugger.model import Frame, Report, SyntaxPlace, Trace

LIBRARY = Frame("/lib/flask/app.py", 900, "dispatch", "Flask.dispatch", "flask.app", own=False)
OWN = Frame("/app/hello.py", 11, "fail", "fail", "hello", own=True)
ERROR = Trace("KeyError", "'pear'", (LIBRARY, OWN))
REPORT = Report("1", "request", 1.0, "3.13", "/app", (ERROR,))


def with_error(error: Trace) -> Report:
    return replace(REPORT, chain=(error,))


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (replace(REPORT, id="2", time=9.0, place="thread 'a'", directory="/"), True),
        (with_error(replace(ERROR, notes=("seen",), suggestion="Did you mean: 'x'?")), True),
        (with_error(replace(ERROR, frames=(replace(LIBRARY, line=901), OWN))), True),
        (with_error(replace(ERROR, frames=(OWN, LIBRARY))), True),
        (replace(REPORT, chain=(ERROR, Trace("OSError", "", link="cause"))), True),
        (with_error(replace(ERROR, type="LookupError")), False),
        (with_error(replace(ERROR, message="'apple'")), False),
        (with_error(replace(ERROR, frames=(LIBRARY, replace(OWN, line=12)))), False),
        (with_error(replace(ERROR, frames=(LIBRARY, replace(OWN, file="/app/b.py")))), False),
        (with_error(replace(ERROR, frames=())), False),
        (replace(REPORT, kind="background"), False),
    ],
)
def test_errors_are_equal_by_type_message_and_place(other: Report, equal: bool) -> None:
    assert (key_of(REPORT) == key_of(other)) == equal


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("<A object at 0x7f01aa> is bad", "<A object at 0x7f02bb> is bad", True),
        ("<A object at 0x7f01aa> is bad", "<B object at 0x7f01aa> is bad", False),
        ("code 0x01", "code 0x02", False),
        ("no user 17", "no user 18", False),
    ],
)
def test_an_address_is_no_part_of_a_message(first: str, second: str, equal: bool) -> None:
    keys = [key_of(with_error(replace(ERROR, message=message))) for message in (first, second)]
    assert (keys[0] == keys[1]) == equal


def test_the_place_of_a_syntax_error_is_where_it_points() -> None:
    first, second = (
        with_error(Trace("SyntaxError", "invalid syntax", syntax=SyntaxPlace("/app/a.py", line, "x x")))
        for line in (3, 4)
    )
    assert key_of(first) != key_of(second)


def test_a_death_is_known_by_its_sentence() -> None:
    first = replace(REPORT, kind="death", chain=(Trace("", "killed by SIGSEGV"),))
    assert key_of(first) == key_of(replace(first, id="2", place="x"))
    assert key_of(first) != key_of(replace(first, chain=(Trace("", "killed by SIGKILL"),)))


@pytest.mark.parametrize(
    ("groups", "index"), [("a", 0), ("abc", 0), ("aab", 0), ("abb", 1), ("abcb", 1), ("abba", 0)]
)
def test_the_oldest_with_a_newer_equal_goes_first(groups: str, index: int) -> None:
    assert first_to_go(groups) == index


@given(st.text("abc", min_size=1))
def test_no_group_is_lost_while_another_has_two(groups: str) -> None:
    index = first_to_go(groups)
    left = groups[:index] + groups[index + 1 :]
    assert len(set(left)) == min(len(set(groups)), len(left))
