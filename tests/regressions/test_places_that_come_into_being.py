"""What was no directory, no archive and no part of a package while the app was loaded, and is one later."""

from __future__ import annotations

import textwrap
import zipfile
from pathlib import Path

from harness import Serve

SERVES = """
from flask import Flask
app = Flask(__name__)


@app.route("/")
def index():
    return str(VALUE)
"""


def app(text: str) -> str:
    return textwrap.dedent(text) + SERVES


LISTS = app(
    """
    import os
    try:
        VALUE = os.listdir("data")
    except NotADirectoryError:
        VALUE = None
    """
)
NAMESPACE = app(
    """
    import sys
    sys.path += ["one", "two"]
    import space.first
    try:
        from space.second import VALUE
    except ImportError:
        VALUE = None
    """
)
ARCHIVE = app(
    """
    import sys
    sys.path.append("archive.zip")
    try:
        from inside import VALUE
    except ImportError:
        VALUE = None
    """
)


def test_a_file_is_listed_and_becomes_a_directory(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": LISTS, "data": ""})
    assert server.get("/").text == "None"
    assert "Reloaded" not in server.output
    (tmp_path / "data").unlink()
    (tmp_path / "data").mkdir()
    server.wait_until_response(lambda response: response.text == "[]")
    server.write("data/name", "", atomic=False)
    server.wait_until_response(lambda response: response.text == "['name']")


def test_another_part_of_a_namespace_package(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    server = serve(
        "--app", "hello", "run", "--debug", files={"hello.py": NAMESPACE, "one/space/first.py": ""}
    )
    assert server.get("/").text == "None"
    server.write("two/space/second.py", "VALUE = 2\n")
    server.wait_until_response(lambda response: response.text == "2")


def test_an_archive_on_the_path(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": ARCHIVE})
    assert server.get("/").text == "None"
    with zipfile.ZipFile(tmp_path / "new", "w") as archive:
        archive.writestr("inside.py", "VALUE = 2\n")
    (tmp_path / "new").rename(tmp_path / "archive.zip")
    server.wait_until_response(lambda response: response.text == "2")
