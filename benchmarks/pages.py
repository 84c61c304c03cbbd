"""The pages that debuggers answer errors with: how long a browser waits for one, and how large it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from contenders import App, Contender
from running import START_TIMEOUT, BenchmarkError, Running, serving
from saving import editing

DEEP, RECURSION = "/deep/3", "/recursion"
PLAIN_REQUESTS, WARM_PAGES = 10, 10
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
