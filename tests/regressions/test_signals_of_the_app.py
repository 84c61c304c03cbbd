"""An app's own signal handlers, and ends that come before the app serves."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from harness import Serve

FLASK = """
import os, signal
from flask import Flask

app = Flask(__name__)
{extra}


@app.route("/")
def index():
    return "hello"


@app.route("/pid")
def pid():
    return str(os.getpid())
"""
SLOW_START = """
import asyncio, atexit, pathlib

atexit.register(pathlib.Path("log.txt").write_text, "atexit")


async def app(scope, receive, send):
    await receive()
    print("starting", flush=True)
    await asyncio.sleep({seconds})
    await send({{"type": "lifespan.startup.complete"}})
    await receive()
    await send({{"type": "lifespan.shutdown.complete"}})
"""


def test_handler_for_sigterm_stays(serve: Serve) -> None:
    extra = 'signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))'
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": FLASK.format(extra=extra)})
    os.kill(int(server.get("/pid").text), signal.SIGTERM)
    server.wait_for_output("^handled")
    server.terminate()
    assert server.wait_for_exit() == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGCHLD", "SIGPIPE"])
def test_ignored_signals_do_not_keep_the_server(serve: Serve, name: str) -> None:
    extra = f"signal.signal(signal.{name}, signal.SIG_IGN)"
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": FLASK.format(extra=extra)})
    assert server.get("/").text == "hello"
    server.interrupt()
    assert server.wait_for_exit() == 0


@pytest.mark.parametrize("how", ["interrupt", "terminate"])
def test_atexit_runs_when_the_end_comes_during_the_start_of_the_lifespan(serve: Serve, how: str) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": SLOW_START.format(seconds=60)})
    server.wait_for_output("^starting")
    getattr(server, how)()
    server.wait_for_exit()
    assert (Path(server.cwd) / "log.txt").read_text() == "atexit"
    assert "Traceback" not in server.output
