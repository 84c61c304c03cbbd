"""The pages that debuggers answer errors with: how long a browser waits for one, and how large it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contenders import App, Contender, without_debugger
from load import generate
from measures import cold_start_seconds
from running import START_TIMEOUT, BenchmarkError, Running, serving
from saving import editing

DEEP, RECURSION = "/deep/3", "/recursion"
PLAIN_REQUESTS, WARM_PAGES = 10, 10
STARTS, SLICES = 3, 4
"""How often each server starts, and is put under load, in a round that compares two."""
HEADERS = b"Accept: text/html\r\n"
STATUS = b" 500 "
SAID = {DEEP: b"KeyError", RECURSION: b"RecursionError"}


@dataclass(frozen=True)
class Pages:
    """One server from its start to its last page, in seconds; each request has its own connection."""

    target: str
    start_seconds: float
    """From the start of the process to the first 200."""
    plain: list[float]
    """Requests that do not fail."""
    first: float
    """The first error of this server, right after them."""
    warm: list[float]
    """The same error again."""
    edited: float
    """The first error of new code, right after its first good answer."""
    size: int
    """Bytes of the body."""


def pages(contender: Contender, app: App, root: Path, target: str) -> Pages:
    """Start a server and let the view of that target fail.

    Raises:
        BenchmarkError: the answer is no page about that error.
    """
    with editing(root / app.edited) as source, serving(contender, app, root) as server:
        started = server.wait_for(app.path, 0, START_TIMEOUT).at - server.started
        plain = [_plain(server, app) for _ in range(PLAIN_REQUESTS)]
        first, body = _page(server, target)
        warm = [_page(server, target)[0] for _ in range(WARM_PAGES)]
        time.sleep(1.1)  # for reloaders that look at time stamps of whole seconds
        source.save(1)
        server.wait_for(app.path, 1, START_TIMEOUT)
        edited, _ = _page(server, target)
    return Pages(target, started, plain, first, warm, edited, len(body))


def _plain(server: Running, app: App) -> float:
    seconds, answer = _timed(server, app.path)
    if b" 200 " not in answer[:16]:
        raise BenchmarkError(f"the plain view answered {answer[:40]!r}")
    return seconds


def _page(server: Running, target: str) -> tuple[float, bytes]:
    seconds, answer = _timed(server, target)
    head, _, body = answer.partition(b"\r\n\r\n")
    if STATUS not in head[:16] or b"text/html" not in head or SAID[target] not in body:
        raise BenchmarkError(f"{target} did not answer with a page about its error: {head[:60]!r}")
    return seconds, body


def _timed(server: Running, target: str) -> tuple[float, bytes]:
    began = time.perf_counter()
    answer = server.ask(target, HEADERS)
    return time.perf_counter() - began, answer


@dataclass(frozen=True)
class Extra:
    """What a server costs more with its debugger than without; below zero where chance had it so."""

    start_seconds: float
    """Until the first 200."""
    cpu_microseconds: list[float]
    """User and system time of a request that does not fail; one figure for each slice of time."""


def extras(contender: Contender, app: App, root: Path, connections: int, seconds: float) -> Iterator[Extra]:
    """Compare the two in turns, so that a noisy moment hits both.

    Args:
        seconds: how long each is under load.
    """
    bare = without_debugger(contender)
    cpu = list(_cpu(contender, bare, app, root, connections, seconds / SLICES))
    for number in range(STARTS):
        order = (contender, bare) if number % 2 else (bare, contender)
        taken = {each.name: cold_start_seconds(each, app, root) for each in order}
        yield Extra(taken[contender.name] - taken[bare.name], cpu if number == 0 else [])


def _cpu(
    contender: Contender, bare: Contender, app: App, root: Path, connections: int, seconds: float
) -> Iterator[float]:
    with (
        serving(contender, app, root, log=False, heard=False) as ours,
        serving(bare, app, root, log=False, heard=False) as other,
    ):
        for server in (ours, other):
            server.wait_for(app.path, 0, START_TIMEOUT)
            generate(f"http://127.0.0.1:{server.port}{app.path}", connections, 1)
        for number in range(SLICES):
            order = (ours, other) if number % 2 else (other, ours)
            taken = {each.port: _cpu_of_a_request(each, app, connections, seconds) for each in order}
            yield taken[ours.port] - taken[other.port]


def _cpu_of_a_request(server: Running, app: App, connections: int, seconds: float) -> float:
    before = server.cpu_seconds()
    load = generate(f"http://127.0.0.1:{server.port}{app.path}", connections, seconds)
    if not load.requests or load.errors:
        raise BenchmarkError("requests under load had no good answer")
    return (server.cpu_seconds() - before) / load.requests * 1e6
