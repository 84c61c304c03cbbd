"""A worker takes no connection before the supervisor counts it among those that serve: one that still loads
may be killed at any moment, and a connection in it would be reset."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from pilotlight import messages
from pilotlight.channel import Channel
from pilotlight.console import Console
from pilotlight.server.application import Application, ServerConfig
from pilotlight.worker.hooks import WorkerHooks
from pilotlight.worker.lease import TerminalLease
from pilotlight.worker.reporting import Debugging, Reporter
from pilotlight.worker.serving import Serving

WAIT = 20
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]


def serve(listening: socket.socket, supervise: Callable[[Channel], None]) -> None:
    """Serves on a copy of the socket while `supervise` plays the supervisor."""
    ours, theirs = Channel.pair()
    worker = Channel(theirs)
    console = Console.for_process(quiet=True)
    reporter = Reporter(console, Debugging())
    hooks = WorkerHooks(console, reporter)
    serving = Serving(worker, TerminalLease(worker), ServerConfig(), hooks, lambda: True, None, lambda: None)
    failures: list[BaseException] = []

    def play() -> None:
        try:
            message = ours.receive()
            assert message is not None
            assert message.body["type"] == messages.READY
            supervise(ours)
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)
        finally:
            ours.close()

    supervisor = threading.Thread(target=play)
    supervisor.start()
    with listening.dup() as inherited:
        serving.run(Application("wsgi", app), [inherited])
    supervisor.join(WAIT)
    worker.close()
    if failures:
        raise failures[0]


def test_before_it_is_told_connections_stay_with_the_kernel() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname(), WAIT) as client,
    ):
        client.sendall(REQUEST)

        def supervise(worker: Channel) -> None:
            worker.send({"type": messages.DRAIN, "grace": 1.0})

        serve(listening, supervise)
        listening.settimeout(WAIT)
        left, _ = listening.accept()
        with left:
            assert left.recv(65536) == REQUEST


def test_when_it_is_told_it_answers() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname(), WAIT) as client,
    ):
        client.sendall(REQUEST)

        def supervise(worker: Channel) -> None:
            worker.send({"type": messages.ACCEPT})
            assert client.recv(65536).endswith(b"hello")

        serve(listening, supervise)
