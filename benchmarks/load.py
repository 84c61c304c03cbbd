"""Keeps connections busy and counts answers: with `wrk` if it is installed, else with a client of our own.

Always a process of its own. Run as a script it is that client: `python load.py URL CONNECTIONS SECONDS`.
"""

from __future__ import annotations

import json
import re
import selectors
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What a load generator counted."""

    requests: int
    seconds: float
    errors: int


def generator() -> str:
    """The name of the load generator that `generate` takes."""
    return "wrk" if shutil.which("wrk") else "own client"


def generate(url: str, connections: int, seconds: float) -> Load:
    """Send requests over that many keep-alive connections for that long.

    Raises:
        subprocess.CalledProcessError: the load generator failed.
    """
    if generator() == "wrk":
        return _wrk(url, connections, seconds)
    command = [sys.executable, __file__, url, str(connections), str(seconds)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Load(**json.loads(answer.stdout))


def _wrk(url: str, connections: int, seconds: float) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", url]
    return read_wrk(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read_wrk(report: str) -> Load:
    """The figures in what `wrk` prints.

    Raises:
        ValueError: it is not a report of `wrk`.
    """
    total = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", report)
    if total is None:
        raise ValueError(f"not a report of wrk: {report!r}")
    unit = {"ms": 0.001, "s": 1.0, "m": 60.0}[total[3]]
    sockets = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    statuses = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    errors = sum(map(int, sockets.groups())) if sockets else 0
    errors += int(statuses[1]) if statuses else 0
    return Load(int(total[1]), float(total[2]) * unit, errors)


class _Connection:
    """One keep-alive connection with one request under way."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.address = address
        self.request = request
        self.sock = socket.create_connection(address)
        self.received = b""

    def send(self) -> None:
        self.received = b""
        self.sock.sendall(self.request)

    def receive(self) -> bool | None:
        """True once the response is complete, False while it is not; None if the connection ended early."""
        chunk = self.sock.recv(65536)
        self.received += chunk
        head, separator, body = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if separator and length and len(body) >= int(length[1]):
            return True
        return False if chunk else None

    def renew(self) -> None:
        self.sock.close()
        self.sock = socket.create_connection(self.address)


def own_client(url: str, connections: int, seconds: float) -> Load:
    """The same with sockets and a selector; every response must have a Content-Length."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    done = errors = 0
    for _ in range(connections):
        connection = _Connection(address, request)
        selector.register(connection.sock, selectors.EVENT_READ, connection)
        connection.send()
    started = time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        for key, _ in selector.select(0.1):
            connection = key.data
            complete = connection.receive()
            if complete is False:
                continue
            ok = complete and connection.received[9:10] == b"2"
            done, errors = done + 1, errors + (not ok)
            if complete is None or b"\r\nconnection: close" in connection.received.lower():
                selector.unregister(connection.sock)
                connection.renew()
                selector.register(connection.sock, selectors.EVENT_READ, connection)
            connection.send()
    for key in list(selector.get_map().values()):
        key.data.sock.close()
    selector.close()
    return Load(done, elapsed, errors)


if __name__ == "__main__":
    counted = own_client(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps({"requests": counted.requests, "seconds": counted.seconds, "errors": counted.errors}))
