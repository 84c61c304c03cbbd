"""An app that closes descriptors that are not its own costs a worker, never the server."""

from __future__ import annotations

import http.client

import pytest
from harness import Serve

APP = """
import os
from flask import Flask

app = Flask(__name__)
{extra}


@app.route("/")
def index():
    return "{greeting}"


@app.route("/close")
def close():
    os.closerange(3, 256)
    return "closed"
"""


def test_in_a_view(serve: Serve) -> None:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": APP.format(greeting="one", extra="")}
    )
    assert server.get("/").text == "one"
    with pytest.raises((OSError, http.client.HTTPException)):
        server.get("/close", timeout=3)
    assert server.get("/").text == "one"
    server.write("hello.py", APP.format(greeting="two", extra=""))
    server.wait_until_response(lambda response: response.text == "two")


def test_while_loading(serve: Serve) -> None:
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": APP.format(greeting="one", extra="")}
    )
    assert server.get("/").text == "one"
    server.write("hello.py", APP.format(greeting="two", extra="os.closerange(3, 256)"))
    server.wait_until_response(lambda response: response.status == 500)
    assert "Traceback" not in server.output
    server.write("hello.py", APP.format(greeting="three", extra=""))
    server.wait_until_response(lambda response: response.text == "three")
