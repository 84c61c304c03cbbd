"""What is measured, one function per measure: each returns the samples of one round, and judges nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from contenders import APPS, Contender
from load import generate
from running import START_TIMEOUT, BenchmarkError, serving

TARGET = {"flask": "/items/42?name=lamp", "asgi": "/items/42", "fastapi": "/items/42?name=lamp"}
EDIT_TIMEOUT = 20.0
EDIT_PAUSE = (1.1, 2.1)
"""Seconds between two edits, least and most: CPython's bytecode cache cannot tell two saves of the same size
within one second apart, and some of the servers rely on it."""


@dataclass(frozen=True)
class Throughput:
    """One round under load."""

    requests_per_second: float
    cpu_microseconds: float
    """User and system time of all the server's processes, per request."""
    errors: int


def throughput(
    contender: Contender, app: str, directory: Path, *, log: bool, connections: int, seconds: float
) -> Throughput:
    """Warm up, then count for `seconds`."""
    with serving(contender, app, directory, log=log) as server:
        server.wait_for(TARGET[app], b"version", START_TIMEOUT)
        url = f"http://127.0.0.1:{server.port}{TARGET[app]}"
        generate(url, connections, 1)
        before = server.cpu_seconds()
        load = generate(url, connections, seconds)
        used = server.cpu_seconds() - before
    if not load.requests:
        raise BenchmarkError("no request was answered")
    return Throughput(load.requests / load.seconds, used / load.requests * 1e6, load.errors)


def import_seconds(app: str, directory: Path) -> float:
    """What bare Python needs to import the app, without its own end: the floor of every cold start."""
    program = f"import os, {APPS[app]}; os._exit(0)"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], cwd=directory, check=True)
    return time.perf_counter() - started


def cold_start_seconds(contender: Contender, app: str, directory: Path) -> float:
    """From the start of the process to the first 200."""
    with serving(contender, app, directory) as server:
        answered, _ = server.wait_for(TARGET[app], b"version", START_TIMEOUT)
        return answered - server.started


@dataclass(frozen=True)
class Edits:
    """A run of edits."""

    seconds: tuple[float, ...]
    """From the save (an atomic rename) to the first response of the new code, for each edit."""
    with_failures: int
    """Edits during which a request was refused or reset."""


def edits(contender: Contender, app: str, directory: Path, count: int) -> Edits:
    """Save a new version of the app `count` times, and ask after each until the new version answers."""
    source = directory / f"{APPS[app]}.py"
    original = source.read_text()
    pauses = random.Random(1)  # the same for all; of unequal length, not in step with a reloader that polls
    taken = []
    failed = 0
    try:
        with serving(contender, app, directory) as server:
            server.wait_for(TARGET[app], b"version 0", START_TIMEOUT)
            for number in range(1, count + 1):
                time.sleep(pauses.uniform(*EDIT_PAUSE))
                fresh = f"version {number}-{os.getpid()}"
                temporary = source.with_suffix(".tmp")
                temporary.write_text(original.replace("version 0", fresh))
                saved = time.perf_counter()
                temporary.replace(source)
                answered, refused = server.wait_for(TARGET[app], fresh.encode(), EDIT_TIMEOUT)
                taken.append(answered - saved)
                failed += bool(refused)
    finally:
        source.write_text(original)
    return Edits(tuple(taken), failed)


def memory_bytes(contender: Contender, app: str, directory: Path) -> int:
    """PSS of all processes after a hundred requests.

    Raises:
        BenchmarkError: this system does not tell.
    """
    with serving(contender, app, directory) as server:
        server.wait_for(TARGET[app], b"version", START_TIMEOUT)
        for _ in range(100):
            server.ask(TARGET[app])
        found = server.memory_bytes()
    if found is None:
        raise BenchmarkError("memory is measured on Linux only")
    return found
