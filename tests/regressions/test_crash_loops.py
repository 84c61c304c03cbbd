"""A page that crashes costs its own requests only; a process that ends again and again by itself is shown."""

from __future__ import annotations

import http.client

import pytest
from harness import Serve

FLASK = """
import ctypes
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "fine"


@app.route("/crash")
def crash():
    ctypes.string_at(0)
"""

ASGI = """
import ctypes


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    if scope["path"] == "/crash":
        ctypes.string_at(0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})
"""

BY_ITSELF = """
import os, signal, threading
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "never for long"


threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGSEGV)).start()
"""


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
@pytest.mark.parametrize("source", [FLASK, ASGI], ids=["wsgi", "asgi"])
def test_a_page_that_crashes_again_and_again(serve: Serve, source: str) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    answers = []
    for _ in range(10):
        with pytest.raises((OSError, http.client.HTTPException)):
            server.get("/crash")
        response = server.get("/")
        answers.append((response.status, response.text))
    assert answers == [(200, "fine")] * 10


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_an_app_that_crashes_without_any_request(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": BY_ITSELF})
    for _ in range(4):
        server.wait_for_output("SIGSEGV", after=server.output.rfind("SIGSEGV") + 1)
    response = server.wait_until_response(lambda response: response.status == 500)
    assert "SIGSEGV" in response.text
    server.write("hello.py", FLASK)
    server.wait_until_response(lambda response: response.text == "fine")
