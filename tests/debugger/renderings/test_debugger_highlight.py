"""Tinting source: the pieces, and that no text is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.renderings.highlight import highlight


@pytest.mark.parametrize(
    ("lines", "pieces"),
    [
        (("x = 1  # one",), [["n:1", "c:# one"]]),
        (("def view(a):",), [["k:def", "d:view"]]),
        (("async def view(a):",), [["k:async", "k:def", "d:view"]]),
        (("class View:",), [["k:class", "d:View"]]),
        (("  @app.get('/')",), [["d:  @app.get", "s:'/'"]]),
        (("a @ b",), [[]]),
        (("print(f'{x}', rb\"#\", 'it\\'s')",), [["s:f'{x}'", 's:rb"#"', "s:'it\\'s'"]]),
        (("don't",), [[]]),
        (('x = """one', "don't if", 'end""" if y'), [['s:"""one'], ["s:don't if"], ['s:end"""', "k:if"]]),
        (("'''doc'''; return 'a'",), [["s:'''doc'''", "k:return", "s:'a'"]]),
        (("0x1F + 1_000.5e3 + x1",), [["n:0x1F", "n:1_000.5e3"]]),
        (("漢字 = None",), [["k:None"]]),
        (("",), [[]]),
        (("'''", "", "'''"), [["s:'''"], [], ["s:'''"]]),
    ],
)
def test_pieces(lines: tuple[str, ...], pieces: list[list[str]]) -> None:
    found = highlight(lines)
    assert [
        [f"{kind}:{line[start:end]}" for start, end, kind in tokens]
        for line, tokens in zip(lines, found, strict=True)
    ] == pieces


@given(st.lists(st.text(alphabet="ab'\"#\\\\ @f1.\t漢", max_size=30), max_size=5).map(tuple))
def test_tokens_are_in_order_and_inside(lines: tuple[str, ...]) -> None:
    for line, tokens in zip(lines, highlight(lines), strict=True):
        position = 0
        for start, end, _ in tokens:
            assert position <= start < end <= len(line)
            position = end


def test_a_hostile_line_takes_no_time() -> None:
    highlight(("'" + "\\\\" * 400, "a" * 400, "'\"" * 200, "@" * 400, " " * 400))
