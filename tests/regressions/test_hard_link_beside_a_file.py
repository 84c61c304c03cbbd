"""A file that the app has read is written by another name that it has in the same directory."""

from __future__ import annotations

import os

from harness import Serve

APP = """
from flask import Flask
app = Flask(__name__)


@app.route("/")
def index():
    return "{text}"
"""


def test_write_by_the_other_name(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP.format(text="one")})
    os.link(server.cwd / "hello.py", server.cwd / "same.py")
    assert server.get("/").text == "one"
    server.write("same.py", APP.format(text="two"), atomic=False)
    assert server.get("/").text == "two"
    server.write("same.py", APP.format(text="of its own"))
    assert server.get("/").text == "two"
    assert server.output.count("Reloaded") == 1
