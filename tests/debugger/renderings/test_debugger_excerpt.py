"""The lines of an excerpt: those of the function that failed, not those of its neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.debugger.renderings.excerpt import own_lines

METHOD = """\
    def before(self):
        self.a = 1

    # about total
    @cached
    async def total(self):
        amount = 1
        return amount * None
        # the end

    # about the next
    @property
    def after(self):
        pass
""".splitlines()

NESTED = """\
x = 1
def outer():
    items = []
    def inner():
        pass
    return items[1]
class Next:
    pass
""".splitlines()

BLOCK = """\
def before():
    pass
def outer():
    def inner():
        pass
    if inner():
        fail()
    def helper():
        pass
    return helper
def after():
    pass
""".splitlines()

MODULE = """\
import a
def f():
    pass
f(1)
def g():
    pass
""".splitlines()


@pytest.mark.parametrize(
    ("source", "line", "last", "shown"),
    [
        (METHOD, 8, 8, (4, 8)),
        (METHOD, 7, 8, (4, 8)),
        (METHOD, 2, 2, (1, 2)),
        (METHOD, 14, 14, (11, 14)),
        (METHOD, 6, 6, (1, 14)),  # the definition itself: its neighbours are as deep as it is
        (NESTED, 6, 6, (2, 6)),
        (NESTED, 5, 5, (4, 6)),
        (BLOCK, 7, 7, (3, 10)),
        (BLOCK[4:], 3, 3, (1, 3)),
        (MODULE, 4, 4, (1, 6)),
        (MODULE, 40, 40, (1, 6)),
        (MODULE, 0, 0, (1, 6)),
        (MODULE, 3, 40, (1, 6)),
    ],
)
def test_the_lines_of_one_function(source: list[str], line: int, last: int, shown: tuple[int, int]) -> None:
    lines, first = own_lines(tuple(source), 1, line, last)
    assert (first, first + len(lines) - 1) == shown
    assert list(lines) == source[shown[0] - 1 : shown[1]]


@given(
    st.lists(st.sampled_from([*METHOD, *NESTED, *BLOCK, *MODULE]), max_size=12),
    st.integers(-2, 14),
    st.integers(0, 4),
    st.integers(1, 99),
)
def test_the_marked_lines_always_stay(source: list[str], at: int, more: int, first: int) -> None:
    lines, start = own_lines(tuple(source), first, first + at, first + at + more)
    marked = source[max(at, 0) : at + more + 1] if at >= 0 else []
    offset = first + max(at, 0) - start
    assert list(lines[offset : offset + len(marked)]) == marked
    assert list(lines) == source[start - first : start - first + len(lines)]
