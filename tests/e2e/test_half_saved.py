"""Files that are saved one after the other do not go together for a moment."""

from __future__ import annotations

import time

from harness import Serve
from test_watching import asking, assert_no_half_state, becomes

APP = """
from flask import Flask
from part import NUMBER

assert NUMBER == {n}
app = Flask(__name__)


@app.route("/")
def index():
    return "{n}"
"""


def test_two_files_saved_one_after_the_other(serve: Serve) -> None:
    files = {"hello.py": APP.format(n=0), "part.py": "NUMBER = 0\n"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    assert server.get("/").text == "0"
    with asking(server) as answers:
        for number in range(1, 11):
            server.write("part.py", f"NUMBER = {number}\n")
            time.sleep(0.02)  # what an editor takes from one file to the next
            server.write("hello.py", APP.format(n=number))
            becomes(server, str(number))
    assert_no_half_state(answers, {str(number) for number in range(11)})
    assert "could not be loaded" not in server.output
