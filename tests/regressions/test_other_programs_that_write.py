"""An app that lets another program write, at each load, what it has read would reload for ever."""

from __future__ import annotations

import textwrap
import time

import pytest
from harness import Serve, ServerProcess

APP = """
import os, subprocess
from flask import Flask
import stamp
{act}
import late
app = Flask(__name__)


@app.route("/")
def index():
    return f"{{late.TEXT}} {{stamp.TEXT}}"
"""
STAMP = "TEXT = open('build.txt').read().strip()\n"
LISTING = "import os\nTEXT = len(os.listdir('build'))\n"
WRITES = "date +%N > build.txt"
ACTS = {
    "subprocess": f"subprocess.run({WRITES!r}, shell=True, check=True)",
    "system": f"os.system({WRITES!r})",
    "fork": textwrap.dedent("""
        pid = os.fork()
        if pid == 0:
            os.execvp("sh", ["sh", "-c", "date +%N > build.txt"])
        os.waitpid(pid, 0)
    """),
    "directory": "subprocess.run('touch build/$(date +%N)', shell=True, check=True)",
}
LINE = r"^{} is written by the app each time"


def start(serve: Serve, act: str, engine: str = "auto") -> ServerProcess:
    files = {
        "hello.py": APP.format(act=ACTS[act]),
        "stamp.py": LISTING if act == "directory" else STAMP,
        "late.py": "TEXT = '0'\n",
        "build.txt": "0",
        "build/first": "",
    }
    return serve("--app", "hello", "run", "--debug", files=files, env={"PILOTLIGHT_RELOAD_ENGINE": engine})


@pytest.mark.parametrize("engine", ["checkpoint", "restart"])
@pytest.mark.parametrize("act", ACTS)
def test_loop_ends_and_the_culprit_is_named(serve: Serve, act: str, engine: str) -> None:
    server = start(serve, act, engine)
    name = "build" if act == "directory" else r"build\.txt"
    server.wait_for_output(LINE.format(name if act != "directory" else "(the directory )?build"))
    assert server.get("/").text.startswith("0 ")
    assert server.output.count("Reloaded") <= 5


def test_what_somebody_else_saves_still_counts(serve: Serve) -> None:
    server = start(serve, "subprocess")
    server.wait_for_output(LINE.format(r"build\.txt"))
    server.get("/")
    server.write("build.txt", "by hand")
    server.wait_until_response(lambda response: response.text == "0 by hand")


def test_each_file_is_named_once(serve: Serve) -> None:
    server = start(serve, "subprocess")
    server.wait_for_output(LINE.format(r"build\.txt"))
    for number in "123":
        server.get("/")
        server.write("late.py", f"TEXT = '{number}'\n")
        server.write("stamp.py", f"{STAMP}NUMBER = {number}\n")
        server.wait_until_response(lambda response, number=number: response.text[0] == number)
    assert server.output.count("is written by the app") == 1


def test_a_file_is_named_again_when_the_cause_has_come_back(serve: Serve) -> None:
    server = start(serve, "subprocess")
    server.wait_for_output(LINE.format(r"build\.txt"))
    server.get("/")
    server.write("hello.py", APP.format(act=""))
    server.write("build.txt", "by hand")
    server.wait_until_response(lambda response: response.text == "0 by hand")
    mark = server.mark()
    server.write("stamp.py", STAMP + "\n")
    server.wait_for_output("Reloaded", after=mark)
    time.sleep(2)  # a load that has lived for less than the write used to take proves nothing
    server.write("hello.py", APP.format(act=ACTS["subprocess"]))
    server.wait_for_output(LINE.format(r"build\.txt"), after=mark)
