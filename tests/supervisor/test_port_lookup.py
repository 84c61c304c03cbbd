"""Finding the holder of a port: real listeners in real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pilotlight.supervisor import port_lookup
from pilotlight.supervisor.port_lookup import occupation_of, stop, uid_of_listener
from ports import free_port

LIMIT = 20.0
BOTH = ("127.0.0.1", "::1")
LISTEN = """
import socket, sys, time
host, port, only = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
if ":" in host:
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
sock.bind((host, port))
sock.listen()
print(sock.getsockname()[1], flush=True)
"""
WAIT = "sys.stdin.read()\n"
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
SHARE = """
import os, subprocess
sock.set_inheritable(True)
worker = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], close_fds=False)
print(worker.pid, flush=True)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=LIMIT)


def line_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.parametrize(
    ("host", "only_v6", "wanted"),
    [
        ("127.0.0.1", 1, BOTH),
        ("::1", 1, BOTH),
        ("0.0.0.0", 1, BOTH),
        ("::", 1, BOTH),
        ("::", 0, ("127.0.0.1",)),
    ],
)
def test_a_listener_is_found_with_all_that_is_known(
    host: str, only_v6: int, wanted: tuple[str, ...], start: Start, tmp_path: Path
) -> None:
    before = time.time()
    process = start("import sys" + LISTEN + WAIT, host, "0", str(only_v6), cwd=tmp_path)
    port = line_of(process)
    (holder,) = occupation_of(port, wanted).holders
    assert holder.address == host
    assert holder.pid == process.pid
    assert holder.name is not None
    assert "python" in holder.name.lower()
    assert holder.command[0] == sys.executable
    assert holder.command[-3:] == (host, "0", str(only_v6))
    assert holder.directory == str(tmp_path.resolve())
    assert holder.user == psutil.Process().username()
    assert holder.since == pytest.approx(before, abs=10)
    assert holder.is_mine
    assert not holder.is_ancestor
    assert not holder.is_pilotlight


def test_a_listener_on_an_address_that_does_not_concern_us_is_not_named(start: Start) -> None:
    port = line_of(start(LISTEN + WAIT, "::1", str(free_port()), "1"))
    assert occupation_of(port, ("127.0.0.1",)).holders == ()


def test_two_listeners_on_the_two_families(start: Start) -> None:
    one = start(LISTEN + WAIT, "127.0.0.1", str(free_port()), "1")
    port = line_of(one)
    other = start(LISTEN + WAIT, "::1", str(port), "1")
    assert line_of(other) == port
    assert {holder.pid for holder in occupation_of(port, BOTH).holders} == {one.pid, other.pid}


def test_clients_are_never_named(start: Start) -> None:
    client = """
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""
    server = start(LISTEN + WAIT, "127.0.0.1", str(free_port()), "1")
    port = line_of(server)
    visitor = start(client, str(port))
    port_of_visitor = line_of(visitor)
    assert [holder.pid for holder in occupation_of(port, BOTH).holders] == [server.pid]
    # The visitor's own end of the connection.
    occupation = occupation_of(port_of_visitor, BOTH)
    assert occupation.holders == ()
    assert occupation.used_by_client


def test_the_supervisor_is_named_rather_than_its_worker(start: Start) -> None:
    parent = start(LISTEN + SHARE + WAIT, "127.0.0.1", str(free_port()), "1")
    port = line_of(parent)
    worker = line_of(parent)
    try:
        assert [holder.pid for holder in occupation_of(port, BOTH).holders] == [parent.pid]
        assert port_lookup._outermost(worker, port) == parent.pid
    finally:
        psutil.Process(worker).kill()


def test_a_listener_of_this_process_line_is_recognised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        (holder,) = occupation_of(sock.getsockname()[1], BOTH).holders
    assert holder.pid == os.getpid()
    assert holder.is_ancestor


def test_a_server_of_ours_is_recognised_by_its_worker(start: Start) -> None:
    code = LISTEN + (
        "import subprocess\n"
        "code = 'import sys; print(0, flush=True); sys.stdin.read(); import pilotlight'\n"
        "worker = subprocess.Popen([sys.executable, '-c', code])\n"
        "worker.wait()\n"
    )
    process = start(code, "127.0.0.1", str(free_port()), "1")
    port = line_of(process)
    line_of(process)
    (holder,) = occupation_of(port, BOTH).holders
    assert holder.pid == process.pid
    assert holder.is_pilotlight
    for child in psutil.Process(process.pid).children():
        child.kill()


def test_a_listener_that_may_not_be_seen(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start(LISTEN + WAIT, "127.0.0.1", str(free_port()), "1")
    port = line_of(process)
    real = psutil.net_connections(kind="tcp")
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [entry._replace(pid=None) for entry in real])
    (holder,) = occupation_of(port, BOTH).holders
    assert holder.pid is None
    assert not holder.is_mine
    if sys.platform == "linux":
        assert holder.user == psutil.Process().username()  # of the socket, from the kernel's own table


def test_where_sockets_are_seen_only_process_by_process(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start(LISTEN + WAIT, "127.0.0.1", str(free_port()), "1")
    port = line_of(process)

    def denied(kind: str) -> list[object]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    assert [holder.pid for holder in occupation_of(port, BOTH).holders] == [process.pid]


def test_nobody() -> None:
    occupation = occupation_of(free_port(), BOTH)
    assert occupation.holders == ()
    assert not occupation.used_by_client


@pytest.mark.parametrize(("port", "uid"), [(5000, 1000), (631, 0), (5001, None), (4660, None)])
def test_the_owner_of_a_socket_in_the_kernels_table(port: int, uid: int | None) -> None:
    table = [
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31 1 0",
        "   1: 00000000:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 32 1 0",
        "   2: 0100007F:1234 0100007F:1388 01 00000000:00000000 00:00000000 00000000  1000        0 33 1 0",
    ]
    assert uid_of_listener(table, port) == uid


def test_stop_ends_a_process_and_waits(start: Start) -> None:
    process = start(LISTEN + WAIT, "127.0.0.1", str(free_port()), "1")
    (holder,) = occupation_of(line_of(process), BOTH).holders
    assert stop(holder) == "ended"
    assert process.wait(LIMIT) != 0
    assert stop(holder) == "ended"


def test_stop_tells_of_a_process_that_does_not_end(start: Start) -> None:
    process = start(IGNORE + LISTEN + WAIT, "127.0.0.1", str(free_port()), "1")
    (holder,) = occupation_of(line_of(process), BOTH).holders
    assert stop(holder, seconds=0.3) == "still there"
    assert process.poll() is None


def test_stop_leaves_a_successor_with_the_same_pid_alone(start: Start) -> None:
    process = start(LISTEN + WAIT, "127.0.0.1", str(free_port()), "1")
    (holder,) = occupation_of(line_of(process), BOTH).holders
    assert holder.since is not None
    assert stop(replace(holder, since=holder.since - 100)) == "ended"
    assert process.poll() is None
