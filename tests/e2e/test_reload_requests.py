"""No request is refused, reset or cut because of a reload."""

from __future__ import annotations

import http.client
import threading

import pytest
from harness import Serve, ServerProcess
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_websocket

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


SOCKET = """
async def app(scope, receive, send):
    assert scope["type"] == "websocket"
    assert (await receive())["type"] == "websocket.connect"
    await send({{"type": "websocket.accept"}})
    await send({{"type": "websocket.send", "text": "version {number}"}})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"""


def test_a_websocket_is_told_of_the_reload_and_finds_the_new_code(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": SOCKET.format(number=0)})
    url = server.url.replace("http", "ws", 1)
    for number in range(4):
        with connect_websocket(url, close_timeout=1) as client:
            assert client.recv(timeout=20) == f"version {number}"
            server.write("hello.py", SOCKET.format(number=number + 1), atomic=number % 2 == 0)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
