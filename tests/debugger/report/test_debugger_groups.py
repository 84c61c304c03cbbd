"""Exception groups as trees, equal members merged, and calls that two exceptions share."""

from __future__ import annotations

import builtins
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from pilotlight.debugger import Report, from_exception, render_text
from pilotlight.debugger.introspection.exceptions import members
from pilotlight.debugger.model import Trace
from pilotlight.debugger.report.capture import MAX_GROUP_DEPTH, MAX_TRACES
from pilotlight.debugger.transport import from_json, to_json

ExceptionGroup: Any = getattr(builtins, "ExceptionGroup", None)  # from 3.11 on
needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")


def caught(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001 - whatever it raised
        return error
    raise AssertionError("nothing was raised")


def fail(text: str) -> None:
    raise ValueError(text)


def bounded(error: BaseException) -> Report:
    """The report, which must be made in time and be small enough to travel as it is."""
    started = time.process_time()
    report = from_exception(error)
    assert time.process_time() - started < 1
    assert len(json.dumps(to_json(report))) < 256 * 1024
    assert from_json(json.loads(json.dumps(to_json(report)))) == from_json(to_json(report))
    render_text(report)
    return report


def traces(trace: Trace) -> int:
    return 1 + sum(traces(each) for chain in trace.group for each in chain)


def leaves(trace: Trace) -> int:
    """How many exceptions without members a trace stands for."""
    inner = sum(leaves(chain[0]) for chain in trace.group) + trace.group_omitted
    return trace.count * (inner or 1)


@needs_groups
def test_equal_leaves_are_merged() -> None:
    group = ExceptionGroup("g", [caught(fail, "one" if n % 3 else "two") for n in range(1_000)])
    error = bounded(group).error
    assert [(chain[0].message, chain[0].count) for chain in error.group] == [("two", 334), ("one", 666)]
    assert (error.group_omitted, leaves(error)) == (0, 1_000)


@needs_groups
def test_what_differs_is_not_merged() -> None:
    def elsewhere() -> None:
        raise ValueError("one")

    def with_cause(text: str) -> None:
        raise ValueError("one") from OSError(text)

    different = [
        caught(fail, "one"),
        caught(fail, "two"),
        caught(elsewhere),
        ValueError("one"),
        TypeError("one"),
        caught(with_cause, "a"),
        caught(with_cause, "b"),
        ExceptionGroup("one", [ValueError("one")]),
        ExceptionGroup("one", [ValueError("two")]),
        ExceptionGroup("one", [ValueError("two"), ValueError("two")]),
    ]
    error = bounded(ExceptionGroup("g", different)).error
    assert [chain[0].count for chain in error.group] == [1] * len(different)
    twice = bounded(ExceptionGroup("g", [*different, *different])).error
    assert [chain[0].count for chain in twice.group] == [2] * len(different)


@needs_groups
def test_a_thousand_leaves_that_all_differ() -> None:
    error = bounded(ExceptionGroup("g", [caught(fail, str(n)) for n in range(1_000)])).error
    assert leaves(error) == 1_000
    assert error.group_omitted == 1_000 - len(error.group)
    assert error.group[0][0].frames[-1].function == "fail"


@needs_groups
def test_ten_deep_and_a_hundred_wide_at_each_level() -> None:
    group = ExceptionGroup("level 0", [caught(fail, "innermost")])
    for level in range(1, 10):
        group = ExceptionGroup(f"level {level}", [group, *(caught(fail, str(n)) for n in range(100))])
    error = bounded(group).error
    depth, trace = 0, error
    while trace.group:
        depth, trace = depth + 1, trace.group[0][0]
    assert (depth, trace.message) == (10, "innermost")
    assert traces(error) <= MAX_TRACES + MAX_GROUP_DEPTH


@needs_groups
def test_trees_that_would_be_endless() -> None:
    doubled: Exception = ValueError("leaf")
    for _ in range(200):
        doubled = ExceptionGroup("deep", [doubled, doubled])
    error = bounded(doubled).error
    assert error.group[0][0].count == 2
    straight: Exception = ValueError("leaf")
    for _ in range(5_000):
        straight = ExceptionGroup("deep", [straight])
    bounded(straight)
    inner = ValueError("inner")
    around = ExceptionGroup("around", [inner])
    inner.__context__ = around
    bounded(around)
    bounded(inner)
    wide = ExceptionGroup(
        "w", [ExceptionGroup(str(n), [ValueError(str(m)) for m in range(100)]) for n in range(100)]
    )
    assert bounded(wide).error.group_omitted


@needs_groups
def test_each_message_is_asked_for_once() -> None:
    class Counted(Exception):
        def __str__(self) -> str:
            asked.append(self)
            return "counted"

    asked: list[Any] = []
    bounded(ExceptionGroup("g", [Counted() for _ in range(50)]))
    assert len(asked) == 50


@needs_groups
def test_groups_that_lie() -> None:
    class Lying(ExceptionGroup):  # type: ignore[misc, valid-type]
        @property
        def exceptions(self) -> Any:
            raise AssertionError("a property of the app ran")

    assert len(members(Lying("g", [ValueError(1)]))) == 1

    class Meta(type):
        def __hash__(cls) -> int:
            raise AssertionError("a metaclass of the app ran")

        def __eq__(cls, other: object) -> bool:
            raise AssertionError("a metaclass of the app ran")

    class Odd(Exception, metaclass=Meta):
        pass

    assert bounded(ExceptionGroup("g", [Odd("x"), Odd("x")])).error.group[0][0].count == 2


def test_calls_of_the_exception_around_are_not_shown_again() -> None:
    def step(number: int) -> None:
        if number == 2:
            raise ValueError("last") from errors[0]
        raise ValueError(f"attempt {number}")

    def attempts() -> None:
        for number in range(3):
            try:
                step(number)
            except ValueError as error:  # noqa: PERF203
                errors.append(error)
        raise errors[-1]

    errors: list[Any] = []
    caught(attempts)
    first, second = from_exception(errors[2]).chain
    assert [frame.function for frame in second.frames] == ["step"]
    assert second.shared == 1
    assert first.shared == 0
    assert first.frames[-1].function == "step"


def test_the_same_code_in_another_call_is_not_shared() -> None:
    def again(number: int) -> None:
        if number:
            try:
                again(number - 1)
            except ValueError:
                raise ValueError(str(number))  # noqa: B904
        raise ValueError("first")

    assert [trace.shared for trace in from_exception(caught(again, 2)).chain] == [0, 0, 0]


def test_an_exception_keeps_its_innermost_call() -> None:
    error = caught(fail, "x")
    other = ValueError("other").with_traceback(error.__traceback__)
    other.__cause__ = error
    chain = from_exception(other).chain
    assert [len(trace.frames) for trace in chain] == [2, 1]
    assert chain[1].shared == 1
