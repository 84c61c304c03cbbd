"""An app that calls `socket.setdefaulttimeout` sets it for the sockets of its server, too."""

from __future__ import annotations

from harness import Serve

APP = """
import socket
socket.setdefaulttimeout(0.05)
import greeting
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return greeting.TEXT
"""


def test_reloads_go_on(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP, "greeting.py": "TEXT = '0'\n"})
    assert server.get("/").text == "0"
    for text in "12345":
        server.write("greeting.py", f"TEXT = '{text}'\n")
        assert server.get("/").text == text
    assert "Error" not in server.output
