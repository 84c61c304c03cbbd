"""Clients that never stop asking while a file is saved, and that know the moment at which each request was
sent.

A request counts as sent after a save if its first byte was written after the save had returned.
"""

from __future__ import annotations

import itertools
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

LIMIT = 30.0
"""Seconds for any answer."""

Connect = Callable[[], socket.socket]


@dataclass
class Story:
    """What happened, told by the saver and by all clients."""

    saved: int = 0
    """The version of the last save that has returned."""
    seen: Counter[int] = field(default_factory=Counter)
    """How many answers came from each version."""
    stale: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    over: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def answered(self, what: str, version: int, sent_after: int) -> None:
        with self._news:
            self.seen[version] += 1
            if version < sent_after:
                self.stale.append(f"{what}: version {version} after the save of {sent_after}")
            self._news.notify_all()

    def failed(self, what: str, error: object) -> None:
        with self._news:
            self.failures.append(f"{what}: {error!r}")
            self._news.notify_all()

    def wait_for_version(self, version: int) -> None:
        with self._news:
            done = self._news.wait_for(lambda: self.seen[version] or self.failures, LIMIT)
        assert done, f"nobody saw version {version} within {LIMIT:g} s"

    def __str__(self) -> str:
        answers, versions = sum(self.seen.values()), len(self.seen)
        return (
            f"{self.saved} saves, {answers} answers of {versions} versions, "
            f"{len(self.stale)} stale, {len(self.failures)} failed"
        )


class Connection:
    """One connection; an answer that is not complete is an error."""

    def __init__(self, sock: socket.socket, story: Story) -> None:
        self._sock = sock
        self._story = story
        self._buffer = b""

    def close(self) -> None:
        self._sock.close()

    def ask(self, what: str, *parts: bytes, answers: int = 1) -> bool:
        """Sends the parts one after another, and reads the answers.

        Returns:
            False if the server closes the connection after the last of them.
        """
        sent_after = self._story.saved
        for part in parts:
            self._sock.sendall(part)
        return self._read_answers(what, sent_after, answers)

    def ask_with_leave(self, what: str, head: bytes, body: bytes) -> bool:
        """Sends the body when the server has asked for it (RFC 9110 10.1.1)."""
        sent_after = self._story.saved
        self._sock.sendall(head)
        line = self._until(b"\r\n\r\n")
        if line == b"HTTP/1.1 100 Continue":
            self._sock.sendall(body)
        else:  # refused, which only an app that cannot be loaded does
            assert line.startswith(b"HTTP/1.1 500 "), line
            self._buffer = line + b"\r\n\r\n" + self._buffer
        return self._read_answers(what, sent_after, 1)

    def finish(self) -> None:
        """Says that nothing more will be sent; the answer may still come."""
        self._sock.shutdown(socket.SHUT_WR)

    def _read_answers(self, what: str, sent_after: int, count: int) -> bool:
        stays = True
        for _ in range(count):
            head = self._until(b"\r\n\r\n").lower()
            assert head.startswith((b"http/1.1 200 ", b"http/1.1 500 ")), head
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            while len(self._buffer) < length:
                self._more()
            body, self._buffer = self._buffer[:length], self._buffer[length:]
            stays = b"connection: close" not in head
            if head.startswith(b"http/1.1 500 "):
                broken = _BROKEN.search(body)
                assert broken, body[:2000]
                self._story.answered(what, int(broken[1]), sent_after)
            else:
                version, received = map(int, body.split())
                assert received == (len(_BODY) if "POST" in what else 0), body
                self._story.answered(what, version, sent_after)
            if not stays and b"500" in head[:12]:
                return False  # what was sent behind it has been dropped, as it says
        return stays

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _more(self) -> None:
        data = self._sock.recv(65536)
        assert data, f"the connection ended behind {self._buffer!r}"
        self._buffer += data


_BODY = b"x" * 3000
_BROKEN = re.compile(rb"RuntimeError: version (\d+) is broken")
_LAST = b"Connection: close\r\n"


def _request(method: str, *headers: bytes) -> bytes:
    return b"%b / HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (method.encode(), b"".join(headers))


def _get(connection: Connection, last: bytes) -> bool:
    return connection.ask("GET", _request("GET", last))


def _post(connection: Connection, last: bytes) -> bool:
    return connection.ask("POST", _request("POST", b"Content-Length: %d\r\n" % len(_BODY), last) + _BODY)


def _post_in_parts(connection: Connection, last: bytes) -> bool:
    head = _request("POST", b"Content-Length: %d\r\n" % len(_BODY), last)
    return connection.ask("POST in parts", head[:25], head[25:], _BODY[:1000], _BODY[1000:])


def _post_in_chunks(connection: Connection, last: bytes) -> bool:
    head = _request("POST", b"Transfer-Encoding: chunked\r\n", last)
    half = len(_BODY) // 2
    chunk = b"%x\r\n%b\r\n" % (half, _BODY[:half])
    return connection.ask("POST in chunks", head + chunk[:100], chunk[100:], chunk + b"0\r\n\r\n")


def _post_with_leave(connection: Connection, last: bytes) -> bool:
    head = _request("POST", b"Content-Length: %d\r\n" % len(_BODY), b"Expect: 100-continue\r\n", last)
    return connection.ask_with_leave("POST with leave", head, _BODY)


def _pipeline(connection: Connection, last: bytes) -> bool:
    return connection.ask("pipeline", _request("GET") * 2 + _request("GET", last), answers=3)


def _half_close(connection: Connection, _last: bytes) -> bool:
    data = _request("GET") + _request("GET")
    sent_after = connection._story.saved
    connection._sock.sendall(data)
    connection.finish()
    connection._read_answers("half-closed", sent_after, 2)
    return False


KINDS = (_get, _post, _post_in_parts, _post_in_chunks, _post_with_leave, _pipeline)
LAST_KINDS = (*KINDS, _half_close)
"""Those for a connection that is used once."""


class Client(threading.Thread):
    """Asks without pause, on one connection for ever or each time on a new one."""

    def __init__(self, connect: Connect, story: Story, keep: bool, seed: int) -> None:
        super().__init__(name=f"{'keep-alive' if keep else 'new connections'} {seed}")
        self._connect = connect
        self._story = story
        self._keep = keep
        self._kinds: Iterator[Callable[[Connection, bytes], bool]] = itertools.cycle(
            random.Random(seed).sample(KINDS if keep else LAST_KINDS, len(KINDS if keep else LAST_KINDS))
        )

    def run(self) -> None:
        while not self._story.over:
            kind = "connect"
            try:
                connection = Connection(self._connect(), self._story)
                try:
                    stays = True
                    while stays and not self._story.over:
                        ask = next(self._kinds)
                        kind = ask.__name__
                        stays = ask(connection, b"" if self._keep else _LAST) and self._keep
                finally:
                    connection.close()
            except (OSError, AssertionError, ValueError) as error:
                self._story.failed(f"{self.name}, {kind}", error)


def save_under_fire(
    connect: Connect, save: Callable[[int], None], *, clients: int, saves: int, seed: int, pause: float
) -> Story:
    """Lets the clients ask while versions 1, 2, ... are saved at random moments.

    Args:
        connect: opens a connection.
        save: saves this version.
        clients: how many; every second one keeps its connection.
        saves: how many.
        seed: of the moments.
        pause: seconds between two saves, at most; sometimes they wait until somebody has seen the version.
    """
    story = Story()
    choose = random.Random(seed)
    crowd = [Client(connect, story, keep=bool(number % 2), seed=number) for number in range(clients)]
    for client in crowd:
        client.start()
    try:
        for version in range(1, saves + 1):
            if choose.random() < 0.4:
                story.wait_for_version(version - 1)
            time.sleep(choose.random() ** 2 * pause)
            save(version)
            story.saved = version
            if story.failures:
                break
        story.wait_for_version(story.saved)
    finally:
        story.over = True
        for client in crowd:
            client.join(LIMIT)
    assert not any(client.is_alive() for client in crowd)
    return story
