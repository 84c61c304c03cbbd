"""What is kept of errors: how many, how long, what is let go of, and the contexts that are entered again."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from console_harness import failing, frames_of

from pilotlight.debugger.console.keeper import Contexts, Keeper

NONE = Contexts()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Held:
    """Something that tells when it is gone."""


def error_with(held: Held) -> BaseException:
    def fails(value: Held) -> None:
        raise ValueError

    try:
        fails(held)
    except ValueError as error:
        return error
    raise AssertionError


def kept_object(keeper: Keeper, report: str) -> weakref.ref[Held]:
    held = Held()
    keeper.keep(report, frames_of(error_with(held)), NONE)
    return weakref.ref(held)


def test_only_the_last_ten_are_kept() -> None:
    keeper = Keeper()
    held = [kept_object(keeper, str(number)) for number in range(13)]
    assert [each() is not None for each in held] == [False] * 3 + [True] * 10
    assert keeper.frames("2") is None
    assert keeper.frames("3") is not None


def test_only_the_last_ten_minutes_are_kept() -> None:
    clock = Clock()
    keeper = Keeper(clock=clock)
    assert keeper.expire() is None
    first = kept_object(keeper, "first")
    clock.now += 400
    second = kept_object(keeper, "second")
    assert keeper.expire() == 1600
    assert keeper.expire(1599.9) == 1600
    assert first() is not None
    assert keeper.expire(1600) == 2000
    assert first() is None
    assert second() is not None
    clock.now = 2000
    assert keeper.expire() is None
    assert second() is None


def test_a_report_that_is_kept_again_replaces_the_first() -> None:
    keeper = Keeper()
    first, second = kept_object(keeper, "same"), kept_object(keeper, "same")
    assert first() is None
    assert second() is not None
    keeper.clear()
    assert second() is None


def test_a_cycle_through_the_exception_keeps_nothing() -> None:
    """Flask's `wsgi_app` has the exception in a variable of a frame of its own traceback."""
    gc.disable()
    try:
        keeper = Keeper(reports=1)
        held = Held()
        gone = weakref.ref(held)

        def cyclic(value: Held) -> list[FrameType]:
            try:
                raise ValueError
            except ValueError as error:
                kept = error
                del error
                frame = sys._getframe()
                assert kept.__traceback__ is not None
                return [frame]

        keeper.keep("cycle", cyclic(held), NONE)
        del held
        assert gone() is not None
        keeper.clear()
        assert gone() is None
    finally:
        gc.enable()


def test_a_frame_that_another_report_needs_is_left_alone() -> None:
    keeper = Keeper()
    frames = failing(lambda: error_again(5))
    keeper.keep("first", frames, NONE)
    keeper.keep("second", frames[-1:], NONE)
    clock_end = keeper.expire(0.0)
    assert clock_end is not None
    keeper.keep("first", [], NONE)
    (frame,) = keeper.frames("second") or ()
    assert frame.f_locals["argument"] == 5


def error_again(argument: int) -> None:
    raise ValueError


def test_a_coroutine_that_goes_on_is_not_ended() -> None:
    async def survivor(keeper: Keeper, dropped: asyncio.Event) -> str:
        mine = "still here"
        try:
            error_again(1)
        except ValueError as error:
            traceback = error.__traceback__
            assert traceback is not None
            assert traceback.tb_next is not None
            keeper.keep("r", [traceback.tb_frame, traceback.tb_next.tb_frame], NONE)
            del traceback
        await dropped.wait()
        return mine

    async def main() -> str:
        keeper, dropped = Keeper(), asyncio.Event()
        task = asyncio.create_task(survivor(keeper, dropped))
        await asyncio.sleep(0)
        keeper.clear()
        dropped.set()
        return await task

    assert asyncio.run(main()) == "still here"


class Once:
    """Waits once for whoever drives it; also an asynchronous iterator and context manager."""

    def __init__(self) -> None:
        self._left = 1

    def __await__(self) -> Iterator[str]:  # type: ignore[override]
        yield "waits"

    def __aiter__(self) -> Once:
        return self

    async def __anext__(self) -> int:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        await Once()
        return 1

    async def __aenter__(self) -> None:
        await Once()

    async def __aexit__(self, *_: object) -> None:
        await Once()


async def waits_for_await(seen: list[FrameType]) -> str:
    seen.append(sys._getframe())
    await Once()
    return "end"


async def waits_in_the_handler(seen: list[FrameType]) -> str:
    seen.append(sys._getframe())
    try:
        error_again(1)
    except ValueError:
        await Once()
    return "end"


async def waits_in_async_for(seen: list[FrameType]) -> str:
    seen.append(sys._getframe())
    async for _ in Once():
        pass
    return "end"


async def waits_in_async_with(seen: list[FrameType]) -> str:
    seen.append(sys._getframe())
    async with Once():
        pass
    return "end"


async def waits_below(seen: list[FrameType]) -> str:
    seen.append(sys._getframe())
    return await waits_for_await(seen)


async def waits_in_an_asynchronous_generator(seen: list[FrameType]) -> str:
    async def numbers() -> Any:
        seen.append(sys._getframe())
        await Once()
        yield 1
        await Once()

    return [number async for number in numbers()] and "end"


@pytest.mark.parametrize(
    "function",
    [
        waits_for_await,
        waits_in_the_handler,
        waits_in_async_for,
        waits_in_async_with,
        waits_below,
        waits_in_an_asynchronous_generator,
    ],
)
def test_what_waits_is_not_ended(function: Any) -> None:
    seen: list[FrameType] = []
    coroutine = function(seen)
    steps = 0
    try:
        while coroutine.send(None) == "waits":
            steps += 1
            keeper = Keeper()
            keeper.keep("r", seen, NONE)
            keeper.clear()
    except StopIteration as stop:
        ended = stop.value
    assert steps
    assert ended == "end"


def test_generators_that_wait_are_not_ended() -> None:
    seen: list[FrameType] = []

    def inner() -> Iterator[int]:
        seen.append(sys._getframe())
        yield 1
        yield 2

    def outer() -> Iterator[int]:
        seen.append(sys._getframe())
        yield from inner()
        yield 3

    found = []
    for number in outer():
        keeper = Keeper()
        keeper.keep("r", seen, NONE)
        keeper.clear()
        found.append(number)
    assert found == [1, 2, 3]


def test_a_coroutine_that_has_ended_lets_go_of_its_cycle() -> None:
    async def fails(value: Held) -> None:
        kept: list[BaseException] = []
        try:
            await deeper(value)
        except ValueError as error:
            kept.append(error)
            raise

    async def deeper(value: Held) -> None:
        await Once()
        error_again(1)

    gc.disable()
    try:
        keeper = Keeper()
        held = Held()
        gone = weakref.ref(held)
        coroutines = [fails(held)]
        coroutines[0].send(None)
        keeper.keep("r", failing(lambda: coroutines.pop().send(None)), NONE)
        del held
        assert gone() is not None
        keeper._collector = None  # type: ignore[assignment]  # it must not be needed
        keeper.clear()
        assert gone() is None
    finally:
        gc.enable()


def test_a_generator_and_a_running_function_go_on() -> None:
    keeper = Keeper()

    def numbers() -> Iterator[int]:
        first = 1
        keeper.keep("generator", [sys._getframe()], NONE)
        yield first
        yield first + 1

    generator = numbers()
    assert next(generator) == 1
    mine = "kept"
    keeper.keep("running", [sys._getframe()], NONE)
    keeper.clear()
    assert next(generator) == 2
    assert mine == "kept"


def test_finalizers_run_outside_of_the_lock_and_may_fail() -> None:
    keeper = Keeper(reports=1)
    seen: list[Any] = []

    class Hostile:
        def __del__(self) -> None:
            seen.append(keeper.frames("second"))  # would wait for itself
            raise ValueError("in a finalizer")

    unraisable: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda problem: unraisable.append(problem.exc_type)
    try:
        keeper.keep("first", frames_of(error_with(Hostile())), NONE)  # type: ignore[arg-type]
        keeper.keep("second", [], NONE)
    finally:
        sys.unraisablehook = hook
    assert seen == [()]
    assert unraisable == [ValueError]


def test_who_is_told() -> None:
    keeper = Keeper(reports=1)
    told: list[str] = []
    keeper.on_drop = told.append
    keeper.keep("a", [], NONE)
    keeper.keep("b", [], NONE)
    keeper.clear()
    assert told == ["a", "b"]


# Contexts ---------------------------------------------------------------------------------------------------

ACTIVE: contextvars.ContextVar[str] = contextvars.ContextVar("ACTIVE", default="")


class Scope:
    """Like Flask's contexts: can be entered again, and left only where it was entered."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.open = 0
        self._tokens: list[contextvars.Token[str]] = []

    def __enter__(self) -> None:
        self.open += 1
        self._tokens.append(ACTIVE.set(ACTIVE.get() + self.name))

    def __exit__(self, *_: object) -> None:
        self.open -= 1
        ACTIVE.reset(self._tokens.pop())


def kept_with(*managers: Any) -> Any:
    keeper = Keeper()
    keeper.keep("r", [], Contexts(enter=managers))
    return keeper.find("r")


def test_contexts_are_entered_and_left() -> None:
    outer, inner = Scope("a"), Scope("b")
    kept = kept_with(outer, inner)
    for _ in range(2):
        with kept.active() as context:
            assert context.run(ACTIVE.get) == "ab"
            assert (outer.open, inner.open) == (1, 1)
        assert (outer.open, inner.open) == (0, 0)
    assert ACTIVE.get() == ""


def test_contexts_are_shared_by_threads() -> None:
    scope = Scope("a")
    kept = kept_with(scope)
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with kept.active():
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=other)
    with kept.active() as context:
        thread.start()
        assert inside.wait(20)
        assert scope.open == 1
    assert scope.open == 1
    leave.set()
    thread.join(20)
    assert scope.open == 0
    assert context.run(ACTIVE.get) == "a"


def test_contexts_that_fail() -> None:
    scope = Scope("a")

    @contextmanager
    def refuses() -> Iterator[None]:
        raise KeyError("refused")
        yield

    kept = kept_with(scope, refuses())
    with pytest.raises(KeyError), kept.active():
        raise AssertionError
    assert scope.open == 0

    class FailsAtTheEnd:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None:
            raise LookupError("teardown")

    kept = kept_with(scope, FailsAtTheEnd())
    with pytest.raises(LookupError), kept.active():
        assert scope.open == 1
    assert scope.open == 0


def test_frames_are_let_go_after_the_last_evaluation() -> None:
    keeper = Keeper()
    held = kept_object(keeper, "r")
    kept = keeper.find("r")
    assert kept is not None
    with kept.active():
        keeper.clear()
        assert held() is not None
    assert held() is None


# Memory -----------------------------------------------------------------------------------------------------

THOUSAND_ERRORS = """
import asyncio, gc, os, resource, sys
from pilotlight.debugger.console.keeper import Contexts, Keeper

keeper = Keeper()

def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def report(error):
    frames, traceback = [], error.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    keeper.keep(str(report.number), frames, Contexts())
    report.number += 1

report.number = 0

def view():
    big = b"x" * 5_000_000
    raise ValueError("no")

def plain():
    try:
        view()
    except Exception as error:
        report(error)

def cyclic():
    failed = None
    try:
        view()
    except Exception as error:
        failed = error
        report(error)

async def async_view():
    big = b"x" * 5_000_000
    raise ValueError("no")

async def async_cyclic():
    failed = None
    try:
        await async_view()
    except Exception as error:
        failed = error
        report(error)

async def asynchronous():
    for _ in range(1000):
        await async_cyclic()

plain()
before = rss()
peak = before
gc.callbacks.append(lambda phase, info: None)
if sys.argv[1] == "async":
    async def watched():
        global peak
        for _ in range(1000):
            await async_cyclic()
            peak = max(peak, rss())
    asyncio.run(watched())
else:
    function = {"plain": plain, "cyclic": cyclic}[sys.argv[1]]
    for _ in range(1000):
        function()
        peak = max(peak, rss())
print(peak - before, rss() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the memory from /proc")
@pytest.mark.parametrize("kind", ["plain", "cyclic", "async"])
def test_a_thousand_errors_with_five_megabytes_each(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", THOUSAND_ERRORS, kind], capture_output=True, text=True, timeout=60, check=True
    )
    peak, after = map(float, done.stdout.split())
    assert peak < 60
    assert after < 60
