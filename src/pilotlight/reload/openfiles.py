"""The app's open files in a process that is copied: what is read goes on in each copy from where it was, and
what is appended is written once.

A fork shares the position in a file with the process it was forked from, and copies what was not yet written.
Must never touch a file that is not the app's.
"""

from __future__ import annotations

import gc
import io
import os
from collections.abc import Iterable
from contextlib import suppress

_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


class Positions:
    """Where the app's files are read, at one moment.

    Args:
        numbers: descriptors of regular files and directories that are only read.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._positions = [(number, os.lseek(number, 0, os.SEEK_CUR)) for number in numbers]

    def take_over(self) -> None:
        """In a copy: it has positions of its own from now on."""
        for number, position in self._positions:
            with suppress(OSError):  # it is no file any more that can be opened again
                own = os.open(f"/proc/self/fd/{number}", os.O_RDONLY | os.O_CLOEXEC)
                os.lseek(own, position, os.SEEK_SET)
                os.dup2(own, number, os.get_inheritable(number))
                os.close(own)


def flush_writers(numbers: Iterable[int]) -> None:
    """Writes what the app's file objects for these descriptors have kept back."""
    wanted = frozenset(numbers)
    if not wanted:
        return
    gc.unfreeze()  # else those are not found that were there at an earlier fork
    for one in gc.get_objects():
        if issubclass(type(one), _WRITERS):  # `isinstance` would ask lazy objects of the app for their class
            with suppress(OSError, ValueError):  # closed, or none of the system's
                if one.fileno() in wanted:
                    one.flush()


def identity(descriptor: int) -> tuple[int, int] | None:
    """Device and inode of what is open under a number; None if nothing is."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino
