"""A copy that was made in advance makes the pages its own that it will write to, while nobody waits for it.

Which those are, an earlier copy of the same checkpoint has left behind, in a file in memory that all copies
share. Must never change what the memory holds, nor hold up the order. Where the kernel does not tell, or
cannot do it (before Linux 5.14), a load takes its faults one by one, some milliseconds in all.
"""

from __future__ import annotations

import os
import resource
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress

from pilotlight.reload.openfiles import identity
from pilotlight.reload.pages import Pages, common, merged, own, pieces, writable

_MADV_POPULATE_WRITE = 23
"""madvise(2), Linux 5.14."""
_PAGE = resource.getpagesize()
_GAP = 2
_RUNS = 4096
"""How many runs of pages are remembered."""
_MOST_PAGES = 8192
"""How many of them in all: a copy that waits is not to double a large memory, for what a load gains."""
_LOOKED_THROUGH = 1 << 19
"""Pages of which the kernel is asked: a library may have reserved far more memory than there is."""
_PIECE = 128
"""Pages that are populated at a time: some tenths of a millisecond."""
_LARGE_PIECE = 1 << 15
"""Pages of which the kernel is asked at a time."""
_MANY_FAULTS = 150
_LESSONS = 3
"""How often it is looked which pages a load writes: memory that is new for each load faults each time."""
_HEADER = struct.Struct("=QQ")
_RUN = struct.Struct("=QQ")
_REGION = _HEADER.size + _RUNS * _RUN.size


class Prefault:
    """What the copies of each checkpoint of a line have learned; made before the first of them.

    Attributes:
        depth: how many checkpoints there are above this process.
    """

    def __init__(self) -> None:
        self._file = _file_in_memory()
        self._identity = identity(self._file)
        self.depth = 0
        self._faults: int | None = None
        """Before the load that goes on."""

    def descends(self) -> None:
        """This process is about to be one of the copies of a checkpoint: what copies of another in that place
        have learned is forgotten."""
        self.depth += 1
        self._write(self.depth, 0, [])

    def begins(self) -> None:
        """This process goes on with another load than the one that was paused."""
        self._faults = _faults()

    def learn(self) -> None:
        """Remembers what this process has written since it was forked, if that has cost much."""
        before, self._faults = self._faults, None
        if before is None or _faults() - before < _MANY_FAULTS:
            return
        lessons, _ = self._read(self.depth)
        if lessons < _LESSONS:
            with suppress(OSError):  # the kernel does not tell, or no descriptor is left
                self._write(self.depth, lessons + 1, _first(_own_pages()))

    def populate(self, is_wanted: Callable[[], bool]) -> None:
        """Makes the pages its own that copies before it have written.

        Args:
            is_wanted: asked in between: whether there is something better to do.
        """
        _, learned = self._read(self.depth)
        if not learned:
            return
        try:
            present = _writable()
            advise = _madvise()
        except (OSError, ImportError):  # no descriptor is left, or Python was built without ctypes
            return
        for first, end in pieces(common(learned, present), _PIECE):
            if is_wanted() or advise(first * _PAGE, (end - first) * _PAGE, _MADV_POPULATE_WRITE):
                return

    def _read(self, depth: int) -> tuple[int, list[Pages]]:
        data = os.pread(self._file, _REGION, depth * _REGION) if self._is_ours() else b""
        if len(data) < _HEADER.size:
            return 0, []
        lessons, runs = _HEADER.unpack_from(data)
        return lessons, list(_RUN.iter_unpack(data[_HEADER.size : _HEADER.size + runs * _RUN.size]))

    def _write(self, depth: int, lessons: int, pages: list[Pages]) -> None:
        runs = b"".join(_RUN.pack(*run) for run in pages)
        if self._is_ours():
            os.pwrite(self._file, _HEADER.pack(lessons, len(pages)) + runs, depth * _REGION)

    def _is_ours(self) -> bool:
        """The app may have closed it, and have opened a file of its own under the same number."""
        return self._identity is not None and identity(self._file) == self._identity


def _file_in_memory() -> int:
    """Its descriptor; -1 where there is none to be had."""
    if hasattr(os, "memfd_create"):  # a Python may be built without it
        with suppress(OSError):
            return os.memfd_create("pilotlight-pages")
    return -1


def _writable() -> list[Pages]:
    with open("/proc/self/maps", "rb") as file:
        return writable(file.read(), _PAGE)


def _own_pages() -> list[Pages]:
    found: list[Pages] = []
    left = _LOOKED_THROUGH
    areas = _writable()
    descriptor = os.open("/proc/self/pagemap", os.O_RDONLY)
    try:
        for first, end in pieces(areas, _LARGE_PIECE):
            left -= end - first
            if left < 0:
                break
            found += own(os.pread(descriptor, (end - first) * 8, first * 8), first)
    finally:
        os.close(descriptor)
    return merged(found, _GAP)


def _first(pages: Iterable[Pages]) -> list[Pages]:
    """As many of them as are remembered."""
    found: list[Pages] = []
    left = _MOST_PAGES
    for first, end in pages:
        if left <= 0 or len(found) == _RUNS:
            break
        found.append((first, min(end, first + left)))
        left -= end - first
    return found


def _faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _madvise() -> Callable[[int, int, int], int]:
    import ctypes  # no app's file can have its name: see `idle`

    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    advise: Callable[[int, int, int], int] = madvise
    return advise
