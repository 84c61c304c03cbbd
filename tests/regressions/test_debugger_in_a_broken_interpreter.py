"""An app that has broken what a report needs still gets an answer with its error and id."""

from __future__ import annotations

import pytest
from harness import Serve

APP = """
import json, os, sys
from flask import Flask

app = Flask(__name__)


@app.route("/json")
def json_():
    json.dumps = None
    1 / 0


@app.route("/os")
def os_():
    os.environ = None
    os.getcwd = None
    os.path.exists = None
    1 / 0


@app.route("/imports")
def imports():
    sys.path[:] = []
    sys.meta_path[:] = []
    for name in [name for name in sys.modules if name.startswith("pilotlight.debugger.report")]:
        del sys.modules[name]
    1 / 0
"""


@pytest.mark.parametrize("path", ["/json", "/os", "/imports"])
def test_what_is_answered(serve: Serve, path: str) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    answer = server.get(path)
    assert answer.status == 500
    assert "ZeroDivisionError: division by zero" in answer.text
    assert answer.headers["X-Error-Id"] in answer.text
    assert answer.headers["X-Error-Id"] in server.wait_for_output(r"(?s)ZeroDivisionError.*$").string
    assert answer.headers["Cache-Control"] == "no-store"
    for name in ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"):
        assert answer.headers[name], name
    away = server.get(path, headers={"X-Forwarded-For": "192.0.2.1"})
    assert away.status == 500
    assert away.headers["X-Error-Id"]
    assert "ZeroDivisionError" not in away.text


def test_secrets_in_the_line_above_the_traceback(serve: Serve) -> None:
    source = "from flask import Flask\napp = Flask(__name__)\n@app.route('/')\ndef index():\n    1 / 0\n"
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": source})
    server.get("/?page=2&token=hunter2-query")
    line = server.wait_for_output(r"^Error: GET (.*) failed:$").group(1)
    assert line.startswith("/?page=2&token=")
    assert "hunter2" not in line
