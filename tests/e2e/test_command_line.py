"""The installed commands `pilotlight` and `flask`, with their options, files, variables and output."""

from __future__ import annotations

import importlib.metadata
import os
import re
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from exchange import exchange
from harness import ANY_URL, Serve, ServerProcess, script

from ports import free_port

APP = """
import os
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return "hello"


@app.get("/about")
def about():
    return {
        "debug": app.debug,
        "directory": os.getcwd(),
        "environment": {name: value for name, value in os.environ.items() if name.startswith("GREETING")},
    }
"""
FILES = {"hello.py": APP}
ESCAPE = "\x1b"


def words(command: str) -> list[str]:
    """`pilotlight run hello` as the installed command, exactly as written."""
    name, *arguments = command.split()
    return [*script(name), *arguments]


@pytest.mark.parametrize(
    "command",
    [
        "pilotlight --app hello --debug --port {port} run",
        "pilotlight run hello --debug -p {port}",
        "pilotlight --port 1 --no-debug --app hello run --debug --port {port}",
        "flask --app hello --debug run --port {port}",
        "flask --app hello run --debug -p{port}",
    ],
)
def test_options_before_or_after_run(serve: Serve, command: str) -> None:
    port = free_port()
    server = serve(command=words(command.format(port=port)), files=FILES)
    assert server.port == port
    assert server.get("/about").json()["debug"] is True


@pytest.mark.parametrize("name", ["pilotlight", "flask"])
def test_the_stronger_source_wins(serve: Serve, name: str) -> None:
    """Command line, `PILOTLIGHT_*`, `FLASK_*`, pyproject.toml: each counts where the stronger are silent."""
    ports = {source: free_port() for source in ("line", "PILOTLIGHT_PORT", "FLASK_RUN_PORT", "table")}
    files = {**FILES, "pyproject.toml": f"[tool.pilotlight]\napp = 'hello'\nport = {ports['table']}\n"}
    variables: dict[str, str] = {}
    for source in ("table", "FLASK_RUN_PORT", "PILOTLIGHT_PORT", "line"):
        if source.isupper():
            variables[source] = str(ports[source])
        typed = f" --port {ports['line']}" if source == "line" else ""
        server = serve(command=words(f"{name} run{typed}"), files=files, env=variables)
        assert server.port == ports[source], source
        assert server.get("/about").json()["debug"] is False
        server.terminate()
        assert server.wait_for_exit() == 0


@pytest.mark.parametrize("name", ["pilotlight", "flask"])
def test_environment_files_as_in_flask(serve: Serve, tmp_path: Path, name: str) -> None:
    """From the current directory upwards; real environment, `--env-file`, `.env`, `.flaskenv`; one line."""
    directory = tmp_path / "project" / "sub"
    files = {
        "project/sub/hello.py": APP,
        "project/.flaskenv": "FLASK_APP=hello\nFLASK_DEBUG=1\nGREETING_A=flaskenv\nGREETING_B=flaskenv\n",
        "project/.env": "GREETING_B=env\nGREETING_C=env\nGREETING_D=env\n",
        "project/sub/more.env": "GREETING_C=more\nGREETING_D=more\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    command = words(f"{name} -e more.env run --port 0")
    server = serve(command=command, cwd=directory, env={"GREETING_D": "real"})
    assert server.get("/about").json() == {
        "debug": True,
        "directory": str(directory),
        "environment": {
            "GREETING_A": "flaskenv",
            "GREETING_B": "env",
            "GREETING_C": "more",
            "GREETING_D": "real",
        },
    }
    read = [line for line in server.output.splitlines() if "more.env" in line]
    assert read == ["Environment variables read from more.env, ../.env and ../.flaskenv."]


def test_pyproject_is_found_from_a_directory_below(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "hello.py").write_text(APP)
    (tmp_path / "pyproject.toml").write_text("[tool.pilotlight]\napp = 'hello'\napp-dir = 'src'\nport = 0\n")
    server = serve(command=words("pilotlight run"), cwd=tmp_path / "src" / "deep")
    assert server.get("/").text == "hello"
    assert server.get("/about").json()["directory"] == str(tmp_path / "src" / "deep")


@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
def test_port_zero_takes_a_free_port_and_prints_it(serve: Serve, mode: str) -> None:
    server = serve(command=words(f"pilotlight run hello --port 0 {mode}"), files=FILES)
    assert server.port not in (0, 5000)
    assert server.get("/").text == "hello"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--port 99999", "--port is 99999"),
        ("--port five", "--port must be a port number"),
        ("--extra-files missing.txt", "--extra-files: there is no file missing.txt"),
        ("--key key.pem", "--key needs a certificate"),
        ("--cert missing.pem", "--cert: there is no file missing.pem"),
        ("--env-file missing.env", "--env-file: there is no file missing.env"),
        ("--app-dir missing", "--app-dir: there is no directory missing"),
        ("--uds s.sock --port 1", "--uds and --port do not go together"),
        ("--on-reload-error never", "--on-reload-error is 'never'"),
        ("--frobnicate", "--frobnicate"),
    ],
)
def test_mistakes_are_one_sentence_with_status_2(serve: Serve, arguments: str, said: str) -> None:
    for command in (f"pilotlight run hello --debug {arguments}", f"flask --app hello run {arguments}"):
        server = serve(command=words(command), files=FILES)
        assert server.wait_for_exit() == 2
        if command.startswith("flask") and arguments == "--frobnicate":
            assert said in server.output  # click shows the usage as well
            continue
        (line,) = server.output.splitlines()
        assert line.startswith("Error: ")
        assert said in line


def test_mistakes_elsewhere_name_their_place(serve: Serve) -> None:
    wrong = {**FILES, "pyproject.toml": "[tool.pilotlight]\nprot = 1\n"}
    server = serve(command=words("pilotlight run hello"), files=wrong)
    assert server.wait_for_exit() == 2
    assert server.output == (
        "Error: pyproject.toml [tool.pilotlight] has an unknown key 'prot'. Did you mean port?\n"
    )
    server = serve(
        command=words("pilotlight run hello"),
        files={"pyproject.toml": ""},
        env={"PILOTLIGHT_PORT": "99999"},
    )
    assert server.wait_for_exit() == 2
    assert server.output.startswith("Error: PILOTLIGHT_PORT is 99999")
    assert server.output.count("\n") == 1


@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
def test_unix_socket(serve: Serve, tmp_path: Path, mode: str) -> None:
    server = serve(command=words(f"pilotlight run hello --uds s.sock {mode}"), files=FILES)
    server.wait_for_output(rf"unix:{re.escape(str(tmp_path))}/s\.sock")
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"hello")
    assert stat.S_ISSOCK(path.stat().st_mode)
    shown = [line for line in server.output.splitlines() if "/unlock#" not in line]
    assert not ANY_URL.search("\n".join(shown))
    server.terminate()
    assert server.wait_for_exit() == 0
    assert not path.exists()


def test_quiet_shows_errors_only(serve: Serve) -> None:
    port = free_port()
    source = APP + "\n\n@app.get('/broken')\ndef broken():\n    raise ValueError('loud')\n"
    server = serve(
        command=words(f"pilotlight run hello --quiet --port {port}"),
        files={"hello.py": f"{source}\n\nprint('loaded', flush=True)\n", ".env": "A=1\n"},
    )
    server.wait_for_output("loaded")  # the port listens before the app is loaded
    for path, status in (("/", 200), ("/broken", 500)):
        url = f"http://127.0.0.1:{port}{path}"
        answer = exchange(url, "GET", body=None, headers={}, timeout=20, context=None)
        assert answer.status == status
    server.wait_for_output("ValueError: loud")
    for unwanted in ("Pilotlight", "http://", "GET  ", " 200 ", "read from"):
        assert unwanted not in server.output


def browser(path: Path, then: str = "exit 0") -> dict[str, str]:
    """A browser that notes what it was asked to open."""
    program = path / "browser"
    program.write_text(f"#!/bin/sh\necho \"$1\" >> '{path}/opened'\necho browser-opened\n{then}\n")
    program.chmod(0o755)
    return {"BROWSER": str(program)}


@pytest.mark.parametrize("mode", ["--debug", "--no-debug"])
def test_open_does_not_wait_for_the_browser(serve: Serve, tmp_path: Path, mode: str) -> None:
    """`BROWSER` may name a command that runs as long as its window is open."""
    os.mkfifo(tmp_path / "closed")
    server = serve(
        command=words(f"pilotlight run hello --open --port 0 {mode}"),
        files=FILES,
        env=browser(tmp_path, f"exec cat '{tmp_path}/closed'"),
    )
    server.wait_for_output("browser-opened")
    opened = (tmp_path / "opened").read_text()
    if mode == "--debug":  # leads to the app, and unlocks the browser; arguments can be read by others
        page = Path(opened.strip().removeprefix("file://"))
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert "/unlock#" in page.read_text()
    else:
        assert opened == f"{server.url}\n"
    assert server.get("/").text == "hello"
    server.write("hello.py", APP.replace('"hello"', '"changed"'))
    if mode == "--debug":
        server.wait_until_response(lambda response: response.text == "changed")
    server.terminate()
    assert server.wait_for_exit() == 0
    assert (tmp_path / "opened").read_text() == opened, "opened once, not at each reload"
    assert mode == "--no-debug" or not page.exists()
    os.close(os.open(tmp_path / "closed", os.O_WRONLY | os.O_NONBLOCK))  # fails if the browser was ended


def test_no_browser_is_one_line(serve: Serve, tmp_path: Path) -> None:
    env = browser(tmp_path, "exit 1")
    server = serve(command=words("pilotlight run hello --open --port 0"), files=FILES, env=env)
    server.wait_for_output(f"No browser could be started; open {re.escape(server.url)} yourself")
    assert server.get("/").text == "hello"


def test_version_and_help(serve: Serve) -> None:
    server = serve(command=words("pilotlight --version"))
    assert server.wait_for_exit() == 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert re.search(rf"^Pilotlight \S+\n\w+ {re.escape(python)}\n", server.output)
    assert f"Flask {importlib.metadata.version('flask')}\n" in server.output
    for command in ("pilotlight run --help", "flask run --help"):
        server = serve(command=words(command))
        assert server.wait_for_exit() == 0
        assert f"{command.split()[0]} run hello.py --debug" in server.output
        assert server.output.index("--debug") < server.output.index("--cert")
        assert "FLASK" not in server.output


def on_pipes(env: dict[str, str]) -> dict[str, str | None]:
    return {"NO_COLOR": None, "FORCE_COLOR": None, **env}


@pytest.mark.parametrize(
    ("env", "terminal", "coloured"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_on_terminals_only(serve: Serve, env: dict[str, str], terminal: bool, coloured: bool) -> None:
    server = serve(
        command=words("pilotlight run hello --debug --port 0"),
        files=FILES,
        env=on_pipes(env),
        terminal=terminal,
    )
    assert server.get("/").text == "hello"
    server.wait_for_output(r"GET .* /\s")
    assert (ESCAPE in server.output) is coloured


def test_banner_on_a_terminal(serve: Serve) -> None:
    server = serve(
        command=words("pilotlight run hello --debug --port 0"),
        files=FILES,
        env={"NO_COLOR": "1"},
        terminal=True,
    )
    server.wait_for_output("Ctrl-C")
    banner = server.output.replace("\r\n", "\n")
    assert all(len(line) < 80 for line in banner.splitlines())
    flask = importlib.metadata.version("flask")
    python = ".".join(map(str, sys.version_info[:3]))
    for part in (
        " serves hello:app\n",
        f"\n    {server.url}\n",
        f"Debug mode on, Flask {flask}, CPython {python}\n",
        "For development only; to deploy, use Gunicorn, Uvicorn or another server.\n",
        "r reload, o open browser, q quit, h help",
    ):
        assert part in banner


def test_banner_without_debug_has_no_keys(serve: Serve) -> None:
    server = serve(
        command=words("pilotlight run hello --port 0"), files=FILES, env={"NO_COLOR": "1"}, terminal=True
    )
    server.wait_for_output(r"Debug mode off.*\n.*\n\s+Ctrl-C stops\.")
    assert "r reload" not in server.output


def access_line(server: ServerProcess, pattern: str) -> str:
    line = server.wait_for_output(rf"^.*{pattern}.*$").group()
    assert line.isprintable()
    return line


def test_access_log(serve: Serve) -> None:
    server = serve(command=words("pilotlight run hello --port 0"), files=FILES, env=on_pipes({}))
    assert server.get("/?q=1").text == "hello"
    columns = r"^\d\d:\d\d:\d\d 200 GET +\d+(\.\d+)? m?s +5 B  /\?q=1$"
    assert re.search(columns, access_line(server, r"q=1"))
    server.request("DELETE", "/nowhere")
    assert re.search(r" 404 DELETE .* /nowhere$", access_line(server, "nowhere"))


TARGETS: Sequence[bytes] = (
    b"/esc%1b[31m",
    b"/raw\x1b[2J\x1b]0;owned\x07",
    b"/bell\x07",
    b"/c1\x9b31m",
    "/bidi\u202eevil".encode(),
    b"/back\x08\x08\x08\x7f",
)


def test_control_characters_of_clients_are_never_written_raw(serve: Serve) -> None:
    server = serve(command=words("pilotlight run hello --debug --port 0"), files=FILES, env=on_pipes({}))
    for target in TARGETS:
        answer = server.raw(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert re.match(rb"HTTP/1\.1 4\d\d ", answer)
    server.raw(b"G\x1b[31mT / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert server.get("/the-end").status == 404
    server.wait_for_output("/the-end")
    assert server.output.replace("\n", "").isprintable()
