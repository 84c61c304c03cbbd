"""A reload for which the system has no descriptors or processes left is tried again, and the server stays."""

from __future__ import annotations

import resource

import psutil
from harness import Serve

APP = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{greeting}"
"""


def test_limit_of_descriptors(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP.format(greeting="one")})
    assert server.get("/").text == "one"
    supervisor = psutil.Process(server.pid)
    limits = supervisor.rlimit(resource.RLIMIT_NOFILE)
    supervisor.rlimit(resource.RLIMIT_NOFILE, (5, limits[1]))
    for number in range(3):
        server.write("hello.py", APP.format(greeting=f"v{number}"))
        server.wait_for_output(f"(?s)(Reloaded.*){{{number + 1}}}|Too many open files")
    server.wait_for_output("Too many open files")
    supervisor.rlimit(resource.RLIMIT_NOFILE, limits)
    server.write("hello.py", APP.format(greeting="two"))
    server.wait_until_response(lambda response: response.text == "two")
    assert "Traceback" not in server.output
