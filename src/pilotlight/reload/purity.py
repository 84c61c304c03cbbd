"""May this process be paused by `fork` here, and its copies go on later as if nothing had been?

A process may be a checkpoint only while a fork of it is a whole copy: one Python thread, no child process,
and no descriptor whose other side would notice or whose position is shared (a connection, an event loop, a
file being written). The judgement is a pure function of plain facts; `Purity` reads them from `/proc/self`,
so this is for Linux only. Must never change the process.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from pilotlight.reload.openfiles import identity
from pilotlight.reload.userfiles import UserFiles

_PATCHERS = ("gevent.monkey", "eventlet.patcher")
_FORK_SAFE_THREADS = ("openblas", "libgomp", "libiomp", "libmkl")
"""Libraries whose threads survive a fork: they end them before it, or start them anew in the child
(pthread_atfork(3))."""

Handle = tuple[int, int, int]
"""An open descriptor: number, device and inode."""
_OUR_MEMORY = b"/memfd:pilotlight"
_LOOKS = 6
_BETWEEN_LOOKS = 0.001
"""Seconds that a thread that has ended is given to be gone."""

Act = Literal["thread", "process", "descriptor"]
ACTS: dict[str, Act] = {
    "_thread.start_new_thread": "thread",
    "_thread.start_joinable_thread": "thread",
    "subprocess.Popen": "process",
    "os.posix_spawn": "process",
    "os.fork": "process",
    "os.forkpty": "process",
    "socket.__new__": "descriptor",
    "sqlite3.connect": "descriptor",
}
"""Audit events (PEP 578) of what makes a copy of the process less than whole."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """An open descriptor.

    Args:
        handle: which it is; a number alone may be another's by now.
        target: as `/proc/self/fd` names it.
        kind: a regular file or directory that is only `read`, a log that is only `appended` to, or anything
            `else`.
    """

    handle: Handle
    target: str
    kind: Literal["read", "appended", "else"]

    def named(self) -> str:
        """For the user; the same in each load, unlike the numbers of what has no name."""
        sort, _, rest = self.target.partition(":")
        if sort == "anon_inode":
            return rest
        return f"a {sort}" if sort in ("socket", "pipe") else self.target


@dataclass(frozen=True, slots=True)
class Facts:
    """What a process holds.

    Args:
        python_threads: names of the Python threads beside the main one.
        native_threads: how many threads there are that Python did not start.
        fork_safe_library: a loaded library to which they may belong and which survives a fork.
        children: pids of child processes.
        descriptors: open now.
        shared_memory: what the process has mapped to write to it together with others.
        patched_by: `gevent` or `eventlet`, if it has replaced the standard library.
    """

    python_threads: tuple[str, ...] = ()
    native_threads: int = 0
    fork_safe_library: str | None = None
    children: tuple[int, ...] = ()
    descriptors: tuple[Descriptor, ...] = ()
    shared_memory: str | None = None
    patched_by: str | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a copy would not be whole.

    Args:
        text: a sentence without its full stop.
        act: what led to it, if that is known to be an act of the app's.
    """

    text: str
    act: Act | None = None


def obstacle(now: Facts, known: frozenset[Handle]) -> Obstacle | None:
    """Judges the facts; None if the process may be paused.

    Args:
        known: the descriptors that the process started with, or that are ours.
    """
    if now.patched_by is not None:
        return Obstacle(f"{now.patched_by} has patched the standard library")
    if now.python_threads:
        return Obstacle(f"The app runs a thread ({now.python_threads[0]})", "thread")
    if now.children:
        return Obstacle("The app has started a process", "process")
    if now.native_threads and now.fork_safe_library is None:
        return Obstacle("A library runs threads of its own")
    for descriptor in now.descriptors:
        if descriptor.kind == "else" and descriptor.handle not in known:
            return Obstacle(f"The app holds {descriptor.named()} open", "descriptor")
    if now.shared_memory is not None:
        return Obstacle(f"The app shares memory with other processes ({now.shared_memory})")
    return None


class Purity:
    """Of this process.

    Args:
        known: the descriptors that are not the app's.
        users: which files are the user's.

    Attributes:
        facts: that were judged last.
    """

    def __init__(self, known: Iterable[Handle], users: UserFiles) -> None:
        self._known = frozenset(known)
        self.facts = Facts()
        self._users = users
        self._culprits: dict[Act, str] = {}

    def note(self, event: str) -> None:
        """Remembers which line of the user's did last what a copy may not survive.

        Args:
            event: one of `ACTS`, as it happens.
        """
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith("/") and self._users.owns_file(file):
                self._culprits[ACTS[event]] = f"{file}:{frame.f_lineno}"
                return
            frame = frame.f_back

    def goes_on(self, ours: Iterable[int]) -> None:
        """This process is a copy of the one that was judged before, and has these descriptors of ours."""
        self._known |= frozenset(handle for handle in map(_handle, ours) if handle is not None)

    def files_of_app(self, kind: Literal["read", "appended"]) -> list[int]:
        """Numbers of the app's descriptors of this kind, when it was judged last."""
        return [
            descriptor.handle[0]
            for descriptor in self.facts.descriptors
            if descriptor.kind == kind and descriptor.handle not in self._known
        ]

    def obstacle(self) -> str | None:
        """Why this process may not be paused now, and by which line of the user's; None if it may."""
        self.facts = _facts()
        found = obstacle(self.facts, self._known)
        if found is None:
            return None
        culprit = self._culprits.get(found.act) if found.act is not None else None
        return found.text if culprit is None else f"{found.text}, since {culprit}"


def open_descriptors() -> frozenset[Handle]:
    """What is open now."""
    found = (_handle(int(name)) for name in os.listdir("/proc/self/fd"))
    return frozenset(handle for handle in found if handle is not None)


def _facts() -> Facts:
    """The facts of this process, at this moment."""
    import threading

    main = threading.main_thread()
    python = tuple(thread.name for thread in threading.enumerate() if thread is not main)
    with open("/proc/self/maps", "rb") as file:
        maps = file.read()
    native = _native_threads(len(python))
    library = _fork_safe_library(maps) if native else None
    if native and library is None:
        native = _native_threads_that_stay(len(python))
    return Facts(
        python_threads=python,
        native_threads=native,
        fork_safe_library=library,
        children=_children(),
        descriptors=tuple(_descriptors()),
        shared_memory=_shared_memory(maps),
        patched_by=next((name.partition(".")[0] for name in _PATCHERS if _has_patched(name)), None),
    )


def _native_threads(python: int) -> int:
    """How many threads there are beside the main one and those of Python."""
    return max(0, len(os.listdir("/proc/self/task")) - 1 - python)


def _native_threads_that_stay(python: int) -> int:
    """One that has just been joined may still be in the kernel's list."""
    for _ in range(_LOOKS):
        time.sleep(_BETWEEN_LOOKS)
        if not _native_threads(python):
            return 0
    return _native_threads(python)


def _handle(number: int) -> Handle | None:
    """None if it is not open (any more)."""
    found = identity(number)
    return None if found is None else (number, *found)


def _descriptors() -> Iterable[Descriptor]:
    for number in sorted(map(int, os.listdir("/proc/self/fd"))):
        try:
            status = os.fstat(number)
            target = os.readlink(f"/proc/self/fd/{number}")
            flags = fcntl.fcntl(number, fcntl.F_GETFL)
        except OSError:  # that of the listing itself
            continue
        yield Descriptor((number, status.st_dev, status.st_ino), target, _kind(status.st_mode, flags))


def _kind(mode: int, flags: int) -> Literal["read", "appended", "else"]:
    if stat.S_ISDIR(mode):
        return "read"
    if not stat.S_ISREG(mode):
        return "else"
    if not flags & (os.O_WRONLY | os.O_RDWR):
        return "read"
    return "appended" if flags & os.O_APPEND else "else"


def _children() -> tuple[int, ...]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return tuple(map(int, file.read().split()))
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return ()


def _shared_memory(maps: bytes) -> str | None:
    """A mapping, in what `/proc/self/maps` says, that the process shares with others and may write to."""
    if maps.count(b" rw-s ") <= 1:  # our own word
        return None
    for line in maps.splitlines():
        name = line.split(maxsplit=5)[5:]
        if b" rw-s " in line and not (name and name[0].startswith(_OUR_MEMORY)):
            return os.fsdecode(name[0]) if name else "anonymous"
    return None


def _fork_safe_library(maps: bytes) -> str | None:
    paths = {line.rpartition(b" ")[2] for line in maps.splitlines() if b".so" in line}
    for path in paths:
        name = os.path.basename(os.fsdecode(path))
        if any(known in name for known in _FORK_SAFE_THREADS):
            return name
    return None


def _has_patched(module: str) -> bool:
    patcher = sys.modules.get(module)
    saved = getattr(patcher, "saved", None) or getattr(patcher, "already_patched", None)
    return bool(saved)
