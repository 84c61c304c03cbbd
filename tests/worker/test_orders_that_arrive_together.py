"""An order that arrives in one read with the message before it is obeyed, though the channel stays silent."""

from __future__ import annotations

import socket
import threading

from pilotlight import messages
from pilotlight.channel import Channel
from pilotlight.console import Console
from pilotlight.debugger.report.death import from_death
from pilotlight.server.application import ServerConfig
from pilotlight.worker.failure import application_for
from pilotlight.worker.hooks import WorkerHooks
from pilotlight.worker.lease import TerminalLease
from pilotlight.worker.reporting import Debugging, Reporter
from pilotlight.worker.serving import Serving


def test_drain_right_behind_the_order_to_serve_a_failure() -> None:
    ours, theirs = Channel.pair()
    worker = Channel(theirs)
    ours.send({"type": messages.SERVE_FAILURE})
    ours.send({"type": messages.DRAIN, "grace": 1.0})
    answer = worker.receive()
    assert answer is not None
    assert answer.body["type"] == messages.SERVE_FAILURE
    listening = socket.create_server(("127.0.0.1", 0))
    console = Console.for_process(quiet=True)
    reporter = Reporter(console, Debugging())
    hooks = WorkerHooks(console, reporter)
    serving = Serving(worker, TerminalLease(worker), ServerConfig(), hooks, lambda: True, None, lambda: None)
    rescue = threading.Timer(10, ours.close)  # otherwise a lost order would be waited for without end
    rescue.start()
    try:
        serving.run(application_for(from_death("It is gone."), reporter), [listening])
        assert rescue.is_alive()
    finally:
        rescue.cancel()
        rescue.join()
        ours.close()
        worker.close()
        listening.close()
