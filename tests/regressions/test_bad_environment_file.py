"""An .env file that cannot be read is told like any other failure of a reload, and its repair heals."""

from __future__ import annotations

from harness import Serve

APP = """
import os
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return os.environ.get("WORD", "none")
"""


def test_unreadable_content(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP, ".env": "WORD=one\n"})
    assert server.get("/").text == "one"
    (server.cwd / ".env").write_bytes(b"WORD=\xff\xfe\n")
    server.wait_until_response(lambda response: response.status == 500 and ".env" in response.text)
    assert "Traceback" not in server.output
    server.write(".env", "WORD=two\n")
    server.wait_until_response(lambda response: response.text == "two")
