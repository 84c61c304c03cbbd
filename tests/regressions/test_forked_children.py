"""What an app forks is its own, and holds nothing of ours: the port is free when the server has ended."""

from __future__ import annotations

import socket
import time

import pytest
from harness import Serve

FORK = """
def spread():
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(30)
        os._exit(0)
"""
PROCESS = """
def spread():
    import multiprocessing
    context = multiprocessing.get_context("{method}")
    context.Process(target=time.sleep, args=(30,)).start()
    atexit.unregister(multiprocessing.util._exit_function)
"""
APP = """
import atexit, os, time
from flask import Flask
{spread}

app = Flask(__name__)
{at_import}


@app.route("/")
def index():
    return "hello"


@app.route("/spread")
def view():
    spread()
    return "done"
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("when", ["import", "view"])
@pytest.mark.parametrize("spread", [FORK, PROCESS.format(method="fork")], ids=["fork", "multiprocessing"])
def test_port_is_free_although_a_forked_child_lives_on(serve: Serve, spread: str, when: str) -> None:
    source = APP.format(spread=spread, at_import="spread()" if when == "import" else "")
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source}, survivors_expected=True)
    assert server.get("/").text == "hello"
    if when == "view":
        assert server.get("/spread").text == "done"
    host, port = server.host, server.port
    server.terminate()
    server.wait_for_exit()
    deadline = time.monotonic() + 2
    while True:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, port))
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return


def test_forked_child_that_ends_as_python_does_is_not_the_end_of_the_app(serve: Serve) -> None:
    source = APP.format(
        spread=FORK.replace("time.sleep(30)\n        os._exit(0)", "raise SystemExit"), at_import=""
    )
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source}, survivors_expected=True)
    assert server.get("/").text == "hello"
    with server.connect() as client:
        client.sendall(b"GET /spread HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(65536)
    assert server.get("/").text == "hello"
