"""An interpreter whose start-up ends every worker is told, at the first start and later."""

from __future__ import annotations

from harness import Serve

APP = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "hello"
"""
DEADLY = """
import os, sys

if any(word.endswith("worker/__main__.py") for word in sys.orig_argv):
    os._exit(7)
"""


def test_first_start(serve: Serve, tmp_path) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={"hello.py": APP, "site/sitecustomize.py": DEADLY},
        env={"PYTHONPATH": str(tmp_path / "site")},
    )
    assert server.wait_for_exit() == 1
    assert "status 7" in server.output
    assert "Traceback" not in server.output


def test_later(serve: Serve, tmp_path) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={"hello.py": APP, "site/nothing.py": ""},
        env={"PYTHONPATH": str(tmp_path / "site")},
    )
    assert server.get("/").text == "hello"
    server.write("site/sitecustomize.py", DEADLY)
    for number in range(2):
        mark = server.mark()
        server.write("hello.py", APP + f"# {number}\n")
        server.wait_for_output("status 7|Reloaded", after=mark)
    (tmp_path / "site" / "sitecustomize.py").unlink()
    server.write("hello.py", APP.replace("hello", "healed"))
    server.wait_until_response(lambda response: response.text == "healed")
