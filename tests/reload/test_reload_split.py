from __future__ import annotations

import ast
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotlight.reload.split import rest_after, split

LEADING = [
    "import os",
    "import sys, json",
    "from json import (\n    loads,\n    dumps,\n)",
    "from os import path as p",
]
REST = [
    "x = 1",
    "'not a docstring'",
    "y: int = 2",
    "z: 'str'",
    "def f(a: Unknown) -> 'Other': return a",
    "class C:\n    '''doc'''\n    attribute: int = 3",
    "import re",
    "if True:\n    w = [\n        1,\n    ]",
    "try:\n    import nothing_of_this_name\nexcept ImportError:\n    missing = True",
    "# a comment\n",
    "text = '''\nimport os\n'''",
    "async def g():\n    return [i async for i in h()]",
]


def facts(names: dict[str, Any]) -> dict[str, Any]:
    """What two runs of a module must have in common."""
    found: dict[str, Any] = {}
    for name, value in names.items():
        if name == "__builtins__":
            continue
        code = getattr(value, "__code__", None)
        if code is not None:
            found[name] = (code.co_firstlineno, code.co_filename, code.co_flags, repr(value.__annotations__))
        elif isinstance(value, type):
            found[name] = (value.__name__, value.__doc__, repr(value.__annotations__))
        else:
            found[name] = repr(value)
    return found


def run(*codes: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "module"}
    try:
        for code in codes:
            exec(code, names)
    except NameError as error:
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        names["failure"] = f"{error} in line {line}"
    return names


@settings(max_examples=300)
@given(
    st.sampled_from(["", "'''The docstring.'''\n", "# a comment\n\n", '"one line"\n']),
    st.sampled_from(["", "from __future__ import annotations\n"]),
    st.lists(st.sampled_from(LEADING), max_size=3),
    st.lists(st.sampled_from(REST), max_size=5),
    st.sampled_from(["\n", "\n\n\n", "\n# between\n"]),
)
def test_two_parts_are_the_whole(
    doc: str, future: str, leading: list[str], rest: list[str], gap: str
) -> None:
    source = (doc + future + gap.join([*leading, *rest]) + "\n").encode()
    parts = split(source, "module.py")
    whole = compile(source, "module.py", "exec", dont_inherit=True)
    if parts is None:
        return
    assert source.startswith(parts.head)
    assert facts(run(parts.head_code, parts.rest_code)) == facts(run(whole))
    again = rest_after(source, parts.head, "module.py")
    assert again is not None
    assert facts(run(parts.head_code, again)) == facts(run(whole))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(REST), min_size=1, max_size=4), st.lists(st.sampled_from(REST), max_size=4))
def test_the_rest_alone_is_executed_anew(before: list[str], after: list[str]) -> None:
    head = "'''Doc.'''\nfrom __future__ import annotations\nimport os\n"
    parts = split((head + "\n".join(before) + "\n").encode(), "module.py")
    if parts is None:  # the rest begins with an import
        return
    edited = parts.head + ("\n".join(after) + "\n").encode()
    again = rest_after(edited, parts.head, "module.py")
    assert again is not None
    assert facts(run(parts.head_code, again)) == facts(run(compile(edited, "module.py", "exec")))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = 1\n",
        "'only a docstring'\n",
        "import os\n",
        "from __future__ import annotations\nx = 1\n",
        "import os; x = 1\n",
        "x = 1\nimport os\n",
        "import os\r\nx = 1\r\n",
    ],
)
def test_without_a_clean_leading_part_it_is_not_split(source: str) -> None:
    assert split(source.encode(), "module.py") is None


def test_another_head_is_refused() -> None:
    parts = split(b"import os\nx = 1\n", "module.py")
    assert parts is not None
    assert rest_after(b"import sys\nx = 1\n", parts.head, "module.py") is None
    assert rest_after(b"import o", parts.head, "module.py") is None


def test_an_import_that_was_added_to_the_leading_part_belongs_to_the_rest() -> None:
    parts = split(b"import os\nx = 1\n", "module.py")
    assert parts is not None
    again = rest_after(b"import os\nimport sys\nx = 2\n", parts.head, "module.py")
    assert again is not None
    names = run(parts.head_code, again)
    assert names["x"] == 2
    assert "sys" in names


@pytest.mark.parametrize(
    "source", ["import os\ndef broken(:\n", "import os\nreturn 1\n", "import os\nx = \x00\n"]
)
def test_a_wrong_source_raises_as_compile_does(source: str) -> None:
    with pytest.raises((SyntaxError, ValueError)) as ours:
        split(source.encode(), "module.py")
    with pytest.raises((SyntaxError, ValueError)) as python:
        compile(source.encode(), "module.py", "exec")
    assert repr(ours.value) == repr(python.value)


def test_line_numbers_of_errors_are_those_of_the_file() -> None:
    source = b"import os\n\n\n\n1 / 0\n"
    parts = split(source, "module.py")
    assert parts is not None
    with pytest.raises(ZeroDivisionError) as caught:
        run(parts.head_code, parts.rest_code)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == 5


def test_non_ascii_source_with_a_declared_encoding() -> None:
    source = "# -*- coding: latin-1 -*-\nimport os\ntext = 'é'\n".encode("latin-1")
    parts = split(source, "module.py")
    assert parts is not None
    assert run(parts.head_code, parts.rest_code)["text"] == "é"
    assert ast.literal_eval("'é'") == "é"
