"""An app that writes, at each load, a file that it has read would reload for ever."""

from __future__ import annotations

import pytest
from harness import Serve

APP = """
import os, pathlib, time
from flask import Flask

app = Flask(__name__)
text = pathlib.Path("stamp.txt").read_text()
{write}


@app.route("/")
def index():
    return "{greeting}"
"""
IN_PLACE = 'pathlib.Path("stamp.txt").write_text(str(time.time_ns()))'
ATOMIC = 'pathlib.Path("new").write_text(str(time.time_ns())); os.replace("new", "stamp.txt")'


@pytest.mark.parametrize("write", [IN_PLACE, ATOMIC], ids=["in place", "atomic"])
def test_loop_ends_and_the_file_is_named(serve: Serve, write: str) -> None:
    server = serve(
        "--app",
        "hello",
        "run",
        "--debug",
        files={"hello.py": APP.format(greeting="one", write=write), "stamp.txt": "0"},
    )
    server.wait_for_output(r"stamp\.txt.*each time")
    assert server.get("/").text == "one"
    mark = server.mark()
    assert server.output.count("Reloaded") <= 5
    server.write("hello.py", APP.format(greeting="two", write=""))
    server.wait_until_response(lambda response: response.text == "two")
    server.write("stamp.txt", "by hand")
    server.wait_for_output(r"Reloaded.*stamp\.txt", after=mark)
