"""An app that has used up its descriptors: at its error nothing can be imported or opened any more."""

from __future__ import annotations

import http.client

from debug_client import DebugClient
from harness import Serve

APP = """
import os, resource, sys

kept = []

def use_up():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
    try:
        while True:
            kept.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/use-up":
        use_up()
    elif path == "/give-back":
        while kept:
            os.close(kept.pop())
    elif path == "/fail":
        kept.append(os.open(os.devnull, os.O_RDONLY))
    ready = "pilotlight.debugger.console.consoles" in sys.modules
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ready" if ready else b"not yet"]
"""


def test_the_request_is_answered_and_the_page_is_complete(serve: Serve) -> None:
    server = serve("--app", "hello", "run", "--debug", files={"hello.py": APP})
    client = DebugClient.of(server)
    server.wait_until_response(lambda response: response.text == "ready")
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)  # accepted before
    for path in ("/use-up", "/fail"):
        connection.request("GET", path, headers={"Accept": "text/html"})
        response = connection.getresponse()
        text = response.read().decode()
    assert response.status == 500
    assert "Too many open files" in text
    report = str(response.headers["X-Error-Id"])
    assert client.value("len(kept) > 100", report, client.frame(report, "app")) == "True"
    connection.close()


def test_an_error_that_comes_too_early_for_that_still_ends_the_request(serve: Serve) -> None:
    source = APP.replace('"/use-up":', '"/fail":').replace('elif path == "/fail":', 'if path == "/fail":')
    server = serve(
        "--app", "hello", "run", "--debug", "--reload-engine", "checkpoint", files={"hello.py": source}
    )
    assert server.get("/fail", timeout=10).status == 500
    server.wait_for_output("OSError: .*Too many open files")
