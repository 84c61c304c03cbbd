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


def test_a_line_that_is_not_understood(serve: Serve) -> None:
    """It is told of when it appears, as at the start, and not again at each load."""
    files = {"hello.py": APP, ".env": "= one\nWORD=one\n"}
    server = serve("--app", "hello", "run", "--debug", files=files)
    assert server.get("/").text == "one"
    for word in ("two", "three"):
        server.write(".env", f"= one\nWORD={word}\n= two\n")
        server.wait_until_response(lambda response, word=word: response.text == word)
    for line in (1, 3):
        assert server.output.count(f".env, line {line}: not understood") == 1
