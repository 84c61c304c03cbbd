from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DRIVER = """
import json, sys
import pilotlight.launch

def start(settings, early):
    import os
    shown = settings.to_json()
    shown["imported"] = "hello" in sys.modules
    shown["in_process"] = {name: value for name, value in os.environ.items() if name.startswith("FROM_FILE")}
    print(json.dumps(shown))
    return 7

pilotlight.launch.start = start
from flask.cli import main
main()
"""

HELLO = """
from flask import Flask
app = Flask(__name__)

@app.route("/")
def index():
    return "hello"

@app.cli.command("greet")
def greet():
    print("greetings")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(HELLO)
    return tmp_path


def flask(
    project: Path, *words: str, driver: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The real `flask` command; the driver only replaces the start of the server."""
    command = [sys.executable, "-c", DRIVER] if driver else [sys.executable, "-m", "flask"]
    return subprocess.run(
        [*command, *words],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )


def settings_of(project: Path, *words: str, **variables: str) -> dict[str, Any]:
    result = flask(project, *words, driver=True, **variables)
    assert result.returncode == 7, result.stderr
    shown: dict[str, Any] = json.loads(result.stdout)
    assert not shown["imported"]
    return shown


@pytest.mark.parametrize(
    "words",
    [
        "--app hello --debug run --port 8001",
        "--app hello run --debug -p 8001",
        "run -A hello --debug --port 8001",
        "--app hello run hello --debug -p 8001",
    ],
)
def test_flask_run_has_the_same_options(project: Path, words: str) -> None:
    shown = settings_of(project, *words.split())
    assert shown["app"] == "hello"
    assert shown["port"] == 8001
    assert shown["debug"]
    assert shown["reload"]


def test_options_of_the_group_win_over_the_environment(project: Path) -> None:
    shown = settings_of(
        project,
        "--app",
        "hello",
        "--no-debug",
        "run",
        FLASK_APP="other",
        PILOTLIGHT_DEBUG="1",
        FLASK_RUN_PORT="8002",
        PILOTLIGHT_PORT="8003",
    )
    assert (shown["app"], shown["debug"], shown["port"]) == ("hello", False, 8003)
    shown = settings_of(project, "run", FLASK_APP="other", FLASK_DEBUG="1", FLASK_RUN_PORT="8002")
    assert (shown["app"], shown["debug"], shown["port"]) == ("other", True, 8002)


@pytest.mark.parametrize("words", ["-e x.env run", "--env-file=x.env run", "run -e x.env"])
def test_environment_files_are_known_apart_from_the_environment(project: Path, words: str) -> None:
    (project / ".flaskenv").write_text("FLASK_APP=hello\nFROM_FILE_A=1\nFROM_FILE_B=file\n")
    (project / "x.env").write_text("FROM_FILE_A=2\n")
    shown = settings_of(project, *words.split(), FROM_FILE_B="real")
    assert shown["app"] == "hello"
    assert dict(shown["environment"])["FROM_FILE_A"] == "2"
    assert "FROM_FILE_B" not in dict(shown["environment"])
    assert shown["env_file"] == str(project / "x.env")
    assert shown["in_process"] == {"FROM_FILE_B": "real"}


def test_the_factory_of_a_custom_command(project: Path) -> None:
    (project / "manage.py").write_text(
        "from flask.cli import FlaskGroup\nimport flask, pilotlight.launch\n"
        "def create_app():\n    return flask.Flask('x')\n"
        "def start(settings, early):\n    print(settings.app)\n    return 0\n"
        "if __name__ == '__main__':\n"
        "    pilotlight.launch.start = start\n"
        "    FlaskGroup(create_app=create_app)()\n"
    )
    result = subprocess.run(
        [sys.executable, "manage.py", "run"], cwd=project, capture_output=True, text=True, timeout=30
    )
    assert (result.returncode, result.stdout) == (0, f"{project / 'manage.py'}:create_app()\n"), result.stderr


def test_mistakes_have_status_2_and_no_traceback(project: Path) -> None:
    result = flask(project, "--app", "hello", "run", "--port", "99999")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: --port is 99999, but a port is a number from 0 to 65535 (0 takes a free one).\n"
    )
    assert flask(project, "--app", "one", "run", "two").returncode == 2


def test_help_is_ours_or_flasks(project: Path) -> None:
    ours = flask(project, "run", "--help")
    assert (ours.returncode, ours.stderr) == (0, "")
    assert "flask run hello.py --debug" in ours.stdout
    assert "--uds" in ours.stdout
    flasks = flask(project, "run", "--help", PILOTLIGHT_FLASK="0")
    assert flasks.returncode == 0
    assert "--uds" not in flasks.stdout
    assert "--with-threads" in flasks.stdout


def test_other_commands_of_flask_work_as_before(project: Path) -> None:
    routes = flask(project, "--app", "hello", "routes")
    assert (routes.returncode, routes.stderr) == (0, "")
    assert "index" in routes.stdout
    assert flask(project, "--app", "hello", "greet").stdout == "greetings\n"
    overview = flask(project, "--app", "hello", "--help")
    assert (overview.returncode, overview.stderr) == (0, "")
    assert "Run the development server of Pilotlight." in overview.stdout


def test_other_commands_import_hardly_anything_of_ours(project: Path) -> None:
    (project / "loaded.py").write_text(
        HELLO + "\nimport sys\n@app.cli.command('loaded')\ndef loaded():\n"
        "    print(sorted(name for name in sys.modules if name.startswith('pilotlight')))\n"
    )
    result = flask(project, "--app", "loaded", "loaded")
    assert result.stdout == "['pilotlight', 'pilotlight.flask_command']\n", result.stderr
