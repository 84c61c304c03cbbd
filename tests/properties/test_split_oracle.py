"""A module that is executed in two parts is what the same module executed whole is: names, docstring, line
numbers, warnings and errors. Random sources, weird ones above all, and the standard library's own.

`EXACTNESS_EXAMPLES=5000` tries many, and the whole of the standard library.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st
from observed_state import names_of

from pilotlight.reload.parts import InParts
from pilotlight.reload.split import split

EXAMPLES = int(os.environ.get("EXACTNESS_EXAMPLES", "300"))

STARTS = (
    "",
    "",
    "\n\n",
    "# a comment\n",
    "#!/usr/bin/env python\n",
    "\ufeff",
    "\ufeff# a comment\n",
    "# -*- coding: latin-1 -*-\n",
    "#!/usr/bin/python\n# vim: set fileencoding=latin-1 :\n",
    "# coding: utf-8\n",
    "# coding: nonsense\n",
    "\f",
    "'''The docstring.'''\n",
    '"""Über\nzwei Zeilen.\n"""\n',
    "'a' 'b'\n",
    "f'no docstring'\n",
    "b'no docstring'\n",
    "'doc'; 'no doc'\n",
    "(\n    'doc in parentheses'\n)\n",
    "'''line\\\ncontinued'''\n",
    "from __future__ import annotations\n",
    "'doc'\nfrom __future__ import annotations, division\n",
    "from __future__ import barry_as_FLUFL\n",
    "from __future__ import nothing_of_this_name\n",
)
LEADING = (
    "import os\n",
    "import os.path as path, sys\n",
    "from os import (  # a comment\n    sep,\n\n    path,\n)\n",
    "from os import sep as größe\n",
    "import \\\n    os\n",
    "import os; import sys\n",
    "import os;\n",
    "from math import *\n",
    "import nothing_of_this_name\n",
    "from os import nothing_of_this_name\n",
    "import os  # é\n",
    "# a comment\n",
    "\n",
    "\f\n",
    "from __future__ import annotations\n",
    "import os\r\n",
    "import os\r",
    "import os; x = 1\n",
    "from . import sibling\n",
    "'a string'\n",
)
REST = (
    "x = 1\n",
    "'not a docstring'\n",
    "y: int = 2\n",
    "z: 'later'\n",
    "w: list[Unknown]\n",
    "def f(a: int = 1, *b, c: Undefined = 2, **d) -> str:\n    '''Doc.'''\n    return a\n",
    "@staticmethod\n@(lambda g: g)\ndef decorated():\n\treturn 1\n",
    "class C:\n    __slots__ = ('a',)\n    attribute: int = 3\n    def m(self): return __class__\n",
    "async def g():\n    async with a as b:\n        return [i async for i in h() if await i]\n",
    "if True:\n    v = [\n        1,\n    ]\nelse:\n    v = 2\n",
    "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import nothing\n",
    "try:\n    import nothing_of_this_name\nexcept ImportError as error:\n    missing = str(error)\n",
    "text = '''\nimport os\n'''\n",
    "a = 1; b = 2; \\\n  c = 3\n",
    "names = [name for name in globals() if name[:2] != '__']\n",
    "line = __import__('sys')._getframe().f_lineno\n",
    "document = __doc__\n",
    "match 1:\n    case int(k) if k:\n        kind = k\n    case _:\n        kind = None\n",
    "if (n := 10) > 5: big = n\n",
    "squares = {q: q * q for q in range(3)}\n",
    "deep = [[p for p in range(r)] for r in range(3)]\n",
    "text = f'{1 + 1!r:>{5}} {\"nested\"}'\n",
    "del x\n",
    "global x\n",
    "x = 1\nglobal x\n",
    "nonlocal x\n",
    "return 1\n",
    "yield 1\n",
    "await x\n",
    "break\n",
    "def broken(:\n",
    "if True:\nindented = 1\n",
    "if True:\n\tx = 1\n        y = 2\n",
    "  x = 1\n",
    "open = (\n",
    "text = 'never ends\n",
    "x = '\\d'\n",
    "x = 1 is 1\n",
    "assert (1, 'always')\n",
    "def f():\n    x = 1\n    global x\n",
    "f(a=1, a=2)\n",
    "def f(a, a): pass\n",
    "__debug__ = 1\n",
    "from __future__ import annotations\n",
    "from __future__ import braces\n",
    "from math import *\n",
    "def f():\n    from math import *\n",
    "1 / 0\n",
    "def fail():\n    raise ValueError('here')\n\n\nfail()\n",
    "raise SystemExit(3)\n",
    "x = 1 +\\\n  undefined_name\n",
    "umlaut = 'äöü€'\n",
    "ключ = 1\n",
    "x = 1\r\ny = 2\r\n",
    "x = 1\ry = 2\n",
    "text = '''a\r\nb\rc'''\n",
    "x = 1\f\ny = 2\n",
    "\fdef h():\n\f    return 1\n",
    "x = '\\N{BULLET}\\x41'\n",
    "x = '\\N{no such name}'\n",
    "\x00\n",
    "x = 1 <> 2\n",
    "x = 1 != 2\n",
    "lambda: (yield)\n",
    "import sys as late\n",
    "big = 10 ** 20, 1e400, -0.0, 1j, ..., None, True\n",
    "print\n",
    "# the end without a line feed",
    "x = 1",
    "\\\n",
    "$\n",
    "x = {**{1: 2}, 'a': [*range(2)]}\n",
    "__annotations__['own'] = 1\n",
    "__annotations__ = {}\nu: int = 1\n",
    "for i in range(2):\n    q: int = i\n",
    "with open(__import__('os').devnull) as file: pass\n",
    "while False: pass\nelse: ended = True\n",
    "def outer():\n    n = 1\n    def inner():\n        nonlocal n\n        n = 2\n    inner()\n",
    "x = " + "(" * 90 + "1" + ")" * 90 + "\n",
    "x = " + "(" * 300 + "1" + ")" * 300 + "\n",
    "x = " + "-" * 500 + "1\n",
    "x = " + " + ".join(["1"] * 1500) + "\n",
    "x = " + " + ".join(["1"] * 5000) + "\n",
)
NEWER = {
    (3, 11): ("try:\n    raise ExceptionGroup('g', [ValueError(1)])\nexcept* ValueError: caught = 1\n",),
    (3, 12): (
        "type Alias[T] = list[T]\n",
        "def generic[T: int](a: T) -> T: return a\n",
        "class G[T]: pass\n",
        "x = f'{'a' + f\"{'b'}\"}'\n",
    ),
}
ALL_REST = (
    *REST,
    *(source for version, sources in NEWER.items() if sys.version_info >= version for source in sources),
)


@dataclass(frozen=True)
class Failure:
    """An exception; `frames` are those of the module."""

    type: str
    message: str
    place: Any
    frames: Any


@dataclass(frozen=True)
class Outcome:
    """What executing a module came to."""

    names: Any
    error: Failure | None
    warnings: Any


class File:
    """A module's file on the disk, and who is told what is read of it; `edited` takes its place in the
    middle."""

    def __init__(self, path: Path, edited: bytes | None = None) -> None:
        self._path = path
        self._edited = edited
        self.executed_in_parts = False
        self.executed_in_vain = False
        self.on_boundary: Callable[[], object] = lambda: None

    @property
    def is_edited(self) -> bool:
        return self._edited is not None and self._edited != self._path.read_bytes()

    def look_at(self, path: str) -> bytes | None:
        return Path(path).read_bytes()

    def module_head(self, path: str, head: bytes) -> None:
        assert Path(path).read_bytes().startswith(head)

    def module_file(self, path: str) -> None:
        pass

    def before_module(self, path: str) -> bool:
        return True

    def inside_module(self, path: str) -> None:
        self.executed_in_parts = True
        if self._edited is not None:
            self._path.write_bytes(self._edited)
        self.on_boundary()

    def does_not_compile(self, path: str) -> None:
        self.executed_in_vain = True


def execute(path: Path, run: Callable[[dict[str, Any], list[Any]], object]) -> Outcome:
    """Runs a module in a namespace like that of an import."""
    module = types.ModuleType("weird")
    module.__file__ = str(path)
    sys.modules["weird"] = module
    recursion = sys.getrecursionlimit()
    error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            run(vars(module), caught)
        except BaseException as raised:  # noqa: BLE001 - whatever it is, it is compared
            error = describe_error(raised, path)
        finally:
            sys.setrecursionlimit(recursion)
            del sys.modules["weird"]
    # Once each: a file that turns out to have no parts is parsed twice, and warned of twice.
    said = list(dict.fromkeys((one.category, str(one.message), one.filename, one.lineno) for one in caught))
    if error is not None:  # what an import takes away again
        return Outcome(None, error, said)
    sys.modules["weird"] = module
    try:
        return Outcome(names_of(module, str(path.parent)), None, said)
    finally:
        del sys.modules["weird"]


def describe_error(error: BaseException, path: Path) -> Failure:
    """Type, message, the place of a syntax error, and the module's frames."""
    place = None
    if isinstance(error, SyntaxError):
        place = [
            error.msg,
            error.filename,
            error.lineno,
            error.offset,
            error.end_lineno,
            error.end_offset,
            error.text,
        ]
    frames = [
        (frame.lineno, frame.name, getattr(frame, "colno", None), getattr(frame, "end_colno", None))
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return Failure(type(error).__name__, str(error), place, frames)


def as_whole(path: Path) -> Callable[[dict[str, Any], list[Any]], object]:
    """As Python does."""

    def run(names: dict[str, Any], caught: list[Any]) -> None:
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), names)

    return run


def in_parts(path: Path, file: File) -> Callable[[dict[str, Any], list[Any]], object]:
    """As a load does that may be paused in the middle."""

    def run(names: dict[str, Any], caught: list[Any]) -> None:
        if file.is_edited:
            file.on_boundary = caught.clear  # what the old rest is warned of belongs to the load before
        if not InParts(file, file).run(str(path), names, exec):
            as_whole(path)(names, caught)

    return run


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def encoded(source: str) -> bytes:
    """As a careful editor would save it."""
    return source.encode("latin-1" if "latin-1" in source[:80] else "utf-8", "replace")


heads = st.tuples(st.sampled_from(STARTS), st.lists(st.sampled_from(LEADING), max_size=4)).map(
    lambda drawn: drawn[0] + "".join(drawn[1])
)
rests = st.lists(st.sampled_from(ALL_REST), max_size=4).map("".join)
clean_heads = st.tuples(
    st.sampled_from([start for start in STARTS if "\f" not in start]),
    st.lists(
        st.sampled_from([text for text in LEADING if not set(text) & set("\f\r.\\;'")]),
        min_size=1,
        max_size=3,
    ),
).map(lambda drawn: drawn[0] + "".join(drawn[1]))


@settings(max_examples=EXAMPLES)
@given(head=st.one_of(heads, clean_heads), rest=rests)
@example("import os\n", "names = [name for name in globals() if name[:2] != '__']\ny: int = 2\n")
@example("import os\n", "x = '\\d'\n")
@example("import os\n", "assert (1, 'always')\n")
@example("", "x = 1 is 1\n")
@example("import os\n", "x = " + " + ".join(["1"] * 1500) + "\n")
def test_two_parts_are_the_whole(directory: Path, head: str, rest: str) -> None:
    path = directory / "weird.py"
    path.write_bytes(encoded(head + rest))
    file = File(path)
    parts = execute(path, in_parts(path, file))
    event(f"in parts: {file.executed_in_parts}, error: {parts.error and parts.error.type}")
    assert parts == execute(path, as_whole(path))


@settings(max_examples=EXAMPLES)
@given(head=clean_heads, before=rests, after=rests)
@example("import os\n", "x = 1\n", "names = [name for name in globals() if name[:2] != '__']\ny: int = 2\n")
@example("import os\n", "x = 1\n", "x = 1\nglobal x\n")
@example("import os\n", "y: int = 2\n", "names = [name for name in globals() if name[:2] != '__']\n")
def test_changed_rest_is_that_of_the_whole(directory: Path, head: str, before: str, after: str) -> None:
    path = directory / "weird.py"
    path.write_bytes(encoded(head + before))
    file = File(path, encoded(head + after))
    parts = execute(path, in_parts(path, file))
    event(f"in parts: {file.executed_in_parts}, error: {parts.error and parts.error.type}")
    if file.executed_in_parts and (parts.error is None or parts.error.type != "HeadChangedError"):
        assert path.read_bytes() == encoded(head + after)
        whole = execute(path, as_whole(path))
        if file.executed_in_vain:  # then the load counts only if the error ends it
            assert parts.error == whole.error
        else:
            assert parts == whole


def standard_library() -> list[Path]:
    """Its modules, without its tests."""
    root = Path(os.__file__).parent
    found = [*root.glob("*.py"), *root.glob("[a-z]*/*.py"), *root.glob("[a-z]*/[a-z]*/*.py")]
    skipped = {"test", "tests", "idle_test", "site-packages", "lib2to3", "idlelib", "ensurepip"}
    return sorted(path for path in found if not skipped & set(path.relative_to(root).parts))


def test_standard_library_in_parts() -> None:
    paths = standard_library()
    chosen = paths if EXAMPLES > 1000 else paths[:: max(1, len(paths) // 60)]
    in_two = 0
    for path in chosen:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parts = split(source, str(path))
            whole = compile(source, str(path), "exec", dont_inherit=True)
        if parts is None:
            continue
        in_two += 1
        assert inner(parts.head_code) + inner(parts.rest_code) == inner(whole), path
        assert lines(parts.head_code, parts.rest_code) == lines(whole), path
        together = dict.fromkeys((*parts.head_code.co_names, *parts.rest_code.co_names))
        assert tuple(together) == whole.co_names, path
        assert parts.rest_code.co_flags == whole.co_flags, path
    assert in_two > len(chosen) / 2


def inner(code: CodeType) -> list[CodeType]:
    """The functions and classes of a module: equal if all that they can do is."""
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def lines(*codes: CodeType) -> list[int]:
    """The lines of a module in the order of their execution, each change once."""
    found: list[int] = []
    for code in codes:
        for _, _, line in code.co_lines():
            if line and found[-1:] != [line]:
                found.append(line)
    return found
