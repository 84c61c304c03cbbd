"""While a load is slow its stacks are shown; when it then dies, only its death is."""

from __future__ import annotations

from harness import Serve

APP = """
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "hello"
"""


def test_death_after_a_slow_load_replaces_the_page_of_the_slow_load(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    assert server.get("/").text == "hello"
    server.write("hello.py", "import os, time\ntime.sleep(7)\nos._exit(3)\n")
    server.wait_until_response(lambda response: "has been loading" in response.text)
    server.wait_until_response(lambda response: "status 3" in response.text)
    pages = [server.get("/").text for _ in range(30)]
    assert not any("has been loading" in page for page in pages)
