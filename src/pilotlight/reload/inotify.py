"""Linux inotify(7) through ctypes: instances, watches, and the events as plain data.

A thin binding: it knows nothing of dependencies. Parsing is a pure function. Must never block.
"""

from __future__ import annotations

import ctypes
import os
import struct
from dataclasses import dataclass

IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_OPEN = 0x20
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_UNMOUNT = 0x2000
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_MASK_ADD = 0x20000000
IN_ISDIR = 0x40000000

_HEADER = struct.Struct("=iIII")
_READ_SIZE = 64 * 1024
_CLOSE_ON_EXEC = os.O_CLOEXEC if hasattr(os, "O_CLOEXEC") else 0
_NON_BLOCKING = os.O_NONBLOCK if hasattr(os, "O_NONBLOCK") else 0


@dataclass(frozen=True, slots=True)
class RawEvent:
    """One event as the kernel tells it.

    Args:
        watch: the watch descriptor; -1 for an overflow.
        mask: what happened, a set of `IN_` bits.
        name: of the entry in the watched directory; empty for the directory itself.
    """

    watch: int
    mask: int
    name: str


def parse_events(data: bytes) -> list[RawEvent]:
    """The events in what one `read` of an inotify descriptor returned (struct inotify_event)."""
    events = []
    offset = 0
    while offset + _HEADER.size <= len(data):
        watch, mask, _, length = _HEADER.unpack_from(data, offset)
        offset += _HEADER.size
        name = data[offset : offset + length].partition(b"\0")[0]
        offset += length
        events.append(RawEvent(watch, mask, os.fsdecode(name)))
    return events


class Inotify:
    """One inotify instance. Its descriptor is non-blocking and closed on exec.

    Raises:
        OSError: `EMFILE` when the user's limit of instances or descriptors is reached; or inotify does not
            exist here.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            self._init, self._add, self._remove = (
                libc.inotify_init1,
                libc.inotify_add_watch,
                libc.inotify_rm_watch,
            )
        except AttributeError as error:
            raise OSError(0, "this system has no inotify") from error
        self._add.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
        self._descriptor: int = self._checked(self._init(_NON_BLOCKING | _CLOSE_ON_EXEC))

    def fileno(self) -> int:
        """Readable when there are events."""
        return self._descriptor

    def add(self, path: str, mask: int) -> int:
        """Watches a file or directory; returns the watch descriptor, the same for the same inode.

        Raises:
            OSError: `ENOSPC` when the user's limit of watches is reached; `ENOENT`, `ENOTDIR`, `EACCES` for
                the path.
        """
        return self._checked(self._add(self._descriptor, os.fsencode(path), mask), path)

    def remove(self, watch: int) -> bool:
        """Ends a watch, after which one `IN_IGNORED` comes; False if it had ended by itself."""
        return bool(self._remove(self._descriptor, watch) == 0)

    def read(self) -> list[RawEvent]:
        """All events that are pending."""
        events: list[RawEvent] = []
        while True:
            try:
                data = os.read(self._descriptor, _READ_SIZE)
            except BlockingIOError:
                return events
            events += parse_events(data)

    def arrives(self, directory: str) -> bool:
        """Whether events come at all: a directory is opened, which changes nothing in it and is an event.

        To be asked before anything is watched. True as well if the directory may not be opened.
        """
        flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOSE_ON_EXEC | _NON_BLOCKING
        try:
            watch = self.add(directory, IN_OPEN | IN_ONLYDIR)
            try:
                os.close(os.open(directory, flags))
                return any(event.mask & IN_OPEN for event in self.read())
            finally:
                self.remove(watch)
                self.read()
        except OSError:
            return True

    def close(self) -> None:
        """Closes the descriptor; the kernel removes the watches."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @staticmethod
    def _checked(result: int, path: str | None = None) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return result
