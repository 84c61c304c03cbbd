"""The project's directory goes away and comes back, as with a checkout of another branch."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness import Serve

APP = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{greeting}"
"""


def test_deleted_and_created_again(serve: Serve, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "hello.py").write_text(APP.format(greeting="one"))
    server = serve("--app", "hello", "run", "--debug", cwd=project)
    assert server.get("/").text == "one"
    shutil.rmtree(project)
    server.wait_until_response(lambda response: response.status == 500)
    project.mkdir()
    (project / "hello.py").write_text(APP.format(greeting="two"))
    server.wait_until_response(lambda response: response.text == "two")
    server.write("hello.py", APP.format(greeting="three"))
    server.wait_until_response(lambda response: response.text == "three")


def test_renamed_and_back(serve: Serve, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "hello.py").write_text(APP.format(greeting="one"))
    server = serve("--app", "hello", "run", "--debug", cwd=project)
    assert server.get("/").text == "one"
    project.rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "hello.py").write_text(APP.format(greeting="two"))
    (tmp_path / "elsewhere").rename(project)
    server.wait_until_response(lambda response: response.text == "two")
