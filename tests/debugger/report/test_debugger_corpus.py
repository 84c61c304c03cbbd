"""Odd programs: each gives a report that says what the interpreter's own traceback says, and no less."""

# ruff: noqa: E501

from __future__ import annotations

import json
import linecache
import re
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pilotlight.debugger import Report, from_exception, render_text
from pilotlight.debugger.model import Trace
from pilotlight.debugger.report.capture import NO_SUGGESTION
from pilotlight.debugger.transport import from_json, to_json

SINCE = (3, 11)

PROGRAMS: dict[str, str] = {
    "division": "1 / 0",
    "bare raise": "raise",
    "raise a class": "raise ValueError",
    "raise no exception": "raise 5",
    "assert": "assert 1 == 2, {'a': 1}",
    "assert without message": "x = 1\nassert (x ==\n  2)",
    "key": "{}['k']",
    "index": "[][5]",
    "key is a tuple": "{}[(1, 'x')]",
    "key is a class": "class K:\n    def __repr__(self): return 'K!'\n{}[K()]",
    "name": "nope",
    "name in a comprehension": "[nope for _ in [1]]",
    "unbound": "def f():\n    x += 1\nf()",
    "attribute": "object().nope",
    "attribute of a module": "import os\nos.nope",
    "attribute of None": "x = None\nx.y.z",
    "call of None": "x = None\nx()",
    "import": "import nope_nope",
    "import from": "from os import nope_nope",
    "import submodule": "import os.nope",
    "relative import": "from . import x",
    "syntax at run time": "compile('x = = 1', 'given.py', 'exec')",
    "syntax in eval": "eval('1 +')",
    "syntax in a literal": "import ast\nast.literal_eval('{')",
    "indentation at run time": "exec('if 1:\\nx')",
    "tabs at run time": "exec('if 1:\\n\\tx\\n        y')",
    "null byte": "compile('a\\0b', 'given.py', 'exec')",
    "exec": "exec('def g():\\n    1 / 0\\ng()')",
    "exec with a file name": "exec(compile('\\n\\n1 / 0', 'not/there.py', 'exec'))",
    "eval": "eval('1 / 0')",
    "lambda": "(lambda: 1 / 0)()",
    "nested functions": "def f():\n    def g():\n        return 1 / 0\n    return g()\nf()",
    "method": "class A:\n    def m(self):\n        return 1 / 0\nA().m()",
    "property": "class A:\n    @property\n    def p(self):\n        return 1 / 0\nA().p",
    "class body": "class A:\n    x = 1 / 0",
    "metaclass": "class M(type):\n    def __call__(cls):\n        return 1 / 0\nclass A(metaclass=M): pass\nA()",
    "decorator": "def d(f):\n    raise ValueError('no')\n@d\ndef g():\n    pass",
    "default argument": "def f(x=1 / 0): pass",
    "generator": "def g():\n    yield 1\n    1 / 0\nlist(g())",
    "generator throw": "def g():\n    yield\ng = g()\nnext(g)\ng.throw(ValueError('thrown'))",
    "generator exhausted": "next(iter([]))",
    "generator stop": "def g():\n    raise StopIteration\n    yield\nlist(g())",
    "yield from": "def g():\n    yield from h()\ndef h():\n    yield 1 / 0\nlist(g())",
    "with": "class C:\n    def __enter__(self): 1 / 0\n    def __exit__(self, *a): pass\nwith C(): pass",
    "exit raises": (
        "class C:\n    def __enter__(self): pass\n    def __exit__(self, *a): raise OSError('closing')\n"
        "with C():\n    raise ValueError('inside')"
    ),
    "finally raises": "try:\n    raise ValueError('a')\nfinally:\n    raise OSError('b')",
    "except raises": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    nope",
    "from": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('x') from e",
    "from None": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('x') from None",
    "from a class": "raise ValueError('x') from KeyError",
    "raised again": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise e",
    "raised later": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    kept = e\nraise kept",
    "three deep": (
        "def a():\n    1 / 0\ndef b():\n    try:\n        a()\n    except ZeroDivisionError as e:\n"
        "        raise ValueError('b') from e\ntry:\n    b()\nexcept ValueError:\n    raise OSError('c')"
    ),
    "context cycle": (
        "a, b = ValueError('a'), ValueError('b')\na.__context__ = b\nb.__context__ = a\nraise a"
    ),
    "recursion": "def f(n):\n    return f(n + 1)\nimport sys\nsys.setrecursionlimit(400)\ntry:\n    f(0)\n"
    "except RecursionError:\n    sys.setrecursionlimit(1000)\n    raise",
    "recursion that ends": "def f(n):\n    if n == 0:\n        raise ValueError('end')\n    f(n - 1)\nf(50)",
    "recursion three times": "def f(n):\n    if n == 0:\n        raise ValueError('end')\n    f(n - 1)\nf(3)",
    "several lines": "x = [\n    1,\n    2 / 0,\n    3,\n]",
    "call over several lines": "def f(a, b):\n    return a / b\nf(\n    1,\n    b=0,\n)",
    "string over several lines": 'x = """\n%s\n""" % ()',
    "backslash": "x = 1 + \\\n    None",
    "semicolons": "x = 1; y = 2; x / 0; z = 3",
    "tabs": "if 1:\n\tx = {}\n\tif 1:\n\t\tx['k']",
    "wide": "größe = '漢字'\ngröße + 1",
    "emoji": "x = '👩‍🚀'; x + 1",
    "combining": "x = 'e\u0301'; x + 1",
    "form feed": "x = 1\n\x0c\nx / 0",
    "no line feed at the end": "x = 1\nx / 0",
    "very long line": f"x = [{', '.join(map(str, range(500)))}]; x / 0",
    "message of several lines": "raise ValueError('a\\nb\\n\\nc\\n')",
    "message with control characters": "raise ValueError('tab\\there')",
    "message of bytes": "raise ValueError(b'\\xff')",
    "message of many arguments": "raise ValueError('a', 1, None)",
    "empty message": "raise ValueError('')",
    "message of spaces": "raise ValueError('   ')",
    "system exit": "raise SystemExit('bye')",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "custom": "class AppError(Exception):\n    def __str__(self): return 'custom'\nraise AppError",
    "custom nested": "class A:\n    class Error(Exception): pass\nraise A.Error('x')",
    "local class": "def f():\n    class Error(Exception): pass\n    raise Error('x')\nf()",
    "broken str": "class E(Exception):\n    def __str__(self): return 1 / 0\nraise E",
    "str of another type": "class E(Exception):\n    def __str__(self): return 5\nraise E",
    "operating system": "open('/nope/nope')",
    "operating system, two files": "import os\nos.rename('/nope/a', '/nope/b')",
    "unicode": "b'\\xff'.decode()",
    "unicode encode": "'\\udc80'.encode()",
    "surrogate in the message": "raise ValueError('\\udc80'.encode('ascii', 'replace'))",
    "json": "import json\njson.loads('{')",
    "subprocess": "import subprocess\nsubprocess.run(['false'], check=True)",
    "overflow": "2.0 ** 10000",
    "unpack": "a, b = 1, 2, 3",
    "too many arguments": "def f(): pass\nf(1)",
    "unhashable": "{[]: 1}",
    "type": "1 + 'x'",
    "comparison": "1 < 'x'",
    "not iterable": "for x in 5: pass",
    "format": "'{} {}'.format(1)",
    "f-string": "x = None\nf'{x.y!r:>{5}}'",
    "walrus": "(x := 1 / 0)",
    "star": "print(*5)",
    "slice": "[1][1:2:0]",
    "deletion": "del nope",
    "augmented": "x = {}\nx['k'] += 1",
    "chained comparison": "1 < 2 < None",
    "conditional": "1 if None.x else 2",
    "await": "import asyncio\nasync def f():\n    await g()\nasync def g():\n    1 / 0\nasyncio.run(f())",
    "gather": (
        "import asyncio\nasync def g(n):\n    await asyncio.sleep(0)\n    return 1 / n\n"
        "async def f():\n    await asyncio.gather(g(1), g(0))\nasyncio.run(f())"
    ),
    "time-out": (
        "import asyncio\nasync def f():\n    await asyncio.wait_for(asyncio.sleep(9), 0.001)\nasyncio.run(f())"
    ),
    "thread": (
        "import concurrent.futures as c\nwith c.ThreadPoolExecutor(1) as p:\n    p.submit(lambda: 1 / 0).result()"
    ),
    "named tuple": "import collections\ncollections.namedtuple('A', 'x')(1, 2)",
    "data class": "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int\nA()",
    "frozen data class": (
        "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A:\n    x: int\nA(1).x = 2"
    ),
    "enumeration": "import enum\nclass E(enum.Enum):\n    A = 1\nE(2)",
    "abstract": "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nA()",
    "sorted": "sorted([1, 'x'], key=lambda x: x)",
    "map": "list(map(lambda x: 1 / x, [1, 0]))",
    "getattr": "class A:\n    def __getattr__(self, name):\n        raise AttributeError(name)\nA().x",
    "getattribute": "class A:\n    def __getattribute__(self, name):\n        return 1 / 0\nA().x",
    "globals replaced": "exec('1 / 0', {'__name__': 5})",
    "globals without a name": "exec('1 / 0', {'__builtins__': {}})",
    "class with odd names": "raise type('', (Exception,), {'__module__': ''})('x')",
    "warning as error": "import warnings\nwith warnings.catch_warnings():\n    warnings.simplefilter('error')\n"
    "    warnings.warn('old')",
    "notes of odd types": "e = ValueError('x')\ne.__notes__ = ['one', 'two\\nlines']\nraise e",
    "group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "group with causes": (
        "def f(n):\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n        raise ValueError(n) from e\n"
        "found = []\nfor n in range(3):\n    try:\n        f(n)\n    except ValueError as e:\n"
        "        found.append(e)\nraise ExceptionGroup('g', found)"
    ),
    "group in a group": "raise ExceptionGroup('a', [ExceptionGroup('b', [ValueError(1)]), OSError(2)])",
    "group of exits": "raise BaseExceptionGroup('g', [SystemExit(1), KeyboardInterrupt()])",
    "except star": (
        "try:\n    raise ExceptionGroup('g', [ValueError(1), TypeError(2)])\nexcept* ValueError:\n    raise OSError(3)"
    ),
    "task group": (
        "import asyncio\nasync def g():\n    1 / 0\nasync def f():\n    async with asyncio.TaskGroup() as t:\n"
        "        t.create_task(g())\nasyncio.run(f())"
    ),
    "group as a cause": "raise ValueError('x') from ExceptionGroup('g', [OSError(1)])",
}
GROUPS = {"except star", "task group", *(name for name in PROGRAMS if name.startswith("group"))}
# What the interpreter prints differs on purpose: it folds less, or leaves out what we tell.
ALONE = {
    "exec with a file name": "we say why there is no source",
    "class with odd names": "a class without a name",
    "very long line": "lines are cut",
    "message of spaces": "3.13 prints it in another way",
    "message of several lines": "the line feed at its end",
}


def run(name: str, folder: Path) -> BaseException:
    path = folder / "program.py"
    path.write_text(PROGRAMS[name], encoding="utf-8", newline="")
    code = compile(path.read_bytes(), str(path), "exec")
    try:
        exec(code, {"__name__": "program", "__builtins__": __builtins__})
    except BaseException as error:  # noqa: BLE001 - whatever it raised
        return error
    raise AssertionError("nothing was raised")


def without_suggestions(trace: Trace) -> Trace:
    group = tuple(tuple(without_suggestions(each) for each in chain) for chain in trace.group)
    return replace(trace, suggestion="", group=group)


def ours(report: Report) -> list[str]:
    chain = tuple(without_suggestions(trace) for trace in report.chain)
    return comparable(render_text(replace(report, chain=chain)))


def comparable(text: str) -> list[str]:
    """The lines without what the versions do not agree on: marks, indent, suggestions, a statement's further
    lines (3.13 prints them all)."""
    found: list[str] = []
    of_code = 0
    for line in text.splitlines():
        inside = re.sub(r"^ *[|+] ", "", line)
        bare = line.strip().lstrip("|+- ").strip()
        if not bare or set(bare) <= set("^~ "):
            continue
        of_code = of_code + 1 if inside.startswith("    ") else 0
        if of_code < 2:
            found.append(re.sub(r"\. (?:Did you mean|Or did you|Did you forget).*$", "", bare))
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_report_says_what_the_interpreter_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(linecache.cache, "<string>", raising=False)  # 3.13: the text of its own `-c`
    if name in GROUPS and sys.version_info < SINCE:
        pytest.skip("exception groups came with 3.11")
    error = run(name, tmp_path)
    kept: list[Any] = []
    report = from_exception(error, variables=True, keep=kept.extend, trim=False)
    again = from_json(json.loads(json.dumps(to_json(report))))
    assert again.error.type == report.error.type
    assert NO_SUGGESTION not in json.dumps(to_json(report))
    assert report.error.frames
    for trace in report.chain:
        for frame in trace.frames:
            assert frame.handle < len(kept)
            span = frame.span
            if span is not None:
                code = frame.lines[span.line - frame.first_line]
                assert 0 <= span.column < len(code)
    if name not in ALONE:
        theirs = comparable("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        assert ours(report) == theirs


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_leads_to_an_error_when_the_file_is_gone(name: str, tmp_path: Path) -> None:
    if name in GROUPS and sys.version_info < SINCE:
        pytest.skip("exception groups came with 3.11")
    error = run(name, tmp_path)
    (tmp_path / "program.py").unlink()
    report = from_exception(error, variables=True, changed=lambda file: True)
    assert NO_SUGGESTION not in json.dumps(to_json(report))
    assert report.error.type
