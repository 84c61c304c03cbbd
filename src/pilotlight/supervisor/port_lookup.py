"""Asks the machine who listens on a port, and stops a process. The only place that needs psutil.

Imported only when a port is taken. Must never judge or word anything, and never take a client for a listener.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psutil

from .port_diagnosis import concerns, is_pilotlight, is_worker
from .port_facts import Holder

STOP_SECONDS = 6.0
"""How long a process that was asked to stop may take; our own servers promise 5."""

_LOOK_SECONDS = 0.02
_LINUX_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LINUX_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Occupation:
    """Who uses a port."""

    holders: tuple[Holder, ...]
    used_by_client: bool


def occupation_of(port: int, wanted: Sequence[str]) -> Occupation:
    """Everyone who listens on the port where it concerns the wanted addresses; each process once."""
    listening: dict[int | None, str] = {}
    used_by_client = False
    for address, status, pid in _sockets_on(port):
        if status == psutil.CONN_LISTEN:
            if any(concerns(one, address) for one in wanted):
                listening.setdefault(None if pid is None else _outermost(pid, port), address)
        else:
            used_by_client = True
    holders = [_holder(pid, address, port) for pid, address in listening.items()]
    return Occupation(tuple(holders), used_by_client and not holders)


def _sockets_on(port: int) -> Iterator[tuple[str, str, int | None]]:
    """Address, status and pid of each TCP socket whose own end is this port."""
    try:
        found: Iterable[Any] = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS: only process by process, and only one's own
        found = _sockets_process_by_process()
    for entry in found:
        if entry.laddr and entry.laddr.port == port:
            yield entry.laddr.ip, entry.status, entry.pid


@dataclass(frozen=True, slots=True)
class _Entry:
    laddr: Any
    status: str
    pid: int


def _sockets_process_by_process() -> Iterator[_Entry]:
    for process in psutil.process_iter():
        for entry in _sockets_of(process):
            yield _Entry(entry.laddr, entry.status, process.pid)


def _sockets_of(process: psutil.Process) -> list[Any]:
    """The TCP sockets of a process; none if it is gone or not ours to see."""
    # `connections` was renamed in psutil 6.
    read = getattr(process, "net_connections", None) or process.connections
    try:
        return list(read(kind="tcp"))
    except psutil.Error:
        return []


def _outermost(pid: int, port: int) -> int:
    """The topmost ancestor that has the listening socket too: a supervisor rather than its worker.

    Stopping a worker only makes its supervisor start another.
    """
    chosen = pid
    try:
        ancestors = psutil.Process(pid).parents()
    except psutil.Error:
        return pid
    for ancestor in ancestors:
        for entry in _sockets_of(ancestor):
            if entry.status == psutil.CONN_LISTEN and entry.laddr.port == port:
                chosen = ancestor.pid
    return chosen


def _holder(pid: int | None, address: str, port: int) -> Holder:
    if pid is None:
        return Holder(address, user=_owner_of_socket(port))
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return Holder(address, pid)
    command = tuple(_ask(process, "cmdline") or ())
    user = _ask(process, "username")
    return Holder(
        address,
        pid,
        name=_ask(process, "name"),
        command=command,
        directory=_ask(process, "cwd"),
        user=user,
        since=_ask(process, "create_time"),
        is_mine=user is not None and user == _ask(psutil.Process(), "username"),
        is_ancestor=pid in _own_line(),
        is_pilotlight=is_pilotlight(command) or _has_worker_of_ours(process),
    )


def _ask(process: psutil.Process, fact: str) -> Any:
    """One fact; None if it may not be known, or the process has just ended."""
    try:
        return getattr(process, fact)()
    except (psutil.Error, OSError):
        return None


def _has_worker_of_ours(process: psutil.Process) -> bool:
    """A server that `flask run` started: only its workers bear our name."""
    try:
        children = process.children()
    except psutil.Error:
        return False
    return any(is_worker(_ask(child, "cmdline") or ()) for child in children)


def _own_line() -> set[int]:
    """This process and all above it."""
    this = psutil.Process()
    try:
        return {this.pid, *(process.pid for process in this.parents())}
    except psutil.Error:
        return {this.pid, os.getppid()}


def _owner_of_socket(port: int) -> str | None:
    """Linux tells who owns a listening socket even if not which process has it."""
    if sys.platform != "linux":
        return None
    import pwd

    for table in _LINUX_TABLES:
        with contextlib.suppress(OSError), open(table, encoding="ascii") as lines:
            uid = uid_of_listener(lines, port)
            if uid is not None:
                try:
                    return pwd.getpwuid(uid).pw_name
                except KeyError:
                    return f"uid {uid}"
    return None


def uid_of_listener(lines: Iterable[str], port: int) -> int | None:
    """The owner of a listening socket in the form of proc_pid_net(5)."""
    for line in lines:
        fields = line.split()
        if len(fields) > 7 and fields[3] == _LINUX_LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
            return int(fields[7])
    return None


def stop(holder: Holder, seconds: float = STOP_SECONDS) -> Literal["ended", "not permitted", "still there"]:
    """Asks a process to end (SIGTERM) and waits. A successor with the same pid is left alone."""
    if holder.pid is None:
        return "not permitted"
    try:
        process = psutil.Process(holder.pid)
        if holder.since is not None and process.create_time() != holder.since:
            return "ended"
        process.terminate()
        return "ended" if _ends_within(process, seconds) else "still there"
    except psutil.NoSuchProcess:
        return "ended"
    except psutil.AccessDenied:
        return "not permitted"


def _ends_within(process: psutil.Process, seconds: float) -> bool:
    """Waits for the end. A zombie has ended: it holds no socket, whenever its parent may come to look."""
    limit = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > limit:
            return False
        time.sleep(_LOOK_SECONDS)
    return True
