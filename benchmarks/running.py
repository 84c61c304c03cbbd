"""A contender while it runs: started on a free port, asked, measured from outside, ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from contenders import App, Contender

START_TIMEOUT = 60.0
POLL_PAUSE = 0.002
"""Seconds between two attempts: short against what is measured, and leaves the server a processor."""
GOOD = (b"HTTP/1.1 200", b"HTTP/1.0 200")


class BenchmarkError(Exception):
    """A measurement that did not come about; it is shown as such, never left out."""


class NotFreshError(BenchmarkError):
    """The version that was saved did not answer in time, or the server ended."""


def version_in(answer: bytes) -> int:
    """The version of the app that an answer shows (the newest, if it shows several); -1 if it shows none."""
    return max(map(int, re.findall(rb"version (\d+)", answer)), default=-1)


@dataclass(frozen=True)
class Answered:
    """How the wait for a version ended, and what was answered until then."""

    at: float
    """`time.perf_counter()` when its response was complete."""
    stale: int
    """Answers of an older version."""
    refused: int
    """Requests that were refused, reset, or closed without an answer."""
    errors: int
    """Answers with another status than 200."""


@dataclass(frozen=True)
class Running:
    """A started server."""

    process: subprocess.Popen[bytes]
    port: int
    started: float
    """`time.perf_counter()` just before the process was started."""
    errors: IO[bytes]
    """What it writes to standard error, unless that is the null device."""

    def ask(self, target: str, headers: bytes = b"") -> bytes:
        """One request on a connection of its own; the whole response.

        Args:
            headers: further ones, each with its line end.

        Raises:
            OSError: no connection, or no complete response.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as sock:
            head = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" % target.encode()
            sock.sendall(head + headers + b"\r\n")
            received = b""
            while chunk := sock.recv(65536):
                received += chunk
        if not received:
            raise ConnectionError("closed without an answer")
        return received

    def wait_for(self, target: str, version: int, timeout: float) -> Answered:
        """Ask until a 200 shows that version of the app, or a later one.

        Raises:
            NotFreshError: the time (seconds) was over first, or the server ended.
        """
        deadline = time.perf_counter() + timeout
        stale = refused = errors = 0
        while True:
            try:
                answer = self.ask(target)
            except OSError:
                refused += 1
            else:
                if not answer.startswith(GOOD):
                    errors += 1
                elif version_in(answer) >= version:
                    return Answered(time.perf_counter(), stale, refused, errors)
                else:
                    stale += 1
            if self.process.poll() is not None:
                raise NotFreshError(self._epitaph())
            if time.perf_counter() > deadline:
                raise NotFreshError(f"no fresh response within {timeout:g} s")
            time.sleep(POLL_PAUSE)

    def _epitaph(self) -> str:
        """The status of a server that ended, its command, and the last line of what it said."""
        command = " ".join(map(str, self.process.args))  # type: ignore[arg-type, union-attr]
        self.errors.seek(0)
        said = self.errors.read().strip().rpartition(b"\n")[2]
        status = self.process.returncode
        return f"the server ended with status {status}: {command}: {said.decode(errors='replace')}"

    def tree(self) -> list[psutil.Process]:
        """The process and all its descendants."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree so far, from `/proc/PID/stat`."""
        times = [process.cpu_times() for process in self.tree()]
        return sum(used.user + used.system for used in times)

    def memory_bytes(self) -> int | None:
        """Proportional set size of the whole tree (shared pages counted once); None if unknown."""
        total = 0
        for process in self.tree():
            rollup = Path(f"/proc/{process.pid}/smaps_rollup")
            if not rollup.exists():
                return None
            lines = rollup.read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
        return total


def free_port() -> int:
    """A port that is free on both loopback addresses at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(
    contender: Contender, app: App, root: Path, *, log: bool = True, heard: bool = True
) -> Iterator[Running]:
    """Start a contender in the folder of the app's project, and end it afterwards.

    Its output goes to the null device; what it writes to standard error is kept if `heard`.
    """
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "PILOTLIGHT_"))
    }
    environment.update(contender.variables(log=log))
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            contender.command(app, port, log=log),
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors if heard else subprocess.DEVNULL,
            start_new_session=True,
        )
        prefer(process.pid, os.getpriority(os.PRIO_PROCESS, 0))
        try:
            yield Running(process, port, started, errors)
        finally:
            _end(process)


def prefer(pid: int, niceness: int) -> None:
    """Pass the niceness on where Linux counts it per session (`sched_autogroup_enabled`), not per process."""
    group = Path(f"/proc/{pid}/autogroup")
    if niceness and group.exists():
        group.write_text(str(niceness))


def _end(process: subprocess.Popen[bytes]) -> None:
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(3)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, 3)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children of a server that died by itself
