"""No request that was sent after a save is answered by older code, and none is refused, reset or cut."""

from __future__ import annotations

import os
import random
import signal
import socket

import pytest
from harness import Serve
from never_stale import LIMIT, save_under_fire

CLIENTS = 50
SAVES = 200 if os.environ.get("CI") else 60
PAUSE_SECONDS = 0.3

FLASK = """
from flask import Flask, request

app = Flask(__name__)
VERSION = {number}


@app.route("/", methods=["GET", "POST"])
def index():
    return f"{{VERSION}} {{len(request.get_data())}}"
"""
ASGI = """
VERSION = {number}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    received, more = 0, True
    while more:
        message = await receive()
        received += len(message["body"])
        more = message["more_body"]
    body = f"{{VERSION}} {{received}}".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("app", "engine", "saves"),
    [(FLASK, "auto", SAVES), (ASGI, "auto", SAVES), (FLASK, "restart", SAVES // 4)],
    ids=["wsgi", "asgi", "restart"],
)
def test_saves_under_fire(
    serve: Serve, app: str, engine: str, saves: int, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--debug", "--quiet", f"--reload-engine={engine}")
    server = serve("--app", "hello", "run", *options, files={"hello.py": app.format(number=0)})
    address = (server.host, server.port)
    manner = random.Random(1)

    def connect() -> socket.socket:
        return socket.create_connection(address, LIMIT)

    def save(number: int) -> None:
        server.write("hello.py", app.format(number=number), atomic=manner.random() < 0.5)

    story = save_under_fire(connect, save, clients=CLIENTS, saves=saves, seed=2, pause=PAUSE_SECONDS)
    with capsys.disabled():
        print(f"\n{story}")
    assert story.failures == []
    assert story.stale == []
    assert story.saved == saves
    assert len(story.seen) > saves / 4


@pytest.mark.thorough
def test_broken_saves_under_fire(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """A load that fails answers too, and no request may see an older failure or what was before it."""
    server = serve("--app", "hello", "run", "--debug", "--quiet", files={"hello.py": FLASK.format(number=0)})
    address = (server.host, server.port)
    manner = random.Random(3)

    def connect() -> socket.socket:
        return socket.create_connection(address, LIMIT)

    def save(number: int) -> None:
        source = FLASK.format(number=number)
        if manner.random() < 0.3:
            source += f"\nraise RuntimeError('version {number} is broken')\n"
        server.write("hello.py", source, atomic=manner.random() < 0.5)

    story = save_under_fire(connect, save, clients=20, saves=SAVES // 2, seed=4, pause=PAUSE_SECONDS)
    with capsys.disabled():
        print(f"\n{story}")
    assert story.failures == []
    assert story.stale == []
    assert "is broken" in server.output


LATE = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "early"


@app.route("/late")
def late():
    from later.values import VALUE

    return VALUE
"""


def test_a_module_that_a_view_imports_is_fresh_before_the_supervisor_knows_of_it(serve: Serve) -> None:
    files = {"hello.py": LATE, "later/__init__.py": "", "later/values.py": "VALUE = 'one'\n"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    assert server.get("/").text == "early"
    server.signal(signal.SIGSTOP)
    try:
        assert server.get("/late").text == "one"
        server.write("later/values.py", "VALUE = 'two'\n")
        with server.connect() as waiting:
            waiting.sendall(b"GET /late HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            waiting.settimeout(0.5)
            with pytest.raises(TimeoutError):
                waiting.recv(1)
            server.signal(signal.SIGCONT)
            waiting.settimeout(LIMIT)
            answer = b""
            while data := waiting.recv(65536):
                answer += data
    finally:
        server.signal(signal.SIGCONT)
    assert answer.endswith(b"\r\n\r\ntwo")


def test_a_request_after_a_touch_that_changed_nothing_is_answered(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": FLASK.format(number=0)})
    assert server.get("/").text == "0 0"
    mark = server.mark()
    for _ in range(20):
        server.write("hello.py", FLASK.format(number=0), atomic=False)
        assert server.get("/").text == "0 0"
    assert "Reloaded" not in server.output[mark:]
