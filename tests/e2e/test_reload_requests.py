"""No request is refused, reset or cut because of a reload."""

from __future__ import annotations

import http.client
import threading

from harness import Serve, ServerProcess

APP = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "version {number}"
"""
RELOADS = 15
CLIENTS = 4


class Client(threading.Thread):
    """Asks without pause, each time on a new connection, and keeps what went wrong."""

    def __init__(self, server: ServerProcess, stop: threading.Event) -> None:
        super().__init__()
        self.server = server
        self.stop = stop
        self.answers = 0
        self.failures: list[str] = []

    def run(self) -> None:
        while not self.stop.is_set():
            self.ask()

    def ask(self) -> None:
        try:
            response = self.server.get("/")
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
            return
        self.answers += 1
        if response.status != 200:
            self.failures.append(f"{response.status} {response.text[:200]}")


def test_requests_on_new_connections_survive_reloads(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP.format(number=0)})
    assert server.get("/").text == "version 0"
    stop = threading.Event()
    clients = [Client(server, stop) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for number in range(1, RELOADS + 1):
            server.write("hello.py", APP.format(number=number), atomic=number % 2 == 0)
            wanted = f"version {number}"
            server.wait_until_response(lambda response, wanted=wanted: response.text == wanted)
    finally:
        stop.set()
        for client in clients:
            client.join(30)
    assert [failure for client in clients for failure in client.failures] == []
    assert all(client.answers > RELOADS for client in clients)
