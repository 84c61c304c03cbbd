"""A reload: no request is refused or lost, none waits for streams, no edit is missed."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from harness import Serve, ServerProcess

APP = """
import os, time
from flask import Flask, Response, request

print("imported by", os.getpid(), flush=True)
{extra}
app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def index():
    return "{greeting}" + request.get_data(as_text=True)


@app.route("/pid")
def pid():
    return str(os.getpid())


@app.route("/slow")
def slow():
    time.sleep(1)
    return "{greeting}"


@app.route("/stuck")
def stuck():
    time.sleep(600)
    return "never"


@app.route("/events")
def events():
    def tick():
        while True:
            yield "data: tick\\n\\n"
            time.sleep(0.05)
    return Response(tick(), mimetype="text/event-stream")


@app.route("/read")
def read():
    return open("page.txt").read()
"""


def source(greeting: str, extra: str = "") -> str:
    return APP.format(greeting=greeting, extra=extra)


def running(serve: Serve, extra: str = "", **files: str) -> ServerProcess:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={"hello.py": source("one", extra), "page.txt": "text", **files},
    )
    assert server.get("/").text == "one"
    return server


def test_app_is_imported_once_in_one_process(serve: Serve) -> None:
    server = running(serve)
    assert server.output.count("imported by") == 1
    assert str(server.pid) != server.get("/pid").text
    server.write("hello.py", source("two"))
    server.wait_until_response(lambda response: response.text == "two")
    assert server.output.count("imported by") == 2


def test_reload_is_one_line_that_names_file_and_time(serve: Serve) -> None:
    server = running(serve)
    for greeting in ("two", "three", "four"):
        server.write("hello.py", source(greeting))
        server.wait_until_response(lambda response, wanted=greeting: response.text == wanted)
    server.wait_for_output(r"(?s)" + r"Reloaded[^\n]*\n.*" * 3)
    lines = [line for line in server.output.splitlines() if "Reloaded" in line]
    assert len(lines) == 3
    assert all(re.fullmatch(r"Reloaded in [0-9.]+ m?s \(hello\.py\)", line) for line in lines)


def test_requests_wait_during_a_slow_reload(serve: Serve) -> None:
    server = running(serve)
    server.write("hello.py", source("two", "time.sleep(1.5)"))
    server.wait_for_output("(?s)imported by.*imported by")
    answers: list[str] = []
    clients = [
        threading.Thread(target=lambda body=body: answers.append(server.request("POST", body=body).text))
        for body in ("a", "b", "c")
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join(20)
    assert sorted(answers) == ["twoa", "twob", "twoc"]


def test_idle_keep_alive_connections_survive_reloads(serve: Serve) -> None:
    server = running(serve)
    with server.connect() as client:
        for number in range(5):
            client.sendall(b"GET /pid HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200")
            server.write("hello.py", source(f"version {number}"))
            server.wait_until_response(lambda response, wanted=number: response.text == f"version {wanted}")
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(65536).endswith(f"version {number}".encode())


def test_partly_sent_request_survives_a_reload(serve: Serve) -> None:
    server = running(serve)
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: loc")
        server.write("hello.py", source("two"))
        server.wait_until_response(lambda response: response.text == "two")
        client.sendall(b"alhost\r\nContent-Length: 4\r\n\r\nbo")
        client.sendall(b"dy")
        assert client.recv(65536).endswith(b"twobody")


def test_request_in_flight_finishes_and_does_not_delay_the_reload(serve: Serve) -> None:
    server = running(serve)
    with server.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.get("/")
        server.write("hello.py", source("two"))
        server.wait_until_response(lambda response: response.text == "two")
        assert client.recv(65536).endswith(b"one")


@pytest.mark.parametrize("path", ["/events", "/stuck"])
def test_streams_and_stuck_views_do_not_delay_a_reload(serve: Serve, path: str) -> None:
    server = running(serve)
    with server.connect() as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        server.get("/")
        server.write("hello.py", source("two"))
        reloaded = server.wait_for_output("Reloaded")
        assert server.get("/").text == "two"
        if path == "/events":
            while client.recv(65536):
                pass
            assert "was still running" not in server.output, "the grace is not for streams"
        else:
            cut = server.wait_for_output("/stuck")  # cut after the grace, and named
            assert reloaded.start() < cut.start()


def test_edit_made_while_the_app_loads_is_not_lost(serve: Serve) -> None:
    server = running(serve, **{"part.py": "x = 0\n"})
    for number in range(4):
        mark = server.mark()
        extra = "import part; print('loading', flush=True); time.sleep(0.3)"
        server.write("hello.py", source("loading {number}", extra))
        server.wait_for_output("^loading", after=mark)
        server.write(
            "part.py" if number % 2 else "hello.py",
            f"x = {number + 1}\n" if number % 2 else source(f"v{number}"),
        )
        if number % 2:
            server.write("hello.py", source(f"v{number}", "import part"))
        server.wait_until_response(lambda response, wanted=number: response.text == f"v{wanted}")


def test_edit_made_during_the_first_load_is_not_lost(serve: Serve) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={"hello.py": source("one", "print('loading', flush=True); time.sleep(1)")},
    )
    server.wait_for_output("^loading")
    server.write("hello.py", source("two"))
    server.wait_until_response(lambda response: response.text == "two")


def test_what_does_not_matter_does_not_reload(serve: Serve, tmp_path: Path) -> None:
    server = running(serve, "import part", **{"part.py": "x = 1\n"})
    assert server.get("/read").text == "text"
    first = server.get("/pid").text
    server.write("page.txt", "read while serving")
    server.write("unrelated.py", "x = 1\n")
    (tmp_path / "hello.py").touch()
    server.write("part.py", "x = 1\n")
    (tmp_path / ".hello.py.swp").write_text("editor")
    (tmp_path / "hello.py").read_text()
    # A real edit shows that the events above have been seen.
    assert server.get("/pid").text == first
    server.write("part.py", "x = 2\n")
    server.wait_until_response(lambda response: response.text != first, "/pid")
    assert server.output.count("Reloaded") == 1
    assert server.get("/read").text == "read while serving"


def test_data_file_and_factory_package_reload(serve: Serve) -> None:
    server = serve(
        "--app",
        "site1",
        "run",
        "--debug",
        files={
            "site1/__init__.py": "import json, pathlib\nfrom flask import Flask\nfrom . import views\n\n"
            "def create_app():\n    app = Flask(__name__)\n"
            "    app.config.update(json.loads(pathlib.Path(__file__).with_name('config.json').read_text()))\n"
            "    app.register_blueprint(views.pages)\n    return app\n",
            "site1/views.py": "from flask import Blueprint, current_app\n"
            "pages = Blueprint('pages', __name__)\n\n"
            "@pages.route('/')\ndef index():\n    return current_app.config['TEXT']\n",
            "site1/config.json": '{"TEXT": "one"}',
        },
    )
    assert server.get("/").text == "one"
    server.write("site1/config.json", '{"TEXT": "two"}')
    server.wait_until_response(lambda response: response.text == "two")
    server.write(
        "site1/views.py",
        server.cwd.joinpath("site1/views.py").read_text().replace("return ", "return '>' + "),
    )
    server.wait_until_response(lambda response: response.text == ">two")


def test_two_saves_of_equal_size_within_a_second(serve: Serve) -> None:
    server = running(serve, "from part import x", **{"part.py": "x = 10\n"})
    for number in range(11, 20):
        server.write("hello.py", source("v", "from part import x").replace('return "v"', "return str(x)"))
        server.write("part.py", f"x = {number}\n")
        server.wait_until_response(lambda response, wanted=number: response.text == str(wanted))


def test_extra_files_and_exclude_patterns(serve: Serve, tmp_path: Path) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        "--extra-files",
        "settings.ini",
        "--exclude-patterns",
        "*/part.py",
        files={"hello.py": source("one", "import part"), "part.py": "x = 1\n", "settings.ini": "a"},
    )
    assert server.get("/").text == "one"
    server.write("part.py", "x = 2\n")
    server.write("settings.ini", "b")
    server.wait_for_output(r"Reloaded.*settings\.ini")
    assert server.output.count("Reloaded") == 1


def test_hangup_signal_reloads(serve: Serve) -> None:
    server = running(serve)
    first = server.get("/pid").text
    server.signal(1)
    server.wait_until_response(lambda response: response.text != first, "/pid")


def test_changed_environment_file_takes_effect(serve: Serve) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={
            "hello.py": "import os\n"
            + source("one").replace('return "one"', 'return os.environ.get("WORD", "none")'),
            ".env": "WORD=first\n",
        },
    )
    assert server.get("/").text == "first"
    server.write(".env", "WORD=second\n")
    server.wait_until_response(lambda response: response.text == "second")
    server.write(".env", "OTHER=third\n")
    server.wait_until_response(lambda response: response.text == "none")


def test_many_reloads_leave_no_process_and_no_descriptor_behind(serve: Serve, engine: str) -> None:
    server = running(serve)
    processes = (2,) if engine == "restart" else (4, 5)
    """The worker and its successor; or checkpoints before and inside the module, after a load that was slow
    one behind it, a copy that waits for the next change, and the worker."""
    import psutil

    supervisor = psutil.Process(server.pid)

    def settled() -> int:
        """Descriptors of the supervisor when what is superfluous has ended and what comes next is there."""
        deadline = time.monotonic() + 20
        since = time.monotonic()
        while time.monotonic() - since < 1:  # as long as it takes to prepare for the next reload, and more
            if len(server.children()) not in processes:
                since = time.monotonic()
            assert time.monotonic() < deadline, server.children()
            time.sleep(0.05)
        return supervisor.num_fds()

    counts: dict[int, list[int]] = {}  # by the number of processes: each has descriptors here
    for number in range(13):
        server.write("hello.py", source(f"version {number}"))
        server.wait_until_response(lambda response, wanted=number: response.text == f"version {wanted}")
        if number % 5 == 2:
            descriptors = settled()
            counts.setdefault(len(server.children()), []).append(descriptors)
    assert any(len(same) > 1 for same in counts.values())
    for same in counts.values():
        assert same[-1] <= same[0] + 2
