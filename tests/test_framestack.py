"""Calls at the end of a piece of Python's frame stack took memory from the system and gave it back."""

from __future__ import annotations

import gc
import inspect
import resource
import sys
import threading
import traceback
from collections.abc import Callable

import pytest

from pilotlight.framestack import roomy

CALLS = 500
DEPTHS = range(400)


def leaf() -> None:
    """Needs more room than one step of depth, so that it meets the end of a piece at some of them."""


leaf.__code__ = leaf.__code__.replace(co_stacksize=200)


def faults_at(depth: int) -> int:
    """Page faults of some calls, at that depth of the stack."""
    if depth:
        return faults_at(depth - 1)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(CALLS):
        leaf()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def most_faults(way: Callable[[Callable[[], None]], Callable[[], None]]) -> int:
    """At the worst depth, on a thread that begins with the function."""
    found: list[int] = []

    def bottom() -> None:
        found.extend(map(faults_at, DEPTHS))

    thread = threading.Thread(target=way(bottom))
    thread.start()
    thread.join()
    return max(found)


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_THREAD"), reason="this system does not tell")
def test_no_depth_of_the_stack_is_slow() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5_000)
    try:
        plain, with_room = most_faults(lambda function: function), most_faults(roomy)
    finally:
        sys.setrecursionlimit(limit)
    assert with_room < CALLS / 10
    assert plain > CALLS / 2 or sys.version_info < (3, 11), "there is no need for it any more"


def test_what_a_function_does_stays_the_same() -> None:
    def function(one: int, *, two: str = "two") -> tuple[int, str]:
        return one, two

    found = roomy(function)
    assert found is function
    assert (found(1), found(1, two="2")) == ((1, "two"), (1, "2"))


def test_its_frame_can_be_looked_at() -> None:
    @roomy
    def bottom() -> list[str]:
        try:
            return fail()
        except ZeroDivisionError as error:
            names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        gc.collect()
        return [*names, sys._getframe().f_code.co_name]

    def fail() -> list[str]:
        return [str(1 // len([frame for frame in inspect.stack() if frame.function == "nobody"]))]

    assert bottom() == ["bottom", "fail", "bottom"]
