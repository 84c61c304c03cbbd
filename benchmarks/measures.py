"""What is measured, one function per measure: each returns the samples of one round, and judges nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contenders import App, Contender
from load import generate
from running import GOOD, START_TIMEOUT, BenchmarkError, NotFreshError, Running, serving
from saving import Style, editing, style_of

EDIT_TIMEOUT = 20.0
EDIT_PAUSE = (1.1, 2.1)
"""Seconds between two edits, least and most: of unequal length, so that they are not in step with a reloader
that polls."""
CRASH_TIMEOUT = 10.0
SETTLE_SECONDS = 3.0
"""After the first answer, before memory and idle time are looked at: what a server prepares counts, too."""


@dataclass(frozen=True)
class Throughput:
    """One round under load."""

    requests_per_second: float
    cpu_microseconds: float
    """User and system time of all the server's processes, per request."""
    errors: int


def throughput(
    contender: Contender, app: App, root: Path, *, log: bool, connections: int, seconds: float
) -> Throughput:
    """Warm up, then count for `seconds`."""
    with serving(contender, app, root, log=log, heard=False) as server:
        server.wait_for(app.path, 0, START_TIMEOUT)
        url = f"http://127.0.0.1:{server.port}{app.path}"
        generate(url, connections, 1)
        before = server.cpu_seconds()
        load = generate(url, connections, seconds)
        used = server.cpu_seconds() - before
    if not load.requests:
        raise BenchmarkError("no request was answered")
    return Throughput(load.requests / load.seconds, used / load.requests * 1e6, load.errors)


def import_seconds(app: App, root: Path) -> float:
    """What bare Python needs to import the app (and to call its factory), without its own end."""
    program = f"import os, {app.target}; {app.expression}; os._exit(0)"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)
    return time.perf_counter() - started


_AFTER = """
import importlib.machinery, sys, time
loader, ended = importlib.machinery.SourceFileLoader, {{}}
run = loader.exec_module
def timed(self, module):
    run(self, module)
    ended[module.__name__] = time.perf_counter()
loader.exec_module = timed
import {module}
{expression}
print(time.perf_counter() - ended[{edited!r}])
"""


def seconds_after(app: App, root: Path) -> float:
    """What bare Python needs for everything after the end of the edited module: the floor of a reload."""
    edited = app.edited.removesuffix(".py").replace("/", ".")
    program = _AFTER.format(module=app.target, expression=app.expression, edited=edited)
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return float(answer.stdout)


def cold_start_seconds(contender: Contender, app: App, root: Path) -> float:
    """From the start of the process to the first 200."""
    with serving(contender, app, root) as server:
        return server.wait_for(app.path, 0, START_TIMEOUT).at - server.started


@dataclass(frozen=True)
class Edit:
    """One save, and what the requests after it met until the new code answered."""

    style: Style
    seconds: float | None
    """From the return of the save to the end of the first fresh response; None if there was none."""
    stale: int
    refused: int
    errors: int


def edits(contender: Contender, app: App, root: Path, count: int) -> Iterator[Edit]:
    """Save a new version of the app `count` times, and ask after each until the new version answers.

    Ends early with an edit that the server did not see.
    """
    pauses = random.Random(1)  # the same for all
    with editing(root / app.edited) as source, serving(contender, app, root) as server:
        server.wait_for(app.path, 0, START_TIMEOUT)
        for number in range(1, count + 1):
            time.sleep(pauses.uniform(*EDIT_PAUSE))
            saved = source.save(number)
            try:
                answered = server.wait_for(app.path, number, EDIT_TIMEOUT)
            except NotFreshError:
                yield Edit(style_of(number), None, 0, 0, 0)
                return
            seconds = answered.at - saved
            yield Edit(style_of(number), seconds, answered.stale, answered.refused, answered.errors)


def memory_bytes(contender: Contender, app: App, root: Path, count: int) -> tuple[int, int | None]:
    """PSS of all processes after a hundred requests, and again after `count` edits, if the server reloads.

    Raises:
        BenchmarkError: this system does not tell.
    """
    with editing(root / app.edited) as source, serving(contender, app, root) as server:
        server.wait_for(app.path, 0, START_TIMEOUT)
        first = _settled_memory(server, app)
        if not contender.reloads:
            return first, None
        for number in range(1, count + 1):
            time.sleep(1)
            source.save(number)
            server.wait_for(app.path, number, EDIT_TIMEOUT)
        return first, _settled_memory(server, app)


def _settled_memory(server: Running, app: App) -> int:
    for _ in range(100):
        server.ask(app.path)
    time.sleep(SETTLE_SECONDS)
    found = server.memory_bytes()
    if found is None:
        raise BenchmarkError("memory is measured on Linux only")
    return found


@dataclass(frozen=True)
class Idle:
    """A server that nobody asks."""

    seconds: float
    cpu_seconds: float
    """User and system time of all its processes meanwhile."""
    start_seconds: float
    """From the start of the process to the first 200."""


def idle(contender: Contender, app: App, root: Path, seconds: float) -> Idle:
    """Start, wait until it has settled, and look away for `seconds`."""
    with serving(contender, app, root) as server:
        answered = server.wait_for(app.path, 0, START_TIMEOUT)
        time.sleep(SETTLE_SECONDS)
        began, before = time.perf_counter(), server.cpu_seconds()
        time.sleep(seconds)
        used = server.cpu_seconds() - before
        return Idle(time.perf_counter() - began, used, answered.at - server.started)


@dataclass(frozen=True)
class Crash:
    """A request whose view ends the process by SIGSEGV."""

    seconds: float | None
    """From the moment when the crashing request was sent to the next good answer; None if there was none."""
    answer: str
    """What the client of the crashing request got: a status, or `reset`."""


def crashes(contender: Contender, app: App, root: Path, count: int) -> Iterator[Crash]:
    """Crash a worker `count` times; ends early when no answer comes any more."""
    with serving(contender, app, root) as server:
        server.wait_for(app.path, 0, START_TIMEOUT)
        for _ in range(count):
            sent = time.perf_counter()
            try:
                answer = server.ask("/crash")[9:12].decode()
            except OSError:
                answer = "reset"
            if answer == GOOD[0][9:12].decode():
                raise BenchmarkError("the crash did not crash")
            try:
                yield Crash(server.wait_for(app.path, 0, CRASH_TIMEOUT).at - sent, answer)
            except NotFreshError:
                yield Crash(None, answer)
                return
