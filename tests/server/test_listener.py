from __future__ import annotations

import errno
import os
import socket
import threading

from http_harness import WAIT, get, loopback, running
from test_handover import named

from pilotlight.server import listener


def test_a_socket_that_others_made_blocking_does_not_stop_the_loop() -> None:
    sock = loopback()
    with sock.dup() as shared, running(named("x"), sock=sock) as server:
        os.set_blocking(shared.fileno(), True)
        for i in range(3):
            assert server.request(get(f"/{i}")).status == 200


class Exhausted(socket.socket):
    """A listening socket for which the process has no descriptor left, twice."""

    failures = 2

    def accept(self):
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


def test_no_descriptor_left_is_told_and_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(listener, "_PAUSE_SECONDS", 0.05)
    sock = Exhausted(socket.AF_INET)
    sock.bind(("127.0.0.1", 0))
    with running(named("x"), sock=sock) as server:
        assert server.request(get("/1")).status == 200
        assert len(server.hooks.notices) == 2
        assert os.strerror(errno.EMFILE) in server.hooks.notices[0]


def test_what_is_queued_when_accepting_stops_is_left_to_the_others() -> None:
    sock = loopback()
    with sock.dup() as shared:
        with running(named("old"), sock=sock) as old:
            old.call_soon(old.server.stop_accepting)
            client = old.connect()
            client.send(get("/1"))
        with running(named("new"), sock=shared.dup()):
            assert client.response().body == b"new/1 "
    client.sock.close()


def test_clients_that_are_gone_before_they_are_served_do_no_harm() -> None:
    with running(named("x")) as server:
        busy = threading.Event()
        server.loop.call_soon_threadsafe(busy.wait, WAIT)
        for _ in range(5):
            with server.connect() as client:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        busy.set()
        assert server.request(get("/1")).status == 200
