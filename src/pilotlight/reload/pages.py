"""Which pages of memory a load writes, read off what the kernel tells of them (proc_pid_pagemap(5)). Pure.

A copy of a process shares its pages until it writes to them; each first write is a fault, some 3 µs on the
machine of the benchmarks. What one copy has written, the next one will write too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import chain

Pages = tuple[int, int]
"""The first page, and the one behind the last."""

_WORD = 8
_TOP_BYTE = _WORD - 1 if sys.byteorder == "little" else 0
_OWN = 0x81
"""In the top byte: the page is present (bit 63), and nobody else's (bit 56)."""
_TO_OWN = bytes(byte & _OWN == _OWN for byte in range(256))


def writable(maps: bytes, page_size: int) -> list[Pages]:
    """The private memory that the process may write to.

    Args:
        maps: what `/proc/self/maps` says.
    """
    found = []
    for line in maps.splitlines():
        addresses, permissions = line.split(maxsplit=2)[:2]
        if permissions == b"rw-p":
            first, end = (int(address, 16) // page_size for address in addresses.split(b"-"))
            found.append((first, end))
    return found


def own(words: bytes, first: int) -> list[Pages]:
    """Those that the process has written since it was forked.

    Args:
        words: what `/proc/self/pagemap` says of consecutive pages.
        first: of these pages.
    """
    flags = words[_TOP_BYTE::_WORD].translate(_TO_OWN)
    found = []
    end = 0
    while (begin := flags.find(1, end)) >= 0:
        end = flags.find(0, begin)
        end = len(flags) if end < 0 else end
        found.append((first + begin, first + end))
    return found


def merged(pages: Iterable[Pages], gap: int) -> list[Pages]:
    """Fewer and longer runs.

    Args:
        pages: ascending, none overlapping.
        gap: so many pages between two runs are taken in.
    """
    found: list[Pages] = []
    for first, end in pages:
        if found and first - found[-1][1] <= gap:
            found[-1] = found[-1][0], end
        else:
            found.append((first, end))
    return found


def common(some: Sequence[Pages], others: Sequence[Pages]) -> list[Pages]:
    """What lies in both; each of them ascending, none overlapping."""
    found = []
    at = 0
    for first, end in some:
        while at < len(others) and others[at][1] <= first:
            at += 1
        other = at
        while other < len(others) and others[other][0] < end:
            found.append((max(first, others[other][0]), min(end, others[other][1])))
            other += 1
    return found


def pieces(pages: Iterable[Pages], most: int) -> Iterable[Pages]:
    """The same, none longer than `most` pages."""
    return chain.from_iterable(
        ((begin, min(begin + most, end)) for begin in range(first, end, most)) for first, end in pages
    )
