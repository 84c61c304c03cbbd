"""Standard streams that are closed, or whose reader has gone, are no reason to end."""

from __future__ import annotations

import sys
from contextlib import suppress

import psutil
import pytest
from harness import Serve, pilotlight

from ports import free_port

APP = """
import sys
from flask import Flask

app = Flask(__name__)
print("imported")  # stays in the buffer, and is flushed by whoever ends the process
{extra}


@app.route("/")
def index():
    return "{greeting}"
"""


@pytest.mark.parametrize(
    "redirection",
    ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| true", "2>&1 | true", "</dev/null", ">/dev/full 2>&1"],
)
def test_server_serves_and_reloads(serve: Serve, redirection: str) -> None:
    port = str(free_port())
    words = " ".join([*pilotlight("--app", "hello", "run", "--debug", "--port", port), redirection])
    server = serve(command=["bash", "-c", words], files={"hello.py": APP.format(greeting="one", extra="")})
    server._url = f"http://127.0.0.1:{port}"
    wait(server, lambda: server.get("/").text == "one")
    server.write("hello.py", APP.format(greeting="two", extra=""))
    server.wait_until_response(lambda response: response.text == "two")
    server.write("hello.py", APP.format(greeting="two", extra="1 / 0"))
    server.wait_until_response(lambda response: response.status == 500)
    server.write("hello.py", APP.format(greeting="three", extra=""))
    server.wait_until_response(lambda response: response.text == "three")
    for child in server.children():
        with suppress(psutil.NoSuchProcess):  # it ends together with the one before
            if sys.executable in child.cmdline()[:1] and "pilotlight" in child.cmdline():
                child.terminate()


def wait(server, happens) -> None:
    import time

    deadline = time.monotonic() + 15
    while True:
        try:
            if happens():
                return
        except OSError:  # noqa: PERF203 - it does not listen yet
            assert time.monotonic() < deadline
            time.sleep(0.05)
