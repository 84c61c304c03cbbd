"""What the kernel tells of pages, as runs of pages; compared with sets of single pages."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.reload.pages import Pages, common, merged, own, pieces, writable

MAPS = b"""\
55d0c0000000-55d0c0002000 r--p 00000000 08:01 1234 /usr/bin/python3
55d0c0002000-55d0c0010000 r-xp 00002000 08:01 1234 /usr/bin/python3
55d0c0010000-55d0c0012000 rw-p 00010000 08:01 1234 /usr/bin/a name (deleted)
55d0c1000000-55d0c1100000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000001000 rw-s 00000000 00:01 99 /memfd:pilotlight (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]
"""


def test_private_memory_that_may_be_written() -> None:
    assert [(first * 4096, end * 4096) for first, end in writable(MAPS, 4096)] == [
        (0x55D0C0010000, 0x55D0C0012000),
        (0x55D0C1000000, 0x55D0C1100000),
        (0x7FFD00000000, 0x7FFD00021000),
    ]


PRESENT, SWAPPED, FILE, OWN, DIRTY = (1 << bit for bit in (63, 62, 61, 56, 55))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([], []),
        ([PRESENT | OWN], [(100, 101)]),
        ([PRESENT], []),
        ([OWN], []),
        ([SWAPPED | OWN], []),
        ([PRESENT | OWN | FILE | DIRTY | 0xABCDEF] * 3, [(100, 103)]),
        ([0, PRESENT | OWN, 0, PRESENT | OWN, PRESENT | OWN], [(101, 102), (103, 105)]),
    ],
)
def test_own_pages(words: list[int], found: list[Pages]) -> None:
    assert own(struct.pack(f"={len(words)}Q", *words), 100) == found


def set_of(pages: list[Pages]) -> set[int]:
    return {page for first, end in pages for page in range(first, end)}


@st.composite
def some_pages(draw: st.DrawFn) -> list[Pages]:
    borders = sorted(draw(st.sets(st.integers(0, 60), max_size=12)))
    return list(zip(borders[::2], borders[1::2], strict=False))


@given(some_pages(), some_pages())
def test_common_is_the_intersection(some: list[Pages], others: list[Pages]) -> None:
    found = common(some, others)
    assert set_of(found) == set_of(some) & set_of(others)
    assert found == sorted(found)


@given(some_pages(), st.integers(0, 3))
def test_merged_takes_in_the_gaps_and_nothing_else(pages: list[Pages], gap: int) -> None:
    found = merged(pages, gap)
    added = set_of(found) - set_of(pages)
    assert set_of(pages) <= set_of(found)
    assert all(after[0] - before[1] > gap for before, after in itertools.pairwise(found))
    assert set_of([(end, first) for (_, end), (first, _) in itertools.pairwise(pages)]) >= added


@given(some_pages(), st.integers(1, 9))
def test_pieces_are_the_same_pages(pages: list[Pages], most: int) -> None:
    found = list(pieces(pages, most))
    assert set_of(found) == set_of(pages)
    assert all(0 < end - first <= most for first, end in found)
