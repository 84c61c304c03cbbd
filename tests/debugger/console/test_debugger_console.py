"""The console in the worker: values, names, output, errors, cancelling, threads."""

from __future__ import annotations

import builtins
import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from console_harness import Console, console_of, failing

from pilotlight.debugger.console.names import WRITES_THROUGH

LEVEL = "module"


def changed() -> str:
    return LEVEL


def broken(argument: int = 7) -> None:
    local = [1, 2, 3]
    word = "text"

    def inner() -> str:
        return word

    raise ValueError(local, inner)


@pytest.fixture
def console() -> Iterator[Console]:
    with console_of(failing(broken)) as console:
        yield console


@pytest.fixture
def plain() -> Iterator[Console]:
    with console_of([], fresh=lambda: {"app": "the app"}) as console:
        yield console


VALUES = {
    "an expression": ("argument + len(local)", "10"),
    "statements and a last expression": ("a = 2\nb = 3\na * b", "6"),
    "a lambda sees the frame": ("(lambda: argument)()", "7"),
    "a comprehension sees the frame": ("[argument + each for each in local]", "[8, 9, 10]"),
    "a nested one": ("{k: [argument for _ in local] for k in 'a'}", "{'a': [7, 7, 7]}"),
    "a function sees the frame and itself": (
        "def times(n):\n    return 0 if n == 0 else argument + times(n - 1)\n\ntimes(3)",
        "21",
    ),
    "a class body sees the frame": ("class C:\n    held = argument\n\nC.held", "7"),
    "a method sees new names": (
        "class C:\n    def m(self):\n        return later\n\nlater = 5\nC().m()",
        "5",
    ),
    "globals of the module": ("changed()", "'module'"),
    "builtins": ("max(local)", "3"),
    "locals()": ("locals()['argument']", "7"),
    "eval sees the frame": ("eval('argument')", "7"),
    "exec sees the frame": ("exec('made = argument + 1')\nmade", "8"),
    "await without a loop of the app": ("import asyncio\nawait asyncio.sleep(0, 'slept')", "'slept'"),
    "async for, in a comprehension": (
        "async def count():\n    for i in range(3):\n        yield i\n\n[i async for i in count()]",
        "[0, 1, 2]",
    ),
    "async for, as a statement": (
        "async def count():\n    for i in range(3):\n        yield i\n\n"
        "found = []\nasync for i in count():\n    found.append(i + argument)\n\nfound",
        "[7, 8, 9]",
    ),
    "async with": (
        "import contextlib\n@contextlib.asynccontextmanager\nasync def manager():\n    yield 'managed'\n\n"
        "async with manager() as got:\n    pass\n\ngot",
        "'managed'",
    ),
    "a walrus": ("(made := argument) + made", "14"),
    "an annotation": ("made: int = 4\nmade", "4"),
    "import *": ("from math import *\nfloor(2.5)", "2"),
    "a relative import of nothing is an import": ("import os.path\nos.path.basename('a/b')", "'b'"),
    "a lone surrogate": ("chr(0xd800)", None),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_value_is_shown(console: Console, case: str) -> None:
    code, expected = VALUES[case]
    answer = console.run(code)
    assert answer.status == "ok", answer.events
    assert expected is None or answer.value == expected


def test_the_last_value_stays_in_underscore(console: Console) -> None:
    assert console.value("40 + 2") == "42"
    assert console.value("_ + 1") == "43"
    assert console.run("None").texts("value") == []
    assert console.value("_") == "43"
    assert console.value("[_ for each in 'ab']") == "[43, 43]"


def test_none_and_statements_show_nothing(console: Console) -> None:
    for code in ("None", "a = 1", "pass", "", "# nothing", "print"[:0]):
        answer = console.run(code)
        assert [event["type"] for event in answer.events] == ["done"], code
        assert answer.status == "ok"


def test_seconds_are_told(console: Console) -> None:
    answer = console.run("import threading\n_ = threading.Event().wait(0.05)")
    assert 0.04 < answer.events[-1]["seconds"] < 10


# Names ------------------------------------------------------------------------------------------------------


def test_an_assignment_reaches_the_frame_or_a_copy(console: Console) -> None:
    notes = console.run("argument = 8").texts("note")
    assert console.value("argument") == "8"
    assert console.value("(lambda: argument)()") == "8"
    frame = failing_frame(console)
    if WRITES_THROUGH:
        assert notes == []
        assert frame.f_locals["argument"] == 8
    else:
        assert "does not reach" in notes[0]
        assert console.run("argument = 9").texts("note") == []  # said once
        assert console.value("argument") == "9"
        assert frame.f_locals["argument"] == 7


def failing_frame(console: Console) -> Any:
    keeper: Any = console.consoles._keeper
    return keeper.frames("r")[-1]


@pytest.mark.skipif(not WRITES_THROUGH, reason="PEP 667 came with 3.13")
def test_an_assignment_reaches_closures(console: Console) -> None:
    console.run("word = 'changed'")
    assert console.value("inner()") == "'changed'"
    assert failing_frame(console).f_locals["word"] == "changed"


def test_new_names_stay_in_the_console(console: Console) -> None:
    console.run("fresh_name = 1")
    assert console.value("fresh_name") == "1"
    assert "fresh_name" not in failing_frame(console).f_locals
    assert "fresh_name" not in globals()


def test_a_name_can_be_deleted(console: Console) -> None:
    console.run("made = 1")
    assert console.run("del made").status == "ok"
    assert "NameError" in console.run("made").error
    notes = console.run("del argument").texts("note")
    assert ("hidden" if WRITES_THROUGH else "keeps a changed copy") in notes[0]
    assert "NameError" in console.run("argument").error
    assert "NameError" in console.run("del argument").error
    console.run("argument = 1")
    assert console.value("argument") == "1"


def test_global_reaches_the_module(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "LEVEL", "module")
    assert console.value("global LEVEL\nLEVEL = 'top'\nchanged()") == "'top'"
    assert LEVEL == "top"
    code = "def change():\n    global LEVEL\n    LEVEL = 'inner'\n\nchange()\nchanged()"
    assert console.value(code) == "'inner'"
    assert LEVEL == "inner"
    assert console.value("LEVEL") == "'inner'"
    monkeypatch.setitem(globals(), "NEW", None)
    assert console.run("global NEW\ndel NEW").status == "ok"
    assert "NEW" not in globals()


def test_a_shadowed_global_is_reached_by_its_declaration(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "argument", "global")
    assert console.value("argument") == "7"
    assert console.value("global argument\nargument") == "'global'"


def test_two_frames_have_two_consoles() -> None:
    def outer() -> None:
        place = "outer"
        inner(place)

    def inner(place: str) -> None:
        place = place + "!"
        raise ValueError(place)

    with console_of(failing(outer)) as console:
        assert console.value("place") == "'outer!'"
        assert console.other(0).value("place") == "'outer'"
        console.run("mine = 1")
        assert "NameError" in console.other(0).run("mine").error
        assert console.other(5).run("1").status == "gone"
        assert console.other(-1).run("1").status == "gone"


def test_a_module_frame_writes_to_its_globals(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "some_module"}
    code = compile("value = 1\ndef read(): return value\n1 / 0\n", str(tmp_path / "some.py"), "exec")
    with console_of(failing(lambda: exec(code, namespace))) as console:
        console.run("value = 2\nmade = 3")
        assert namespace["value"] == 2
        assert namespace["made"] == 3
        assert console.value("read()") == "2"
        assert console.value("5") == "5"
        assert console.value("_ + 1") == "6"
        assert "_" not in namespace
        code_text = "def change():\n    global value\n    value = 4\n\nchange()\nread()"
        assert console.value(code_text) == "4"
        console.run("del made")
        assert "made" not in namespace


def test_a_class_body_frame(tmp_path: Path) -> None:
    code = compile("class Half:\n    first = 1\n    second = missing\n", str(tmp_path / "half.py"), "exec")
    with console_of(failing(lambda: exec(code, {"__name__": "half"}))) as console:
        assert console.value("first") == "1"
        console.run("second = 2")
        assert console.value("first + second") == "3"


def test_future_statements_of_the_frame_hold(console: Console) -> None:
    # This file begins with `from __future__ import annotations`.
    assert console.value("def f(x: Missing): pass\n\nf.__annotations__") == "{'x': 'Missing'}"


def test_the_plain_console(plain: Console) -> None:
    assert plain.value("app") == "'the app'"
    plain.run("mine = 1\ndef f(): return mine\n")
    assert plain.value("f()") == "1"
    assert plain.value("__name__") == "'__console__'"


# Whole input or not -----------------------------------------------------------------------------------------


def test_incomplete_input_asks_for_more(console: Console) -> None:
    for code in ("def f():", "for i in range(3):\n    i", "(1,", "'''text", "@decorator"):
        answer = console.run(code)
        assert answer.status == "incomplete", code
        assert len(answer.events) == 1


# Output -----------------------------------------------------------------------------------------------------


def test_output_of_both_streams(console: Console) -> None:
    answer = console.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n'value'")
    assert answer.printed("stdout") == "out\n"
    assert answer.printed("stderr") == "err\n"
    assert [event["type"] for event in answer.events] == ["output", "output", "value", "done"]


def test_output_comes_while_it_runs(console: Console) -> None:
    go_on = threading.Event()
    console.run("import builtins")
    code = "print('before')\ngo_on.wait(20)\nprint('after')"
    builtins.go_on = go_on  # type: ignore[attr-defined]
    try:
        answer = console.ask(code)
        assert answer.until("output")["text"] == "before\n"
        go_on.set()
        assert answer.whole().printed() == "before\nafter\n"
    finally:
        del builtins.go_on  # type: ignore[attr-defined]


def test_other_threads_print_where_they_always_did(
    console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    console.run("import threading")
    code = "t = threading.Thread(target=print, args=['from a thread'])\nt.start()\nt.join()\nprint('mine')"
    assert console.run(code).printed() == "mine\n"
    assert capsys.readouterr().out == "from a thread\n"


def test_the_streams_are_as_before(console: Console) -> None:
    before = sys.stdout, sys.stderr, sys.stdin, builtins.input, sys.breakpointhook
    for code in (
        "1",
        "1 / 0",
        "import sys, io\nsys.stdout = io.StringIO()\nsys.stderr = None",
        "import sys\nsys.exit()",
        "import builtins\nbuiltins.input = None",
    ):
        console.run(code)
        assert (sys.stdout, sys.stderr, sys.stdin, builtins.input, sys.breakpointhook) == before


def test_a_stream_that_was_kept_is_harmless(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    console.run("import sys\nsys.kept = sys.stdout\nprint('during', file=sys.kept)")
    kept: Any = sys.kept  # type: ignore[attr-defined]
    del sys.kept  # type: ignore[attr-defined]
    print("later", file=kept)
    kept.flush()
    assert capsys.readouterr().out == "later\n"


def test_bytes_written_to_the_buffer(console: Console) -> None:
    code = "import sys\nn = sys.stdout.buffer.write('grüße'.encode())\nsys.stdout.isatty()"
    answer = console.run(code)
    assert answer.printed() == "grüße"
    assert answer.value == "False"


def test_too_much_output_is_cut(console: Console) -> None:
    answer = console.run("for i in range(300):\n    print('x' * 9_999)\n\n'end'")
    assert len(answer.printed()) == 1024 * 1024
    assert answer.value == "'end'"
    assert "more than 1 MiB" in answer.texts("note")[0]
    assert max(len(text) for text in answer.texts("output")) <= 8 * 1024


def test_output_is_sent_in_batches(console: Console) -> None:
    answer = console.run("for i in range(2_000):\n    print(i)\n")
    assert len(answer.texts("output")) < 200
    assert answer.printed() == "".join(f"{i}\n" for i in range(2_000))


def test_output_that_no_encoding_carries(console: Console) -> None:
    assert console.run("print(chr(0xdcff))").printed() == "\\udcff\n"


# Errors -----------------------------------------------------------------------------------------------------


def test_an_error_shows_the_typed_line_and_none_of_ours(console: Console) -> None:
    text = console.run("a = 1\n\ndef deeper(x):\n    return x / 0\n\ndeeper(a)").error
    assert "pilotlight" not in text
    assert "return x / 0" in text
    assert "deeper(a)" in text
    assert text.endswith("ZeroDivisionError: division by zero\n")
    assert text.startswith('Traceback (most recent call last):\n  File "<console ')


def test_an_error_of_the_app_has_its_frames(console: Console) -> None:
    text = console.run("broken_again = changed.missing").error
    assert "AttributeError" in text
    text = console.run("import json\njson.loads('{')").error
    assert "decoder.py" in text
    assert "pilotlight" not in text


def test_errors_do_not_enter_the_cache_of_lines(console: Console) -> None:
    import linecache

    console.run("1 / 0")
    assert not [name for name in linecache.cache if name.startswith("<console")]


def test_an_error_in_a_function_of_an_earlier_input(console: Console) -> None:
    console.run("def earlier():\n    raise KeyError('earlier')\n")
    text = console.run("earlier()").error
    assert "raise KeyError('earlier')" in text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("a b", "SyntaxError"),
        ("return 1", "outside function"),
        ("x = = 1", "SyntaxError"),
        ("'\\0" + "'", None),
        ("a\0b", "Error"),
        ("raise BaseException('base')", "BaseException: base"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("import asyncio\nraise asyncio.CancelledError", "CancelledError"),
        ("await 1", "TypeError"),
        ("def f(): f()\n\nf()", "RecursionError"),
        ("class E(Exception):\n    def __str__(self): raise SystemExit\n\nraise E", "E"),
        ("raise ValueError('outer') from KeyError('inner')", "direct cause"),
        ("(" * 300 + ")" * 300, "Error"),
    ],
)
def test_errors(console: Console, code: str, said: str | None) -> None:
    answer = console.run(code)
    if said is None:
        assert answer.status == "ok"
        return
    assert answer.status == "error", answer.events
    assert said in answer.error
    assert "pilotlight" not in answer.error
    assert console.value("1 + 1") == "2"


def test_a_syntax_error_shows_its_line(console: Console) -> None:
    assert "return 1" in console.run("return 1").error
    assert "^" in console.run("a b").error


def test_an_enormous_message_is_cut(console: Console) -> None:
    assert len(console.run("raise ValueError('x' * 1_000_000)").error) < 70_000


# What must not stop the server ------------------------------------------------------------------------------


def test_leaving_is_harmless(console: Console) -> None:
    for code in ("exit()", "quit()", "import sys\nsys.exit(3)", "raise SystemExit('text')"):
        answer = console.run(code)
        assert answer.status == "ok"
        assert "the server goes on" in answer.texts("note")[0]
    assert "needs no exit" in console.run("exit").texts("note")[0]
    async_exit = "import sys\nasync def leave():\n    sys.exit()\n\nawait leave()"
    assert "the server goes on" in console.run(async_exit).texts("note")[0]


@pytest.fixture(scope="module")
def prompts() -> list[str]:
    """The audit events that lend the terminal to the app. A hook stays for the life of the process."""
    seen: list[str] = []
    sys.addaudithook(lambda event, arguments: seen.append(event) if event == "builtins.input" else None)
    return seen


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("input('name? ')", "input() is refused"),
        ("import sys\nsys.stdin.read()", "sys.stdin is refused"),
        ("import sys\nsys.stdin.readline()", "sys.stdin is refused"),
        ("import sys\nlist(sys.stdin)", "sys.stdin is refused"),
        ("import sys\nsys.stdin.buffer.read()", "sys.stdin is refused"),
        ("breakpoint()", "breakpoint() is refused"),
        ("import pdb\npdb.Pdb().set_trace()\na = 1", "input() is refused"),
        ("import code\ncode.interact()", "input() is refused"),
    ],
)
def test_nothing_waits_for_somebody_to_type(
    console: Console, prompts: list[str], code: str, said: str
) -> None:
    prompts.clear()
    answer = console.run(code)
    assert answer.status == "error", answer.events
    assert said in answer.error
    assert prompts == []
    assert console.value("1 + 1") == "2"


def test_others_may_read_while_something_is_evaluated(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    go_on = threading.Event()
    monkeypatch.setattr(builtins, "go_on", go_on, raising=False)
    answer = console.ask("print('runs')\ngo_on.wait(20)")
    answer.until("output")
    assert sys.stdin.readline() == "typed\n"
    go_on.set()
    answer.whole()


def test_help_needs_no_pager(console: Console) -> None:
    answer = console.run("help(len)")
    assert answer.status == "ok"
    assert "number of items" in answer.printed()


def test_a_broken_repr_is_no_error(console: Console) -> None:
    answer = console.run("class B:\n    def __repr__(self): raise SystemExit\n\nB()")
    assert answer.status == "ok"
    assert answer.events[-2]["value"]["kind"] == "broken"


def test_a_secret_that_is_asked_for_is_shown(console: Console) -> None:
    assert console.value("password = 'hunter2'\npassword") == "'hunter2'"


def test_what_is_lazy_is_evaluated_when_it_is_asked_for(console: Console) -> None:
    console.run("from werkzeug.local import LocalProxy\ncalls = []")
    console.run("def find():\n    calls.append(1)\n    return {'found': 1}\n")
    assert console.value("LocalProxy(find)") == "{'found': 1}"
    members = "{'__module__': 'django.db.models.query', '__repr__': lambda self: 1 / 0}"
    answer = console.run(f"type('QuerySet', (), {members})()")
    assert answer.status == "ok"
    assert answer.events[-2]["value"]["kind"] == "broken"
    assert "generator object" in console.value("(each for each in local)")


@pytest.mark.parametrize(
    ("names", "missing", "sentences"),
    [
        (["app", "g", "__doc__"], "", ["Names here: app, g."]),
        (["app"], "The rest failed.", ["Names here: app.", "The rest failed."]),
        ([], "", ["There are no names of the app here: it is not loaded."]),
        (
            [f"n{number}" for number in range(43)],
            "",
            [f"Names here: {', '.join(f'n{number}' for number in range(40))} and 3 more."],
        ),
    ],
)
def test_the_plain_console_says_which_names_it_has(
    names: list[str], missing: str, sentences: list[str]
) -> None:
    with console_of([], fresh=lambda: dict.fromkeys(names), missing=missing) as console:
        for _ in range(2):
            answer = console.ask("", "about").whole()
            assert answer.texts("note") == sentences
            assert answer.status == "ok"
        console.run("other = 1")
        assert console.ask("", "about").whole().texts("note") == sentences


def test_the_names_are_made_once_on_the_thread_of_the_console() -> None:
    made: list[str] = []

    def fresh() -> dict[str, Any]:
        made.append(threading.current_thread().name)
        return {"app": 1}

    with console_of([], fresh=fresh) as console:
        console.ask("", "about").whole()
        assert console.value("app") == "1"
    assert made == ["pilotlight-console"]


def test_the_console_of_a_frame_has_nothing_to_say_about_itself(console: Console) -> None:
    answer = console.ask("", "about").whole()
    assert [event["type"] for event in answer.events] == ["done"]
