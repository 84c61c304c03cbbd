"""Where too few files may be open, one line says so and what to do."""

from __future__ import annotations

import resource
import shlex

import psutil
import pytest
from harness import Serve, ServerProcess, pilotlight

APP = """
from flask import Flask
from part import NUMBER

app = Flask(__name__)


@app.route("/")
def index():
    return str(NUMBER)
"""

FILES = {"hello.py": APP, "part.py": "NUMBER = 0\n"}
BOTH = pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)


@BOTH
@pytest.mark.parametrize("limit", [10, 14, 20, 24, 28, 32, 48])
def test_at_the_start(serve: Serve, limit: int) -> None:
    words = shlex.join(pilotlight("--app", "hello", "run", "--debug", "--port", "0"))
    server = serve(command=["sh", "-c", f"ulimit -n {limit}; exec {words}"], files=FILES)
    assert server.wait_for_exit() == 1
    (line,) = server.output.splitlines()
    assert line.startswith("Error: ")
    assert f"{limit} files" in line
    assert "ulimit -n" in line


def limited(server: ServerProcess, spare: int) -> tuple[psutil.Process, tuple[int, int]]:
    supervisor = psutil.Process(server.pid)
    before = supervisor.rlimit(resource.RLIMIT_NOFILE)
    supervisor.rlimit(resource.RLIMIT_NOFILE, (supervisor.num_fds() + spare, before[1]))
    return supervisor, before


@BOTH
@pytest.mark.parametrize("spare", range(0, 10, 3))
def test_while_it_serves(serve: Serve, spare: int) -> None:
    server = serve("--app", "hello", "run", "--debug", files=FILES)
    assert server.get("/").text == "0"
    supervisor, before = limited(server, spare)
    for number in range(1, 5):
        mark = server.mark()
        server.write("part.py", f"NUMBER = {number}\n")
        server.wait_for_output("Reloaded|Too many open files", after=mark)
        if "Too many open files" in server.output:
            break
    supervisor.rlimit(resource.RLIMIT_NOFILE, before)
    server.write("part.py", "NUMBER = 9\n")
    server.wait_until_response(lambda response: response.text == "9")
    assert "has a bug" not in server.output
    assert "Traceback" not in server.output
    assert server.running
