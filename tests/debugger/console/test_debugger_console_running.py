"""Evaluations that wait, run side by side, are cancelled; the app's loop; threads that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from console_harness import LIMIT_SECONDS, Console, console_of, failing

from pilotlight.debugger.console.keeper import Contexts

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def ours() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("pilotlight-console")]


def evaluating() -> list[threading.Thread]:
    return [each for each in ours() if not each.name.endswith("helper")]


def broken(release: threading.Event, reached: threading.Event) -> None:
    raise ValueError


@contextlib.contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="the app's loop")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
        loop.close()


class Scene:
    """A console in a frame that has two events, to let code wait and to know where it is."""

    def __init__(self, console: Console, release: threading.Event, reached: threading.Event) -> None:
        self.console = console
        self.release = release
        self.reached = reached

    def wait(self) -> None:
        assert self.reached.wait(LIMIT_SECONDS)
        self.reached.clear()


@contextlib.contextmanager
def scene(contexts: Contexts | None = None, frames: int = 1, **more: Any) -> Iterator[Scene]:
    release, reached = threading.Event(), threading.Event()
    found = failing(lambda: broken(release, reached))[-1:]
    with console_of(found * frames, contexts=contexts, **more) as console:
        try:
            yield Scene(console, release, reached)
        finally:
            release.set()


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true; for what tells nobody of its end."""
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > until:
            return False
        threading.Event().wait(0.01)
    return True


# Order and threads ------------------------------------------------------------------------------------------


def test_one_console_answers_in_order() -> None:
    with scene() as here:
        answers = [here.console.ask(code) for code in ("reached.set(); release.wait(20)", "a = 1", "a + 1")]
        here.wait()
        here.release.set()
        assert answers[2].whole().value == "2"
        assert answers[0].whole().value == "True"


def test_consoles_run_at_the_same_time() -> None:
    with scene(frames=2) as here:
        waiting = here.console.ask("reached.set(); release.wait(20)")
        here.wait()
        assert here.console.other(0).value("1 + 1") == "2"
        here.release.set()
        assert waiting.whole().value == "True"


def test_each_console_prints_its_own() -> None:
    with scene(frames=2) as here:
        before = sys.stdout
        waiting = here.console.ask("print('one')\nreached.set()\nz = release.wait(20)\nprint('two')")
        here.wait()
        assert here.console.other(0).run("print('other')").printed() == "other\n"
        assert sys.stdout is not before
        here.release.set()
        assert waiting.whole().printed() == "one\ntwo\n"
        assert sys.stdout is before


def test_a_stream_that_one_replaces_is_put_back_for_the_other() -> None:
    with scene(frames=2) as here:
        waiting = here.console.ask("reached.set()\nz = release.wait(20)\nprint('mine')")
        here.wait()
        here.console.other(0).run("import sys, io\nsys.stdout = io.StringIO()")
        here.release.set()
        assert waiting.whole().printed() == "mine\n"


def test_no_thread_before_the_first_question_and_none_when_idle() -> None:
    with scene(idle_seconds=0.05) as here:
        assert ours() == []
        here.console.run("1")
        assert eventually(lambda: ours() == [])
        assert here.console.value("_ + 1") == "2"


def test_close_ends_all_threads_and_what_they_run() -> None:
    with scene() as here:
        answer = here.console.ask("reached.set()\nwhile True: pass\n")
        later = here.console.ask("1")
        here.wait()
        here.console.consoles.close()
        assert ours() == []
        assert answer.whole().status == "cancelled"
        assert later.whole().status == "cancelled"
        assert here.console.run("1").status == "gone"


def test_a_report_that_is_dropped_ends_its_console() -> None:
    with scene() as here:
        waiting = here.console.ask("reached.set()\nrelease.wait(20)")
        here.wait()
        keeper: Any = here.console.consoles._keeper
        keeper.clear()
        gone = here.console.run("1")
        assert gone.status == "gone"
        assert "frames of this error are gone" in gone.texts("note")[0]
        here.release.set()
        assert waiting.whole().value == "True"
        assert eventually(lambda: not evaluating())


# Cancelling -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "reached.set()\nwhile True: pass\n",
        "try:\n    reached.set()\n    while True: pass\nexcept KeyboardInterrupt: 1 / 0\n",
        "class Slow:\n    def __init__(self):\n        reached.set()\n        while True: pass\n\nSlow()",
        "import asyncio\nreached.set()\nawait asyncio.sleep(1000)",
        "import asyncio\nasync def spin():\n    reached.set()\n    while True: pass\n\nawait spin()",
        "import asyncio\nreached.set()\nawait asyncio.gather(*(asyncio.sleep(1000) for _ in range(3)))",
    ],
)
def test_cancel(code: str) -> None:
    with scene() as here:
        answer = here.console.ask(code)
        here.wait()
        cancel = here.console.ask("", "cancel").whole()
        assert cancel.status == "ok"
        answer.whole()
        if "1 / 0" in code:
            assert "division by zero" in answer.error
        else:
            assert answer.status == "cancelled"
            assert len(answer.events) == 1
        assert here.console.value("1 + 1") == "2"
        assert len(evaluating()) == 1


def test_cancel_what_swallows_it_for_a_while() -> None:
    code = (
        "caught = 0\n"
        "while caught < 3:\n"
        "    try:\n"
        "        reached.set()\n"
        "        while True: pass\n"
        "    except KeyboardInterrupt: caught += 1\n"
    )
    with scene() as here:
        answer = here.console.ask(code)
        here.wait()
        here.console.ask("", "cancel")
        assert answer.whole().status == "ok"
        assert here.console.value("caught") == "3"


def test_cancel_of_a_call_that_cannot_be_interrupted() -> None:
    with scene() as here:
        answer = here.console.ask("print('begins')\nreached.set()\nz = release.wait(20)\nprint('too late')")
        later = here.console.ask("1 + 1")
        here.wait()
        here.console.ask("", "cancel")
        assert answer.whole().status == "error"  # to call it cancelled would be a contradiction
        assert "still running" in answer.texts("note")[0]
        assert answer.printed() == "begins\n"
        assert later.whole().status == "cancelled"
        assert here.console.value("2 + 2") == "4"  # on another thread
        here.release.set()
        assert eventually(lambda: len(evaluating()) == 1)
        assert here.console.value("3 + 3") == "6"
        assert answer.events[-1]["type"] == "done"


def test_cancel_of_nothing_is_harmless() -> None:
    with scene() as here:
        assert here.console.ask("", "cancel").whole().status == "ok"
        assert here.console.value("1") == "1"
        assert here.console.ask("", "cancel").whole().status == "ok"
        assert here.console.value("2") == "2"


def test_many_cancels_at_any_moment_harm_no_later_answer() -> None:
    with scene() as here:
        for turn in range(60):
            answer = here.console.ask(f"sum(range({turn * 300}))")
            here.console.ask("", "cancel")
            assert answer.whole().status in ("ok", "cancelled")
        assert here.console.value("1 + 1") == "2"


# The app's loop ---------------------------------------------------------------------------------------------


def on(loop: asyncio.AbstractEventLoop) -> Contexts:
    context = contextvars.Context()
    context.run(VARIABLE.set, "of the request")
    return Contexts(context, loop=loop)


def test_await_runs_on_the_loop_of_the_app() -> None:
    with running_loop() as loop, scene(on(loop)) as here:
        where = (
            "import asyncio, threading\nasync def where():\n    return threading.current_thread().name\n\n"
        )
        assert here.console.value(where + "await where()") == '"the app\'s loop"'
        assert here.console.value("threading.current_thread().name") == "'pilotlight-console'"


def test_the_context_is_active_in_both() -> None:
    with running_loop() as loop, scene(on(loop)) as here:
        read = "from test_debugger_console_running import VARIABLE\nVARIABLE.get()"
        assert here.console.value(read) == "'of the request'"
        code = "async def read():\n    return VARIABLE.get()\n\nawait read()"
        assert here.console.value(code) == "'of the request'"
        here.console.run("token = VARIABLE.set('changed')")
        assert here.console.value("await read()") == "'changed'"
    assert VARIABLE.get() == "unset"


def test_tasks_of_an_evaluation_print_here_while_it_runs() -> None:
    code = (
        "import asyncio\n"
        "async def speak(): print('from a task')\n\n"
        "async def main():\n    await asyncio.create_task(speak())\n    print('from main')\n\n"
        "await main()"
    )
    with running_loop() as loop, scene(on(loop)) as here:
        assert here.console.run(code).printed() == "from a task\nfrom main\n"


def test_tasks_that_outlive_it_print_where_everybody_does(capsys: pytest.CaptureFixture[str]) -> None:
    code = (
        "import asyncio\n"
        "async def later():\n"
        "    await asyncio.get_running_loop().run_in_executor(None, release.wait, 20)\n"
        "    print('from afterwards')\n    reached.set()\n\n"
        "async def main():\n    global kept\n    kept = asyncio.create_task(later())\n\n"
        "await main()\nprint('during')"
    )
    with running_loop() as loop, scene(on(loop)) as here:
        assert here.console.run(code).printed() == "during\n"
        here.release.set()
        here.wait()
        assert capsys.readouterr().out == "from afterwards\n"
    globals().pop("kept", None)


def test_the_loop_of_the_app_survives_everything() -> None:
    with running_loop() as loop, scene(on(loop)) as here:
        for code, said in [
            ("import sys\nasync def f(): sys.exit()\n\nawait f()", "the server goes on"),
            ("async def f(): raise SystemExit(2)\n\nawait f()", "the server goes on"),
        ]:
            assert said in here.console.run(code).texts("note")[0]
        assert here.console.run("async def f(): raise KeyboardInterrupt\n\nawait f()").status == "cancelled"
        text = here.console.run("async def f(): 1 / 0\n\nawait f()").error
        assert "ZeroDivisionError" in text
        assert "await f()" in text
        assert "pilotlight" not in text
        assert "asyncio/" not in text
        assert here.console.value("import asyncio\nawait asyncio.sleep(0, 'alive')") == "'alive'"


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nreached.set()\nawait asyncio.sleep(1000)",
        "async def spin():\n    reached.set()\n    while True: pass\n\nawait spin()",
        "import asyncio\n"
        "async def stubborn():\n"
        "    for _ in range(3):\n"
        "        try:\n"
        "            reached.set()\n"
        "            await asyncio.sleep(1000)\n"
        "        except asyncio.CancelledError: pass\n\n"
        "await stubborn()",
    ],
)
def test_cancel_on_the_loop_of_the_app(code: str) -> None:
    with running_loop() as loop, scene(on(loop)) as here:
        answer = here.console.ask(code)
        here.wait()
        here.console.ask("", "cancel")
        answer.whole()
        assert answer.status == ("ok" if "stubborn" in code else "cancelled"), answer.events
        assert here.console.value("import asyncio\nawait asyncio.sleep(0, 'alive')") == "'alive'"
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(LIMIT_SECONDS)


def test_the_loop_has_ended() -> None:
    with running_loop() as loop, scene(on(loop)) as here:
        here.console.run("import asyncio")
        loop.call_soon_threadsafe(loop.stop)
        assert eventually(lambda: not loop.is_running())
        assert (
            here.console.value("await asyncio.sleep(0, 'on a loop of its own')") == "'on a loop of its own'"
        )


def test_a_loop_of_its_own_is_kept_from_one_input_to_the_next() -> None:
    with scene() as here:
        here.console.run("import asyncio\nasync def loop(): return asyncio.get_running_loop()\n")
        here.console.run("first = await loop()")
        assert here.console.value("first is await loop()") == "True"
        here.console.run("async def forever(): await asyncio.sleep(1000)\n")
        here.console.run(
            "async def start():\n    return asyncio.create_task(forever())\n\ntask = await start()"
        )
        held: Any = here.console.consoles._sessions[("r", 0)].names()["first"]
        here.console.consoles.close()
        assert held.is_closed()


def test_an_unawaited_task_factory_of_the_old_kind() -> None:
    def factory(loop: Any, coroutine: Any) -> Any:
        return asyncio.Task(coroutine, loop=loop)

    with running_loop() as loop, scene(on(loop)) as here:
        loop.set_task_factory(factory)
        assert here.console.value("import asyncio\nawait asyncio.sleep(0, 'made')") == "'made'"


def test_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with scene(on(loop)) as here:
            assert here.console.value("import asyncio\nawait asyncio.sleep(0.01, 'slept')") == "'slept'"
            answer = here.console.ask("reached.set()\nawait asyncio.sleep(1000)")
            here.wait()
            here.console.ask("", "cancel")
            assert answer.whole().status == "cancelled"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LIMIT_SECONDS)
        loop.close()
