"""An app that changes, at each load, what it has looked at before: a name that was missing, a directory."""

from __future__ import annotations

import textwrap

import pytest
from harness import Serve

SERVES = """
import greeting
from flask import Flask
app = Flask(__name__)


@app.route("/")
def index():
    return greeting.TEXT
"""
PID_FILE = """
import atexit, contextlib, os
with contextlib.suppress(FileNotFoundError):
    open("app.pid").close()
with open("app.pid", "w") as file:
    file.write(str(os.getpid()))
atexit.register(os.unlink, "app.pid")
"""
LOGS = """
import os, time
for name in sorted(os.listdir("logs"))[:-5]:
    os.unlink("logs/" + name)
log = open(f"logs/{time.time_ns()}.log", "a")
"""


@pytest.mark.parametrize(("acts", "name"), [(PID_FILE, "app.pid"), (LOGS, "logs")], ids=["pid file", "logs"])
def test_loop_ends_and_the_culprit_is_named(serve: Serve, acts: str, name: str) -> None:
    files = {"hello.py": textwrap.dedent(acts) + SERVES, "greeting.py": "TEXT = '0'\n", "logs/first": ""}
    server = serve("--app", "hello", "run", "--debug", files=files)
    assert server.get("/").text == "0"
    assert server.output.count("Reloaded") <= 5
    for text in "123":
        server.write("greeting.py", f"TEXT = '{text}'\n")
        assert server.get("/").text == text
    server.wait_for_output(f"^{name} is written by the app each time")
    assert server.output.count("Reloaded") <= 5 + 3
