"""A file that the app reads only after a look whether it is there is gone for a while."""

from __future__ import annotations

from pathlib import Path

from harness import Serve

APP = """
import os
from flask import Flask

if not os.path.exists("settings.ini"):
    raise RuntimeError("no settings")
with open("settings.ini") as file:
    TEXT = file.read()

app = Flask(__name__)


@app.route("/")
def index():
    return TEXT
"""


def test_its_return_heals(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP, "settings.ini": "one"})
    assert server.get("/").text == "one"
    (tmp_path / "settings.ini").unlink()
    server.wait_until_response(lambda response: response.status == 500)
    server.write("hello.py", APP + "# one failed load after another\n")
    assert server.get("/").status == 500
    server.write("settings.ini", "two")
    server.wait_until_response(lambda response: response.text == "two")


def test_a_link_to_itself_is_no_return(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP, "settings.ini": "one"})
    assert server.get("/").text == "one"
    (tmp_path / "settings.ini").unlink()
    (tmp_path / "settings.ini").symlink_to("settings.ini")
    server.wait_until_response(lambda response: response.status == 500)
    (tmp_path / "settings.ini").unlink()
    server.write("settings.ini", "two")
    server.wait_until_response(lambda response: response.text == "two")
