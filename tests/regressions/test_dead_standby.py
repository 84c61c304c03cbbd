"""A worker that was started in advance and has died is replaced, not ordered."""

from __future__ import annotations

import os
import signal

import pytest
from harness import Serve, ServerProcess

APP = """
import atexit, os, time
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{greeting}"


@app.route("/pid")
def pid():
    return str(os.getpid())


def end():
    print("ending", flush=True)
    time.sleep(1)
    print("ended", flush=True)


atexit.register(end)
"""


def standby_of(server: ServerProcess) -> int:
    """The pid of the worker that serves nothing yet; it starts half a second after a load."""
    serving = int(server.get("/pid").text)
    while True:
        # By its command line: before its exec it shares its parent's memory, which would stop with it.
        others = [child for child in server.children() if child.pid != serving]
        if len(others) == 1 and any(word.endswith("worker/__main__.py") for word in others[0].cmdline()):
            return others[0].pid


def test_standby_that_died_while_idle(serve: Serve) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        "--reload-engine",
        "restart",
        files={"hello.py": APP.format(greeting="one")},
    )
    os.kill(standby_of(server), signal.SIGKILL)
    server.write("hello.py", APP.format(greeting="two"))
    server.wait_until_response(lambda response: response.text == "two")
    assert server.running


@pytest.mark.parametrize("when", ["while its predecessor ends", "when it is ordered"])
def test_standby_that_dies(serve: Serve, when: str) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        "--reload-engine",
        "restart",
        files={"hello.py": APP.format(greeting="one")},
    )
    standby = standby_of(server)
    os.kill(standby, signal.SIGSTOP)  # so that it cannot take the order before it is ended
    server.write("hello.py", APP.format(greeting="two"))
    server.wait_for_output("^ending")
    if when == "when it is ordered":
        server.wait_for_output("^ended")  # nobody waits that long for it
    os.kill(standby, signal.SIGKILL)
    server.wait_until_response(lambda response: response.text == "two")
    assert "SIGKILL" not in server.output
    assert server.running
