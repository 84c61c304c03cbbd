"""Counting: every kind of bad answer is counted as what it is, against servers that give them on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from running import version_in
from stale import Answer, Connection, _count, _Tally, failure

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "version"),
    [(b"no", -1), (b'{"v": "version 12"}', 12), (b"core version 0, view version 3", 3)],
)
def test_version_in_an_answer(answer: bytes, version: int) -> None:
    assert version_in(answer) == version


def exchange(raw: bytes, *, reset: bool = False) -> Answer:
    """One exchange with a server that answers with these bytes and closes, or resets, the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        if reset:
            writer.transport.abort()
        else:
            writer.close()

    async def run() -> Answer:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            connection = Connection(*await asyncio.open_connection(*server.sockets[0].getsockname()))
            try:
                return await asyncio.wait_for(connection.exchange(REQUEST), 10)
            finally:
                connection.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX", Answer(200, b"ok", False)),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", Answer(503, b"", True)),
        (b"HTTP/1.0 200 OK\r\n\r\nall", Answer(200, b"all", True)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            Answer(200, b"abc", False),
        ),
    ],
)
def test_complete_answers(raw: bytes, expected: Answer) -> None:
    assert exchange(raw) == expected


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 200", "incomplete"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "incomplete"),
        (b"HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n", "damaged answer"),
    ],
)
def test_incomplete_answers(raw: bytes, kind: str) -> None:
    with pytest.raises((OSError, EOFError, ValueError)) as caught:
        exchange(raw)
    assert failure(caught.value) == kind


def test_kinds_of_failure() -> None:
    assert failure(ConnectionRefusedError()) == "refused"
    assert failure(ConnectionResetError()) == "reset"
    assert failure(asyncio.TimeoutError()) == "timeout"


@pytest.mark.parametrize(("version", "stale"), [(4, 1), (5, 0), (6, 0)])
def test_an_answer_is_stale_if_it_is_older_than_the_last_save_before_its_request(
    version: int, stale: int
) -> None:
    tally = _Tally()
    _count(tally, Answer(200, b"version %d" % version, False), newest=5, seconds=0.1, post=False)
    assert (tally.stale, tally.versions, sum(tally.failures.values())) == (stale, {version}, 0)


def test_statuses_and_damaged_bodies_are_failures() -> None:
    tally = _Tally()
    _count(tally, Answer(500, b"", False), newest=0, seconds=0.1, post=False)
    _count(
        tally,
        Answer(200, b'{"length": 19999, "version": "version 1"}', False),
        newest=1,
        seconds=0.1,
        post=True,
    )
    assert tally.failures == {"status 500": 1, "damaged body": 1}
