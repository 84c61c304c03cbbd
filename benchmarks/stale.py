"""Counts answers older than a save that had returned before their request was sent, and failed requests.

Two measures: one client that asks at once after each save, and many that never pause while files are saved.
Must never count an answer to a request that was sent before the save had returned.
"""

from __future__ import annotations

import asyncio
import http.client
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from contenders import App, Contender
from running import START_TIMEOUT, NotFreshError, Running, serving, version_in
from saving import Source, editing

FRESH_TIMEOUT = 20.0
EXCHANGE_TIMEOUT = 20.0
BODY = b"x" * 20_000
"""What a POST sends: more than one segment, so that a reload can come in the middle of it."""


@dataclass(frozen=True)
class Staleness:
    """What one client met."""

    saves: int
    requests: int
    stale: int
    failed: int
    """Refused, reset, incomplete, or with another status than 200."""
    unseen: int
    """Saves that were not answered within the time limit."""
    seconds: float


def staleness(contender: Contender, app: App, root: Path, requests: int, limit: float) -> Staleness:
    """After each save, two requests, on a kept connection and on a new one; which is first takes turns.

    Ends after that many requests, or when `limit` seconds are over. An answer that is stale is followed by
    requests that do not count, until the save is seen.
    """
    saves = sent = stale = failed = unseen = 0
    with editing(root / app.edited) as source, serving(contender, app, root) as server:
        server.wait_for(app.path, 0, START_TIMEOUT)
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=EXCHANGE_TIMEOUT)
        _kept(kept, app)
        began = time.perf_counter()
        while sent < requests and time.perf_counter() - began < limit:
            saves += 1
            source.save(saves)
            for on_kept in (True, False) if saves % 2 else (False, True):
                sent += 1
                found = _kept(kept, app) if on_kept else _new(server, app)
                failed += found is None
                stale += found is not None and found < saves
            try:
                server.wait_for(app.path, saves, FRESH_TIMEOUT)
            except NotFreshError:
                unseen += 1
        kept.close()
        return Staleness(saves, sent, stale, failed, unseen, time.perf_counter() - began)


def _kept(connection: http.client.HTTPConnection, app: App) -> int | None:
    """The version that answers on a connection that is kept (and opened again where the server closes it)."""
    try:
        connection.request("GET", app.path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return None
    return version_in(body) if response.status == 200 else None


def _new(server: Running, app: App) -> int | None:
    """The version that answers on a connection of its own."""
    try:
        answer = server.ask(app.path)
    except OSError:
        return None
    return version_in(answer) if answer[9:12] == b"200" else None


@dataclass(frozen=True)
class Storm:
    """What many clients met while files were saved."""

    clients: int
    saves: int
    reloads: int
    """Saved versions that answered at least once."""
    requests: int
    stale: int
    failures: dict[str, int]
    """Requests without a complete answer of status 200, by kind."""
    unseen: int
    """Saves that were not answered within the time limit."""
    longest: float
    """Seconds that the slowest good answer took."""
    seconds: float

    @property
    def failed(self) -> int:
        """Requests without a complete answer of status 200."""
        return sum(self.failures.values())


@dataclass
class _Tally:
    """The counts while a storm lasts; one event loop owns it."""

    saves: int = 0
    """The version whose save has returned last."""
    requests: int = 0
    stale: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    versions: set[int] = field(default_factory=set)
    unseen: int = 0
    longest: float = 0.0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False


def storm(contender: Contender, app: App, root: Path, *, clients: int, reloads: int, limit: float) -> Storm:
    """Clients without pause, half on kept connections, half of them with bodies, until that many reloads.

    Ends at `limit` seconds in any case.
    """
    with editing(root / app.edited) as source, serving(contender, app, root) as server:
        server.wait_for(app.path, 0, START_TIMEOUT)
        began = time.perf_counter()
        tally = asyncio.run(_storm(server, source, app, clients, reloads, began + limit))
        return Storm(
            clients,
            tally.saves,
            len(tally.versions),
            tally.requests,
            tally.stale,
            dict(tally.failures),
            tally.unseen,
            tally.longest,
            time.perf_counter() - began,
        )


async def _storm(
    server: Running, source: Source, app: App, clients: int, reloads: int, deadline: float
) -> _Tally:
    tally = _Tally()
    visitors = [
        asyncio.create_task(_visit(tally, server.port, app, keep=number % 2 == 0, post=number % 4 < 2))
        for number in range(clients)
    ]
    moments = random.Random(2)  # the same for all
    while len(tally.versions) < reloads and time.perf_counter() < deadline:
        source.save(tally.saves + 1)
        tally.saves += 1
        if tally.saves % 4:  # each fourth save comes during the reload of the one before
            await _seen(tally, tally.saves)
        await asyncio.sleep(moments.uniform(0, 0.3))
    tally.over = True
    await asyncio.gather(*visitors)
    return tally


async def _seen(tally: _Tally, version: int) -> None:
    async def wait() -> None:
        while not any(seen >= version for seen in tally.versions):
            tally.news.clear()
            await tally.news.wait()

    try:
        await asyncio.wait_for(wait(), FRESH_TIMEOUT)
    except asyncio.TimeoutError:
        tally.unseen += 1


async def _visit(tally: _Tally, port: int, app: App, *, keep: bool, post: bool) -> None:
    """One client: request after request, and what became of them."""
    path = app.path.partition("?")[0]
    head = f"{'POST' if post else 'GET'} {path} HTTP/1.1\r\nHost: localhost\r\n"
    head += "" if keep else "Connection: close\r\n"
    head += f"Content-Type: text/plain\r\nContent-Length: {len(BODY)}\r\n" if post else ""
    request = head.encode() + b"\r\n" + (BODY if post else b"")
    connection: Connection | None = None
    while not tally.over:
        newest, sent = tally.saves, time.perf_counter()
        tally.requests += 1
        try:
            connection = connection or Connection(*await asyncio.open_connection("127.0.0.1", port))
            answer = await asyncio.wait_for(connection.exchange(request), EXCHANGE_TIMEOUT)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError) as error:
            tally.failures[failure(error)] += 1
            connection = connection and connection.close()
            await asyncio.sleep(0.001)
            continue
        if not keep or answer.closes:
            connection = connection.close()
        _count(tally, answer, newest, time.perf_counter() - sent, post)
    if connection:
        connection.close()


def _count(tally: _Tally, answer: Answer, newest: int, seconds: float, post: bool) -> None:
    if answer.status != 200:
        tally.failures[f"status {answer.status}"] += 1
        return
    if post and not re.search(rb'"length": *%d\b' % len(BODY), answer.body):
        tally.failures["damaged body"] += 1
    version = version_in(answer.body)
    tally.stale += version < newest
    tally.longest = max(tally.longest, seconds)
    if version > 0 and version not in tally.versions:
        tally.versions.add(version)
        tally.news.set()


def failure(error: Exception) -> str:
    """The kind of a failed exchange, in a word."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, asyncio.TimeoutError):
        return "timeout"
    if isinstance(error, asyncio.IncompleteReadError):
        return "incomplete" if error.partial else "closed"
    if isinstance(error, OSError):
        return "reset"
    return "damaged answer"


@dataclass(frozen=True)
class Answer:
    """One complete response."""

    status: int
    body: bytes
    closes: bool
    """The server ends the connection after it."""


@dataclass(frozen=True)
class Connection:
    """A client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, request: bytes) -> Answer:
        """One request, one complete response (RFC 9112, section 6.3).

        Raises:
            OSError, IncompleteReadError: it ended early.
            ValueError, LimitOverrunError: it is no response.
        """
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = head.lower()
        length = re.search(rb"\r\ncontent-length: *(\d+)", fields)
        closes = b"\r\nconnection: close" in fields or head.startswith(b"HTTP/1.0")
        if b"\r\ntransfer-encoding: chunked" in fields:
            body = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readuntil(b"\r\n")
        elif length:
            body = await self.reader.readexactly(int(length[1]))
        else:
            body, closes = await self.reader.read(), True
        return Answer(int(head[9:12]), body, closes)

    def close(self) -> None:
        """Close it, whatever is under way."""
        self.writer.close()
