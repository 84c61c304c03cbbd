"""From a live exception to a report: frames, chains, groups, notes, syntax errors, and what lies."""

from __future__ import annotations

import builtins
import gc
import importlib
import json
import subprocess
import sys
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pilotlight.debugger import Report, from_exception, render_text
from pilotlight.debugger.report.capture import NO_SUGGESTION
from pilotlight.debugger.transport import from_json, to_json

# From 3.11 on; the tests that need it are skipped before.
ExceptionGroup: Any = getattr(builtins, "ExceptionGroup", None)
HAS_SPANS = sys.version_info >= (3, 11)
needs_spans = pytest.mark.skipif(not HAS_SPANS, reason="PEP 657 came with 3.11")


def caught(function: Callable[[], Any]) -> BaseException:
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - whatever it raised
        return error
    raise AssertionError("nothing was raised")


def run_file(path: Path, data: str | bytes, name: str = "module_under_test") -> BaseException:
    """The error that a file raises when it is run."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    code = compile(path.read_bytes(), str(path), "exec")
    return caught(lambda: exec(code, {"__name__": name}))


def focus_text(report: Report) -> tuple[str, str]:
    """The code of the innermost own frame and the part of it that is marked."""
    frame = report.focus()
    assert frame is not None
    code = frame.code()
    assert code is not None
    span = frame.span
    return code, "" if span is None else code[span.column : span.end_column]


def round_trip(report: Report) -> Report:
    again = from_json(json.loads(json.dumps(to_json(report))))
    assert again == report
    return again


SPANS = {
    "subscript": ('d = {}\nprint(1 + d["a"] + 2)\n', 'd["a"]'),
    "call in a sum": ("def f():\n    return 1 / 0\nx = 1 + f()\n", "1 / 0"),
    "tabs": ("def f():\n\tx = {}\n\treturn [1, x['k']]\nf()\n", "x['k']"),
    "wide characters": ('d = {}\nx = ["漢字", d["é"], "漢"]\n', 'd["é"]'),
    "emoji": ('d = {}\nx = ["👩‍🚀", d["🚀"]]\n', 'd["🚀"]'),
    "carriage returns": ("d = {}\r\nx = [1, d[2]]\r\n", "d[2]"),
    "form feed": ("d = {}\n\x0c\nx = [1, d[2]]\n", "d[2]"),
    "byte order mark": ("\ufeffx = [1, {}[2]]\n", "{}[2]"),
    "the whole line says nothing": ("raise ValueError('x')\n", ""),
}


@pytest.mark.parametrize("name", SPANS)
def test_the_span_is_exact_in_characters(tmp_path: Path, name: str) -> None:
    source, marked = SPANS[name]
    report = from_exception(run_file(tmp_path / "app.py", source))
    assert focus_text(report)[1] == (marked if HAS_SPANS else "")
    round_trip(report)


def test_a_latin_1_file_is_read_by_its_cookie(tmp_path: Path) -> None:
    data = '# -*- coding: latin-1 -*-\nd = {}\nx = ["é", d["ü"]]\n'.encode("latin-1")
    code, marked = focus_text(from_exception(run_file(tmp_path / "app.py", data)))
    assert code == 'x = ["é", d["ü"]]'
    assert marked == ('d["ü"]' if HAS_SPANS else "")


@needs_spans
def test_a_span_over_several_lines(tmp_path: Path) -> None:
    report = from_exception(run_file(tmp_path / "app.py", "x = (1 +\n     None)\n"))
    span = report.focus().span
    assert span is not None
    assert (span.line, span.end_line) == (1, 2)
    assert "^" in render_text(report)


def test_frames_have_file_line_function_module_and_owner(tmp_path: Path) -> None:
    error = run_file(
        tmp_path / "app.py",
        "import json\nclass A:\n    def f(self):\n        json.loads('{')\nA().f()\n",
        "my.app",
    )
    frames = from_exception(error).error.frames
    mine = [frame for frame in frames if frame.file == str(tmp_path / "app.py")]
    assert [(frame.line, frame.function, frame.module, frame.own) for frame in mine] == [
        (5, "<module>", "my.app", True),
        (4, "f", "my.app", True),
    ]
    assert mine[1].qualname == ("A.f" if HAS_SPANS else "f")
    assert mine[1].lines[mine[1].line - mine[1].first_line] == "        json.loads('{')"
    assert [frame.own for frame in frames[-3:]] == [False, False, False]
    assert {frame.module.partition(".")[0] for frame in frames[-3:]} == {"json"}


def test_focus_is_the_innermost_own_frame(tmp_path: Path) -> None:
    report = from_exception(run_file(tmp_path / "app.py", "import json\njson.loads('{')\n"))
    assert report.focus().line == 2
    assert not report.error.frames[-1].own


def plain() -> None:
    raise ValueError("plain")


def cause() -> None:
    try:
        plain()
    except ValueError as error:
        raise RuntimeError("with cause") from error


def context() -> None:
    try:
        plain()
    except ValueError:
        raise RuntimeError("with context")  # noqa: B904


def suppressed() -> None:
    try:
        plain()
    except ValueError:
        raise RuntimeError("suppressed") from None


def cyclic() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    raise one


def self_caused() -> None:
    error = ValueError("me")
    error.__cause__ = error
    raise error


def multiline() -> None:
    raise ValueError("first\n  second\n\nlast")


def no_message() -> None:
    raise ValueError


def recursive(depth: int = 300) -> None:
    if depth:
        recursive(depth - 1)
    raise ValueError("deep")


def unsaid_exit() -> None:
    sys.exit("configuration is missing")


SAMPLES = [plain, cause, context, suppressed, multiline, no_message, recursive, unsaid_exit]


@pytest.mark.parametrize("sample", SAMPLES)
def test_text_is_what_python_prints(sample: Callable[[], None]) -> None:
    error = caught(sample)
    expected = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    assert without_carets(render_text(from_exception(error))) == without_carets(expected)


def without_carets(text: str) -> list[str]:
    """The lines without the marks (3.13 draws some of them differently) and without their indent."""
    return [
        line.strip() for line in text.splitlines() if not {"^", "~"} & set(line) or set(line) - set(" |\t^~")
    ]


@pytest.mark.parametrize(
    ("sample", "links"),
    [
        (cause, ["", "cause"]),
        (context, ["", "context"]),
        (suppressed, [""]),
        (cyclic, ["", "cause"]),
        (self_caused, [""]),
    ],
)
def test_chain(sample: Callable[[], None], links: list[str]) -> None:
    report = round_trip(from_exception(caught(sample)))
    assert [trace.link for trace in report.chain] == links


def test_a_long_chain_is_bounded_and_says_so() -> None:
    error: BaseException = ValueError("0")
    for number in range(1, 2_000):
        following = ValueError(str(number))
        following.__cause__ = error
        error = following
    report = round_trip(from_exception(error))
    assert len(report.chain) == 15
    assert report.chain[0].message == "1999"
    assert report.chain[-1].message == "0"
    assert sum(trace.omitted for trace in report.chain) == 1_985
    assert "[1985 exceptions of this chain left out]" in render_text(report)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
def test_groups_as_python_prints_them() -> None:
    def raise_group() -> None:
        inner = ExceptionGroup("inner", [caught(plain), OSError("two")])
        inner.add_note("a note\nin two lines")
        raise ExceptionGroup("outer", [caught(cause), inner, KeyError("k")])

    error = caught(raise_group)
    report = round_trip(from_exception(error))
    expected = "".join(traceback.format_exception(error))
    assert without_carets(render_text(report)) == without_carets(expected)
    last = ExceptionGroup("outer", [ValueError(1), ExceptionGroup("inner", [ValueError(2)])])
    expected = "".join(traceback.format_exception(last))
    assert without_carets(render_text(from_exception(last))) == without_carets(expected)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
def test_groups_are_bounded() -> None:
    wide = ExceptionGroup("wide", [ValueError(str(number)) for number in range(1_000)])
    report = from_exception(wide)
    assert len(report.error.group) == 50
    assert report.error.group_omitted == 950
    assert "and 950 more exceptions" in render_text(report)
    deep: Exception = ValueError("leaf")
    for _ in range(200):
        deep = ExceptionGroup("deep", [deep, deep])
    assert len(json.dumps(to_json(from_exception(deep)))) < 256 * 1024
    both = ExceptionGroup(
        "w", [ExceptionGroup("v", [ValueError("x" * 9_000) for _ in range(100)]) for _ in range(100)]
    )
    assert len(json.dumps(to_json(from_exception(both)), separators=(",", ":"))) <= 256 * 1024


def test_notes(tmp_path: Path) -> None:
    error = ValueError("x")
    error.__notes__ = ["one", "two\nlines", object()]  # what add_note of 3.11 fills
    report = round_trip(from_exception(error))
    assert report.error.notes == ("one", "two\nlines", "<object object>")
    assert render_text(report).endswith("ValueError: x\none\ntwo\nlines\n<object object>\n")


SYNTAX = {
    "missing colon": "def f()\n    pass\n",
    "never closed": "x = (1,\ny = 2\n",
    "indentation": "def f():\nx = 1\n",
    "tabs": "if 1:\n\tx = (1 2)\n",
    "string": "x = 'abc\n",
    "wide": "x = '漢字' '漢' y z\n",
    "keyword": "class = 1\n",
}


@pytest.mark.parametrize("name", SYNTAX)
def test_syntax_errors_as_python_prints_them(tmp_path: Path, name: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(SYNTAX[name], encoding="utf-8")
    error = caught(lambda: compile(path.read_bytes(), str(path), "exec"))
    report = round_trip(from_exception(error, kind="load"))
    place = report.error.syntax
    assert place is not None
    assert place.file == str(path)
    assert place.line == error.lineno  # type: ignore[attr-defined]
    assert place.lines
    ours, theirs = render_text(report).splitlines(), traceback.format_exception_only(type(error), error)
    expected = "".join(theirs).splitlines()
    assert without_carets("\n".join(ours))[-len(without_carets("".join(theirs))) :] == without_carets(
        "".join(theirs)
    )
    carets = [line for line in expected if set(line.strip()) == {"^"}]
    found = [line for line in ours if set(line.strip()) == {"^"}][-1:]
    if "漢" not in SYNTAX[name] and "\t" not in SYNTAX[name]:
        assert found == carets[-1:]


def test_a_syntax_error_with_lies_in_it_does_not_break_the_report() -> None:
    error = SyntaxError("odd", ("nowhere.py", 7, 99, None, -4, 5))
    assert from_exception(error).error.syntax.line == 7
    for details in [(None, None, None, None), ("f", 1, -3, "x" * 100_000), ("f", 10**9, 10**9, "\0")]:
        round_trip(from_exception(SyntaxError("odd", details)))
    error = SyntaxError("odd")
    error.msg, error.lineno = 5, "three"  # type: ignore[assignment]
    round_trip(from_exception(error))


class Loud(Exception):
    """Fails the test when anything of it but `__str__` is asked."""

    asked: ClassVar[list[str]] = []

    def __repr__(self) -> str:
        self.asked.append("repr")
        return "loud"

    def __getattribute__(self, name: str) -> Any:
        type(self).__dict__["asked"].append(name)
        return super().__getattribute__(name)


def test_no_user_code_runs() -> None:
    error = caught(lambda: (_ for _ in ()).throw(Loud("x")))
    Loud.asked.clear()
    from_exception(error)
    assert Loud.asked == []


class TextOfItsOwn(str):
    """A string that lies."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, key: Any) -> str:
        raise RuntimeError("no")

    def replace(self, *_: Any) -> str:  # type: ignore[override]
        raise RuntimeError("no")


def broken(result: Callable[[], Any]) -> Exception:
    class BrokenError(Exception):
        def __str__(self) -> str:
            return result()  # type: ignore[no-any-return]

    return BrokenError()


def fail() -> str:
    raise ZeroDivisionError


def leave() -> str:
    raise SystemExit(3)


def dig() -> str:
    return dig()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (fail, "<exception str() failed>"),
        (leave, "<exception str() failed>"),
        (dig, "<exception str() failed>"),
        (lambda: 5, "<exception str() failed>"),
        (lambda: None, "<exception str() failed>"),
        (lambda: TextOfItsOwn("lies"), "lies"),
        (lambda: "\udc80 \x00 \x1b[31m", "\udc80 \x00 \x1b[31m"),
    ],
)
def test_a_broken_str_leaves_a_complete_report(result: Callable[[], Any], message: str) -> None:
    report = round_trip(from_exception(broken(result)))
    assert report.error.message == message
    assert type(report.error.message) is str
    assert "\x1b" not in render_text(report)


def test_an_endless_message_is_cut() -> None:
    report = from_exception(ValueError("x" * 5_000_000))
    assert report.error.message.endswith("(4990000 more characters)")
    assert len(json.dumps(to_json(report))) < 40_000


def test_a_class_with_odd_names() -> None:
    odd = type("Odd<b>", (Exception,), {"__module__": 5})
    assert from_exception(odd("x")).error.type == "<unknown>.Odd<b>"
    assert from_exception(json.JSONDecodeError("m", "doc", 0)).error.type == "json.decoder.JSONDecodeError"


def test_deep_recursion_is_folded() -> None:
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        report = round_trip(from_exception(caught(lambda: recursive(15_000))))
    finally:
        sys.setrecursionlimit(old)
    assert len(report.error.frames) < 10
    assert "[Previous line repeated 14997 more times]" in render_text(report)


def test_mutual_recursion_is_folded() -> None:
    def ping(depth: int) -> None:
        pong(depth)

    def pong(depth: int) -> None:
        if depth == 0:
            raise ValueError("deep")
        ping(depth - 1)

    frames = from_exception(caught(lambda: ping(400))).error.frames
    assert len(frames) < 12
    assert [(frame.period, frame.repeats) for frame in frames if frame.repeats] == [(2, 399)]


@needs_spans
def test_the_innermost_call_is_kept_even_on_the_line_of_the_recursion(tmp_path: Path) -> None:
    error = run_file(tmp_path / "app.py", "def f(n): return f(n - 1) if n else 1 / 0\nf(300)\n")
    report = from_exception(error)
    assert focus_text(report)[1] == "1 / 0"
    assert sum(frame.repeats for frame in report.error.frames) == 297


def test_a_line_that_is_gone_is_said(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    error = run_file(path, "\n\n\nx = {}['k']\n")
    path.write_text("x = 1\n")
    frame = from_exception(error).focus()
    assert frame.source_note == "The file has changed since it ran: it has no line 4 any more."
    assert frame.lines == ()
    path.write_text("\n\n\n\n\n")
    assert (
        from_exception(error).focus().source_note
        == "The file has changed since it ran: this line is empty now."
    )
    path.write_text("\n\n\nx\n")
    assert from_exception(error).focus().span is None
    path.unlink()
    assert from_exception(error).focus().source_note == "The file is not there any more."


def test_code_without_a_file() -> None:
    frame = from_exception(caught(lambda: exec("1 / 0"))).focus()
    assert (frame.file, frame.own, frame.lines) == ("<string>", True, ())
    assert frame.source_note == "The code did not come from a file."


def test_own_frames_of_this_server_and_of_the_import_system_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trim_outer.py").write_text("import trim_inner\n")
    (tmp_path / "trim_inner.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    error = caught(lambda: importlib.import_module("trim_outer"))
    error = error.with_traceback(error.__traceback__.tb_next.tb_next)  # type: ignore[union-attr]
    assert [Path(frame.file).name for frame in from_exception(error).error.frames] == [
        "trim_outer.py",
        "trim_inner.py",
    ]
    assert len(from_exception(error, trim=False).error.frames) > 2


def test_a_query_of_django_that_fails_shows_no_call_of_this_server(configured_django: None) -> None:
    from django.db import connection

    from pilotlight.worker import recording

    recording.record_queries()
    recording.begin()
    try:
        with connection.cursor() as cursor:
            error = caught(lambda: cursor.execute("SELECT nothing FROM nowhere"))
        whole = from_exception(error, trim=False).chain
        report = from_exception(error)
    finally:
        recording.end()
        connection.close()
    assert [each.type for each in report.chain] == [
        "django.db.utils.OperationalError",
        "sqlite3.OperationalError",
    ]
    assert any(frame.file == recording.__file__ for each in whole for frame in each.frames)
    files = {frame.file for each in report.chain for frame in each.frames}
    assert __file__ in files
    assert recording.__file__ not in files


def test_a_bug_in_the_server_itself_keeps_its_frames() -> None:
    error = caught(lambda: from_json({}))
    error = error.with_traceback(error.__traceback__.tb_next.tb_next)  # type: ignore[union-attr]
    assert from_exception(error).error.frames


def test_a_report_keeps_nothing_alive() -> None:
    class Local:
        pass

    def fail_with_local() -> weakref.ref[Local]:
        local = Local()
        seen.append(weakref.ref(local))
        raise ValueError(local)

    seen: list[weakref.ref[Local]] = []
    error: BaseException | None = caught(fail_with_local)
    report = from_exception(error)  # type: ignore[arg-type]
    del error
    gc.collect()
    assert seen[0]() is None
    assert report.chain


def variables_of(report: Report, function: str) -> dict[str, tuple[str, str]]:
    frame = next(each for each in reversed(report.error.frames) if each.function == function)
    return {each.name: (each.role, each.value.text) for each in frame.variables}


def outer(password: str, count: int) -> None:
    unused = [1, 2]
    inner(count, unused)


def inner(count: int, rows: list[int]) -> float:
    total = 1
    return total / count


def test_variables_are_shown_only_when_asked_for() -> None:
    error = caught(lambda: outer("hunt" + "er2", 0))
    assert not any(frame.variables for frame in from_exception(error).error.frames)
    report = round_trip(from_exception(error, variables=True))
    assert variables_of(report, "inner") == {
        "total": ("used", "1"),
        "count": ("used", "0"),
        "rows": ("argument", "[1, 2]"),
    }
    shown = variables_of(report, "outer")
    assert list(shown) == ["count", "unused", "inner", "password"]
    assert "hunter2" not in json.dumps(to_json(report))


def test_variables_of_libraries_only_near_the_error(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    text = "".join(f"def f{n}(x):\n    f{n + 1}(x)\n" for n in range(10)) + "def f10(x):\n    x / 0\nf0(1)\n"
    frames = from_exception(run_file(folder / "library.py", text), variables=True).error.frames
    assert [bool(frame.variables) for frame in frames if not frame.own] == [False] * 9 + [True] * 3


def test_live_frames_are_given_in_the_order_of_their_numbers() -> None:
    kept: list[Any] = []
    error = caught(cause)
    report = round_trip(from_exception(error, keep=kept.extend))
    frames = [frame for trace in report.chain for frame in trace.frames]
    assert [frame.handle for frame in frames] == list(range(len(frames))) == list(range(len(kept)))
    assert [each.f_code.co_name for each in kept] == [frame.function for frame in frames]
    assert all(frame.handle == -1 for frame in from_exception(error).error.frames)


def test_a_deep_recursion_keeps_only_the_frames_that_are_shown() -> None:
    kept: list[Any] = []
    report = from_exception(caught(recursive), keep=kept.extend)
    assert len(kept) == len(report.error.frames) < 10


@needs_spans
def test_a_file_that_has_changed_is_said_and_not_marked(tmp_path: Path) -> None:
    asked: list[str] = []

    def changed(file: str) -> bool:
        asked.append(file)
        return file == str(tmp_path / "app.py")

    error = run_file(tmp_path / "app.py", "def f(n):\n    return f(n - 1) if n else 1 / n\nf(3)\n")
    frames = from_exception(error, changed=changed).error.frames
    mine = [frame for frame in frames if frame.file == str(tmp_path / "app.py")]
    assert {frame.source_note for frame in mine} == {
        "The file has changed since it was loaded: these may not be the lines that ran."
    }
    assert [frame.span for frame in mine] == [None] * len(mine)
    assert mine[-1].code() is not None
    assert sorted(asked) == sorted(set(asked))


def test_secrets_are_masked_in_every_text() -> None:
    url = "postgres://admin:hunter2@localhost/db"
    error = ValueError(f"cannot connect to {url}")
    error.__notes__ = [f"tried {url}"]
    error.__cause__ = OSError(url)
    report = from_exception(error)
    assert "hunter2" not in json.dumps(to_json(report))
    assert "admin" in report.error.message


def test_an_endless_str_costs_no_more_than_its_deadline() -> None:
    class Endless(Exception):
        def __str__(self) -> str:  # noqa: PLE0307
            while True:
                pass

    report = from_exception(Endless(), variables=True)
    assert report.error.message.startswith("<exception str() was too slow: ")


class Refusing(dict):  # type: ignore[type-arg]
    """A namespace that does not like to be looked at."""

    armed = False

    def __getitem__(self, key: Any) -> Any:
        if self.armed:
            raise SystemExit("a namespace of the app was asked")
        return super().__getitem__(key)

    def get(self, *_: Any) -> Any:
        raise SystemExit("a namespace of the app was asked")

    keys = items = values = __iter__ = __contains__ = get  # type: ignore[assignment]


class Prepared(type):
    @classmethod
    def __prepare__(cls, *_: Any, **__: Any) -> Any:
        return Refusing()


def in_a_prepared_body() -> None:
    class Made(metaclass=Prepared):
        x = nope_nope  # type: ignore[name-defined]  # noqa: F821


def in_odd_globals() -> None:
    known = Refusing({"__builtins__": {}, "__name__": "odd"})
    try:
        exec("nope_nope", known)
    finally:
        known.armed = True


def in_code_with_an_odd_name() -> None:
    exec(compile("{}['k']", "\udc80" * 3_000, "exec"))


def in_code_with_odd_lines() -> None:
    exec(compile("\n\nx = {}['k']", __file__, "exec").replace(co_firstlineno=2_000_000_000))


def raised_by_a_liar() -> None:
    class Liar:
        __class__ = property(fail)  # type: ignore[assignment]

        def __getattribute__(self, name: str) -> Any:
            raise SystemExit("an object of the app was asked")

    liar = Liar()
    [liar, liar][5]  # noqa: PLE0643


@pytest.mark.parametrize(
    "sample",
    [in_a_prepared_body, in_odd_globals, in_code_with_an_odd_name, in_code_with_odd_lines, raised_by_a_liar],
)
def test_hostile_places(sample: Callable[[], None]) -> None:
    error = caught(sample)
    assert not issubclass(type(error), SystemExit), error
    for variables in (False, True):
        report = round_trip(from_exception(error, variables=variables))
        assert NO_SUGGESTION not in report.error.suggestion
        render_text(report)


def test_the_frames_of_a_report_with_variables_are_not_kept() -> None:
    class Local:
        pass

    def fail_with_local() -> None:
        local = Local()
        seen.append(weakref.ref(local))
        raise ValueError

    seen: list[weakref.ref[Local]] = []
    error: BaseException | None = caught(fail_with_local)
    report = from_exception(error, variables=True)  # type: ignore[arg-type]
    assert "local" in variables_of(report, "fail_with_local")
    del error
    gc.collect()
    assert seen[0]() is None


def test_names_of_the_standard_library_may_be_shadowed(tmp_path: Path) -> None:
    for name in (
        "html",
        "code",
        "token",
        "tokenize",
        "string",
        "traceback",
        "textwrap",
        "signal",
        "linecache",
        "codecs",
        "keyword",
        "reprlib",
        "secrets",
        "values",
    ):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    (tmp_path / "app.py").write_text("# coding: latin-1\nimport json\nx = {}['k']\n")
    script = (
        "import asyncio, gc, sys\n"  # the server needs them long before
        "from pilotlight.debugger import from_exception, error_response, from_death, from_json, to_json\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "before = set(sys.modules)\n"
        "try:\n    import app\n"
        "except KeyError as error:\n    report = from_exception(error, kind='load', variables=True)\n"
        "report = from_json(to_json(report))\n"
        "for accept in (b'text/html', b'text/plain', b'application/json'):\n"
        "    status, headers, body = error_response(report, accept, 'GET', live=True)\n"
        "    assert b'KeyError' in body and b'could not render' not in body, body\n"
        "dump = 'Thread 0x1 (most recent call first):\\n  File \"app.py\", line 3 in f'\n"
        "to_json(from_death('gone', dump))\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, cwd=tmp_path.parent
    )
    assert done.returncode == 0, done.stderr
    assert "shadowed" not in done.stderr
    found = set(done.stdout.strip()[1:-1].replace("'", "").split(", "))
    assert {name for name in found if not name.startswith("pilotlight.")} <= {"", "_ast", "encodings.latin_1"}


def test_after_preloading_an_error_needs_no_more_modules() -> None:
    script = (
        "import asyncio, sys\n"
        "from pilotlight.debugger.report.capture import from_exception, preload\n"
        "preload()\n"
        "before = set(sys.modules)\n"
        "def fail(rows):\n    return rows['colur']\n"
        "try:\n    fail({'colour': 1})\n"
        "except KeyError as error:\n    report = from_exception(error, variables=True)\n"
        "assert report.error.frames[-1].variables\n"
        "print(sorted(set(sys.modules) - before - {'_ast'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_recursion_shows_its_innermost_call() -> None:
    def deep(left: int) -> int:
        return 1 // left if left == 0 else deep(left - 1)

    try:
        deep(40)
    except ZeroDivisionError as error:
        kept: list[Any] = []
        report = from_exception(error, variables=True, keep=kept.extend)
    folded = next(frame for frame in report.error.frames if frame.repeats)
    assert kept[folded.handle].f_locals["left"] == 1
    assert {each.name: each.value.text for each in folded.variables}["left"] == "1"
    innermost = report.error.frames[-1]
    assert {each.name: each.value.text for each in innermost.variables}["left"] == "0"
