"""A contender while it runs: started on a free port, asked, measured from outside, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from contenders import Contender

START_TIMEOUT = 30.0
POLL_PAUSE = 0.002
"""Seconds between two attempts: short against what is measured, and leaves the server a processor."""


class BenchmarkError(Exception):
    """A measurement that did not come about; it is shown as such, never left out."""


@dataclass(frozen=True)
class Running:
    """A started server."""

    process: subprocess.Popen[bytes]
    port: int
    started: float
    """`time.perf_counter()` just before the process was started."""

    def ask(self, target: str) -> bytes:
        """One request on a connection of its own; the whole response.

        Raises:
            OSError: no connection, or no complete response.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=15) as sock:
            sock.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % target.encode())
            received = b""
            while chunk := sock.recv(65536):
                received += chunk
        if not received:
            raise ConnectionError("closed without an answer")
        return received

    def wait_for(self, target: str, wanted: bytes, timeout: float) -> tuple[float, int]:
        """Ask until a 200 contains `wanted`.

        Returns:
            `time.perf_counter()` when it came, and how many requests failed (refused, reset) until then.
        """
        deadline = time.perf_counter() + timeout
        failed = 0
        while True:
            try:
                answer = self.ask(target)
            except OSError:
                failed += 1
            else:
                if answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")) and wanted in answer:
                    return time.perf_counter(), failed
            if self.process.poll() is not None:
                command = " ".join(map(str, self.process.args))  # type: ignore[arg-type, union-attr]
                raise BenchmarkError(f"the server ended with status {self.process.returncode}: {command}")
            if time.perf_counter() > deadline:
                raise BenchmarkError(f"no fresh response within {timeout:g} s")
            time.sleep(POLL_PAUSE)

    def tree(self) -> list[psutil.Process]:
        """The process and all its descendants."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of the whole tree so far."""
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
def serving(contender: Contender, app: str, directory: Path, *, log: bool = True) -> Iterator[Running]:
    """Start a contender in a directory with the apps, output to the null device; end it afterwards."""
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "PILOTLIGHT_"))
    }
    environment.update(contender.variables(log=log))
    started = time.perf_counter()
    process = subprocess.Popen(
        contender.command(app, port, log=log),
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield Running(process, port, started)
    finally:
        _end(process)


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
