"""An app that lies behind a symbolic link (`current -> releases/1`), which is turned to another release."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from harness import Serve, ServerProcess

APP = """
from pathlib import Path
from flask import Flask
import place
app = Flask(__name__)


@app.route("/")
def index():
    return f"{place.HERE.name} {Path.cwd().name}"
"""
SCRIPT = APP + "\n\nif __name__ == '__main__':\n    app.run(port=0)\n"
# Alike in both releases: it is the link that has changed.
PLACE = "from pathlib import Path\nHERE = Path(__file__).resolve().parent\n"
ENGINES = pytest.mark.parametrize("chosen", ["checkpoint", "restart"])


def releases(directory: Path, text: str = APP) -> None:
    for number in "12":
        release = directory / "releases" / number
        release.mkdir(parents=True)
        (release / "hello.py").write_text(text)
        (release / "place.py").write_text(PLACE)
    turn(directory, "1")


def turn(directory: Path, number: str) -> None:
    os.symlink(f"releases/{number}", directory / "new")
    os.replace(directory / "new", directory / "current")


def turned(server: ServerProcess, directory: Path, before: str, after: str) -> None:
    assert server.get("/").text == before
    for number, text in (("2", after), ("1", before)):
        turn(directory, number)
        assert server.get("/").text == text
    assert server.output.count("Reloaded") == 2


@ENGINES
@pytest.mark.parametrize(
    "arguments",
    [
        ("--app", "hello", "run", "--debug", "--app-dir", "current"),
        ("--app", "current/hello.py", "run", "--debug"),
    ],
    ids=["--app-dir", "--app"],
)
def test_app_is_loaded_from_where_the_link_leads(
    serve: Serve, tmp_path: Path, chosen: str, arguments: tuple[str, ...]
) -> None:
    releases(tmp_path)
    server = serve(*arguments, env={"PILOTLIGHT_RELOAD_ENGINE": chosen})
    here = tmp_path.name
    turned(server, tmp_path, f"1 {here}", f"2 {here}")


@ENGINES
def test_shell_that_stands_in_the_link(serve: Serve, tmp_path: Path, chosen: str) -> None:
    releases(tmp_path)
    link = tmp_path / "current"
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        cwd=link,
        env={"PWD": str(link), "PILOTLIGHT_RELOAD_ENGINE": chosen},
    )
    turned(server, tmp_path, "1 1", "2 2")


def test_environment_file_behind_the_link(serve: Serve, tmp_path: Path) -> None:
    app = "import os\n" + APP.replace("{place.HERE.name}", "{os.environ.get('WORD')}")
    releases(tmp_path, app)
    link = tmp_path / "current"
    for number in "12":
        (link.parent / "releases" / number / ".env").write_text(f"WORD=word{number}\n")
    server = serve("--app", "hello", "run", "--debug", cwd=link, env={"PWD": str(link)})
    turned(server, tmp_path, "word1 1", "word2 2")
    turn(tmp_path, "2")
    assert server.get("/").text == "word2 2"
    server.write(".env", "WORD=new\n")
    server.wait_until_response(lambda response: response.text == "new 2")


@ENGINES
def test_entry_of_the_path(serve: Serve, tmp_path: Path, chosen: str) -> None:
    releases(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "hello.py").write_text(APP)
    server = serve(
        "--app",
        "own/hello.py",
        "run",
        "--debug",
        env={"PYTHONPATH": str(tmp_path / "current"), "PILOTLIGHT_RELOAD_ENGINE": chosen},
    )
    here = tmp_path.name
    turned(server, tmp_path, f"1 {here}", f"2 {here}")


def test_script_behind_a_link(serve: Serve, tmp_path: Path) -> None:
    releases(tmp_path, SCRIPT)
    command = [sys.executable, "-m", "pilotlight", "current/hello.py"]
    server = serve(command=command, env={"FLASK_DEBUG": "1"})
    here = tmp_path.name
    turned(server, tmp_path, f"1 {here}", f"2 {here}")


def test_link_that_is_gone_for_a_while(serve: Serve, tmp_path: Path) -> None:
    releases(tmp_path)
    server = serve("--app", "hello", "run", "--debug", "--app-dir", "current")
    assert server.get("/").text.startswith("1")
    mark = server.mark()
    (tmp_path / "current").unlink()
    server.wait_for_output("current", after=mark)
    turn(tmp_path, "2")
    server.wait_until_response(lambda response: response.text.startswith("2"))
