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
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from pilotlight.reload.userfiles import UserFiles

_PATCHERS = ("gevent.monkey", "eventlet.patcher")
_FORK_SAFE_THREADS = ("openblas", "libgomp", "libiomp", "libmkl")
"""Libraries whose threads survive a fork: they end them before it, or start them anew in the child
(pthread_atfork(3))."""

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
        number: of the descriptor.
        target: as `/proc/self/fd` names it.
        harmless: a regular file that is only read, a log that is only appended to, or a directory.
    """

    number: int
    target: str
    harmless: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What a process holds.

    Args:
        python_threads: names of the Python threads beside the main one.
        native_threads: how many threads there are that Python did not start.
        fork_safe_library: a loaded library to which they may belong and which survives a fork.
        children: pids of child processes.
        descriptors: open now.
        patched_by: `gevent` or `eventlet`, if it has replaced the standard library.
    """

    python_threads: tuple[str, ...] = ()
    native_threads: int = 0
    fork_safe_library: str | None = None
    children: tuple[int, ...] = ()
    descriptors: tuple[Descriptor, ...] = ()
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


def obstacle(now: Facts, known: frozenset[int]) -> Obstacle | None:
    """Judges the facts; None if the process may be paused.

    Args:
        known: numbers of the descriptors that the process started with, or that are ours.
    """
    if now.patched_by is not None:
        return Obstacle(f"{now.patched_by} has patched the standard library")
    if now.python_threads:
        return Obstacle(f"The app runs a thread ({now.python_threads[0]})", "thread")
    if now.children:
        return Obstacle(f"The app has started a process (pid {now.children[0]})", "process")
    if now.native_threads and now.fork_safe_library is None:
        return Obstacle(f"A library runs threads of its own ({now.native_threads})")
    for descriptor in now.descriptors:
        if descriptor.number not in known and not descriptor.harmless:
            return Obstacle(f"The app holds {descriptor.target} open", "descriptor")
    return None


class Purity:
    """Of this process.

    Args:
        known: numbers of the descriptors that are not the app's.
        users: which files are the user's.
    """

    def __init__(self, known: Iterable[int], users: UserFiles) -> None:
        self._known = frozenset(known)
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
        self._known |= frozenset(ours)

    def obstacle(self) -> str | None:
        """Why this process may not be paused now, and by which line of the user's; None if it may."""
        found = obstacle(_facts(), self._known)
        if found is None:
            return None
        culprit = self._culprits.get(found.act) if found.act is not None else None
        return found.text if culprit is None else f"{found.text}, since {culprit}"


def open_descriptors() -> frozenset[int]:
    """Numbers of what is open now."""
    numbers = {int(name) for name in os.listdir("/proc/self/fd")}
    return frozenset(number for number in numbers if _is_open(number))


def _facts() -> Facts:
    """The facts of this process, at this moment."""
    import threading

    main = threading.main_thread()
    python = tuple(thread.name for thread in threading.enumerate() if thread is not main)
    total = len(os.listdir("/proc/self/task"))
    native = max(0, total - 1 - len(python))
    return Facts(
        python_threads=python,
        native_threads=native,
        fork_safe_library=_fork_safe_library() if native else None,
        children=_children(),
        descriptors=tuple(_descriptors(open_descriptors())),
        patched_by=next((name.partition(".")[0] for name in _PATCHERS if _has_patched(name)), None),
    )


def _is_open(number: int) -> bool:
    """The listing itself had one open."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _descriptors(numbers: Iterable[int]) -> Iterable[Descriptor]:
    for number in sorted(numbers):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
            mode = os.fstat(number).st_mode
            flags = fcntl.fcntl(number, fcntl.F_GETFL)
        except OSError:
            continue
        writable = flags & (os.O_WRONLY | os.O_RDWR)
        appended = flags & os.O_APPEND
        harmless = (stat.S_ISREG(mode) and (not writable or bool(appended))) or stat.S_ISDIR(mode)
        yield Descriptor(number, target, harmless)


def _children() -> tuple[int, ...]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return tuple(map(int, file.read().split()))
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return ()


def _fork_safe_library() -> str | None:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:
        paths = {line.rpartition(" ")[2].strip() for line in file if ".so" in line}
    for path in paths:
        name = os.path.basename(path)
        if any(known in name for known in _FORK_SAFE_THREADS):
            return name
    return None


def _has_patched(module: str) -> bool:
    patcher = sys.modules.get(module)
    saved = getattr(patcher, "saved", None) or getattr(patcher, "already_patched", None)
    return bool(saved)
