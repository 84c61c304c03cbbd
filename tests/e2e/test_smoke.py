"""The main job, once: a real Flask app runs, reloads, and ends."""

from __future__ import annotations

import signal

from harness import Serve

HELLO = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{greeting}"
"""


def test_flask_app_runs_and_reloads(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": HELLO.format(greeting="one")})
    assert server.get("/").text == "one"
    for number, atomic in enumerate([True, False] * 2):
        greeting = f"version {number}"
        server.write("hello.py", HELLO.format(greeting=greeting), atomic=atomic)
        assert (
            server.wait_until_response(lambda response, wanted=greeting: response.text == wanted).status
            == 200
        )


def test_broken_edit_is_shown_and_heals(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": HELLO.format(greeting="one")})
    assert server.get("/").text == "one"
    server.write("hello.py", "def broken(:\n")
    failure = server.wait_until_response(lambda response: response.status == 500, "/any/url")
    assert "SyntaxError" in failure.text
    server.write("hello.py", HELLO.format(greeting="healed"))
    server.wait_until_response(lambda response: response.text == "healed")


def test_without_debug_one_process_serves(serve: Serve) -> None:
    server = serve("--app", "hello", "run", files={"hello.py": HELLO.format(greeting="plain")})
    assert server.get("/").text == "plain"
    assert server.children() == []


def test_interrupt_ends_everything_quietly(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": HELLO.format(greeting="one")})
    assert server.get("/").text == "one"
    assert server.children()
    server.interrupt()
    assert server.wait_for_exit() in (0, 130, -signal.SIGINT)
    assert server.wait_for_descendants() == []
    assert "Traceback" not in server.output
