"""An error page that was left open, while its server has ended and another one was started in its place."""

from __future__ import annotations

from typing import Any

from harness import DEFAULT_TIMEOUT, Serve, ServerProcess

APP = """
from flask import Flask
app = Flask(__name__)
@app.route("/")
def index():
    return ANSWER
"""
STATE = "/.well-known/pilotlight/state"


def state(server: ServerProcess, query: str = "") -> Any:
    return server.get(f"{STATE}?{query}", timeout=DEFAULT_TIMEOUT).json()


def test_another_server_serves_another_generation(serve: Serve) -> None:
    files = {"app.py": APP.replace("ANSWER", "1 / 0")}
    first = serve("--debug", "--reload", "--port", "0", "app", files=files)
    assert first.get("/").status == 500
    known = state(first)["generation"]
    first.terminate()
    first.wait_for_exit()
    second = serve(
        "--debug", "--reload", "--port", "0", "app", files={"app.py": APP.replace("ANSWER", "'mended'")}
    )
    assert second.get("/").text == "mended"
    # A question that names what is served by now would wait here.
    assert state(second, f"after={known}&not=")["generation"] != known
