"""A connection that the old worker hands over when the new one is ready already is served, even a failure."""

from __future__ import annotations

from harness import Serve, ServerProcess

APP = """
import time
from flask import Flask

app = Flask(__name__)


@app.route("/slow")
def slow():
    time.sleep(2)
    return "one"


@app.route("/")
def index():
    return "{greeting}"
"""
SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
AGAIN = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_late_connection_gets_the_failure(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP.format(greeting="one")})
    with in_flight(server) as client:
        server.write("hello.py", "1 / 0\n")
        server.wait_until_response(lambda response: response.status == 500)
        assert client.recv(65536).endswith(b"one")
        client.sendall(AGAIN)
        assert client.recv(65536).startswith(b"HTTP/1.1 500")


def test_late_connection_gets_the_crash(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP.format(greeting="one")})
    with in_flight(server) as client:
        server.write("hello.py", "import os\nos._exit(3)\n")
        server.wait_until_response(lambda response: response.status == 500)
        assert client.recv(65536).endswith(b"one")
        client.sendall(AGAIN)
        assert client.recv(65536).startswith(b"HTTP/1.1 500")


def in_flight(server: ServerProcess):
    client = server.connect(timeout=10)
    client.sendall(SLOW)
    server.get("/")  # the request above has arrived before this one
    return client
