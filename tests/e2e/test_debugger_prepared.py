"""An error right after an edit is shown soon: the copy that waits for the edit has imported the debugger."""

from __future__ import annotations

import time

from harness import Serve

APP = """
import sys
from flask import Flask

app = Flask(__name__)
# While the app is loaded: what is imported later, while it is served, does not count.
PREPARED = "pilotlight.debugger.renderings.page" in sys.modules


@app.get("/")
def index():
    return f"version {number} {PREPARED}"
"""
PAUSES = (0.5, 1, 2, 4, 8)
"""Seconds between two edits. That the copy is ready cannot be waited for: nothing outside shows it."""


def test_the_debugger_is_imported_before_the_edit(serve: Serve) -> None:
    def source(number: int) -> str:
        return APP.replace("{number}", str(number))

    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source(0)})
    server.get("/")
    for number, pause in enumerate(PAUSES, start=1):
        time.sleep(pause)
        server.write("hello.py", source(number))
        answer = server.wait_until_response(lambda response, n=number: f"version {n} " in response.text)
        if answer.text.endswith("True"):
            return
    raise AssertionError("it never was")
