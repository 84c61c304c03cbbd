"""Whether input is whole, what becomes of it, and what the cursor is at: rules without a console."""

from __future__ import annotations

import codeop
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.console.completion import MAX_NAMES, complete, place
from pilotlight.debugger.console.typed import is_incomplete, parse

WHOLE = {
    "": False,
    "1": False,
    "a = 1\nb = 2": False,
    "a = 1\nb =": False,
    "def f():": True,
    "def f():\n    return 1": True,
    "def f():\n    return 1\n": False,
    "def f():\n    return 1\n    ": False,
    "def f():\n    a = 1\n\n    return a": True,
    "if a: b": True,
    "if a: b\n": False,
    "if a:\n    b\nelse:": True,
    "try:\n    a\n": True,
    "try:\n    a\nexcept E:\n    b\n": False,
    "match a:\n    case 1: b\n": False,
    "f(1,": True,
    "f(1,\n2": True,
    "f(1,\n2)": False,
    "[": True,
    "{'a': 1,": True,
    "'''a": True,
    "'''a'''": False,
    "'a": False,
    "a = \\": True,
    "@decorator": True,
    "class A:": True,
    "async def f():": True,
    "await f()": False,
    "async with a as b:\n    c\n": False,
    "a b": False,
    "1 +": False,
    ")": False,
    "a\0b": False,
}


@pytest.mark.parametrize("source", WHOLE)
def test_whole_or_not(source: str) -> None:
    assert is_incomplete(source) is WHOLE[source]


PIECES = st.lists(
    st.sampled_from(
        [
            "a",
            "1",
            "(",
            ")",
            "[",
            "]",
            "'",
            '"""',
            "\n",
            "\n    ",
            ":",
            "def f()",
            "if a",
            " = ",
            "\\",
            "#",
            ",",
        ]
    ),
    max_size=12,
).map("".join)


@given(PIECES)
def test_what_codeop_calls_incomplete_is_so_here(source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            unfinished = codeop.compile_command(source, symbol="exec") is None
        except (SyntaxError, ValueError, OverflowError):
            assert not is_incomplete(source)
            return
        if unfinished:
            assert is_incomplete(source)


@given(PIECES)
def test_what_follows_a_compound_statement_ends_it(source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "<test>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return
        assert not is_incomplete(source + "\n")


@pytest.mark.parametrize(
    ("source", "statements", "expression"),
    [
        ("", False, False),
        ("a = 1", True, False),
        ("1", False, True),
        ("a = 1\n2", True, True),
        ("a = 1\n2;", True, True),
        ("for i in a: i\n", True, False),
    ],
)
def test_the_last_expression(source: str, statements: bool, expression: bool) -> None:
    parsed = parse(source, "<test>")
    assert (parsed.statements is not None, parsed.expression is not None) == (statements, expression)


def test_globals_are_told_apart() -> None:
    parsed = parse("if a:\n    global b, c\ndef f():\n    global d\n", "<test>")
    assert parsed.global_names == {"b", "c"}
    assert parsed.inner_globals == {"d"}


# Completion -------------------------------------------------------------------------------------------------

CURSOR = "|"
PLACES = {
    "ab|": ("name", "ab", ""),
    "a + b|": ("name", "b", ""),
    "print(ab|": ("name", "ab", ""),
    "f'{a}' + ab|": ("name", "ab", ""),
    "a.|": ("attribute", "", "a"),
    "a.b|": ("attribute", "b", "a"),
    "a.b.c|": ("attribute", "c", "a.b"),
    "f(a.b|": ("attribute", "b", "a"),
    "-a.b|": ("attribute", "b", "a"),
    "a['k'].b|": ("attribute", "b", "a['k']"),
    "a[0].b|": ("attribute", "b", "a[0]"),
    "'text'.up|": ("attribute", "up", "'text'"),
    "größe.wert|": ("attribute", "wert", "größe"),
    "f().a|": None,
    "(a + b).c|": None,
    "1.|": None,
    "1.a|": None,
    "a['|": ("key", "", "a"),
    'a.b["k|': ("key", "k", "a.b"),
    "a['k'|": None,
    "'text ab|": None,
    "'''ab|": None,
    "# ab|": None,
    "a = 'x' # a.b|": None,
    "a = 'x'\nb.c|": ("attribute", "c", "b"),
    "'it''s' + ab|": ("name", "ab", ""),
    "'\\'' + ab|": ("name", "ab", ""),
    "from os import pa|": ("import", "pa", "os"),
    "from os import path, se|": ("import", "se", "os"),
    "a |": None,
    "|": None,
}


@pytest.mark.parametrize("marked", PLACES)
def test_what_the_cursor_is_at(marked: str) -> None:
    code, position = marked.replace(CURSOR, ""), marked.index(CURSOR)
    found = place(code, position)
    shown = None if found is None else (found.kind, found.prefix, found.expression)
    assert shown == PLACES[marked]
    if found is not None:
        assert code[found.start : position] == found.prefix


@given(st.text(max_size=60) | PIECES, st.integers(-5, 80))
def test_any_cursor_is_understood(code: str, position: int) -> None:
    start, names = complete(code, position, lambda: {"a": {"key": 1}, "b": [1]}, {})
    assert 0 <= start <= len(code)
    assert len(names) <= MAX_NAMES
    assert all(name.startswith(code[start : max(position, 0)]) for name in names)


def test_long_input_is_no_work() -> None:
    import time

    for code in (
        "a" * 60_000,
        "a." * 30_000,
        "a[" * 30_000,
        "'" * 59_999,
        "from a import " + "b, " * 20_000,
        "a " * 30_000,
    ):
        began = time.process_time()
        complete(code, len(code), dict, {})
        assert time.process_time() - began < 3
