"""A file that is written and stays open, or is cut off without being opened, has changed all the same."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from harness import Serve

APP = """
from pathlib import Path
from flask import Flask

DATA = Path("data.txt").read_text()
assert DATA in ("c0\\n", "c1\\n", "c", "whole\\n"), repr(DATA)
app = Flask(__name__)


@app.route("/")
def index():
    return DATA
"""

OWN = """
from pathlib import Path
from flask import Flask

Path("data.txt").read_text()
LOG = open("data.txt", "a")
app = Flask(__name__)
COUNT = []


@app.route("/")
def index():
    LOG.write("a line\\n")
    LOG.flush()
    COUNT.append(1)
    return str(len(COUNT))
"""

FILES = {"hello.py": APP, "data.txt": "c0\n"}


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_a_write_without_a_close(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files=FILES)
    assert server.get("/").text == "c0\n"
    descriptor = os.open(tmp_path / "data.txt", os.O_WRONLY)
    try:
        os.pwrite(descriptor, b"c1", 0)
        server.wait_until_response(lambda response: response.text == "c1\n")
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_truncate(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files=FILES)
    assert server.get("/").text == "c0\n"
    os.truncate(tmp_path / "data.txt", 1)
    server.wait_until_response(lambda response: response.text == "c")


def test_nothing_is_loaded_between_a_truncation_and_the_write(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files=FILES)
    assert server.get("/").text == "c0\n"
    with (tmp_path / "data.txt").open("w") as stream:
        until = time.monotonic() + 1.5  # far longer than the quiet after a write
        while time.monotonic() < until:
            assert server.get("/").text == "c0\n"
            time.sleep(0.02)
        stream.write("whole\n")
    assert server.get("/").text == "whole\n"
    assert server.output.count("Reloaded") == 1


def test_a_save_in_several_writes_acts_at_its_close(serve: Serve, tmp_path: Path) -> None:
    server = serve("--app", "hello", "run", "--debug", files=FILES)
    assert server.get("/").text == "c0\n"
    with (tmp_path / "data.txt").open("w") as stream:
        for letter in "whole\n":
            stream.write(letter)
            stream.flush()
            assert server.get("/").text == "c0\n"
            time.sleep(0.02)
    assert server.get("/").text == "whole\n"  # the very next request
    assert server.output.count("Reloaded") == 1


def test_an_app_that_appends_to_what_it_has_read(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": OWN, "data.txt": ""})
    for number in range(1, 6):
        assert server.get("/").text == str(number)
        time.sleep(0.4)  # longer than the quiet after a write
    assert "Reloaded" not in server.output
