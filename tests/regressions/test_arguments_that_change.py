"""`sys.argv` held the number of a descriptor of ours, another one at each load."""

from __future__ import annotations

from harness import Serve

APP = """
import sys


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["{version}\\n".encode() + "\\n".join(sys.argv).encode()]
"""


def test_arguments_are_the_same_after_a_reload(serve: Serve) -> None:
    server = serve("--app", "hello:application", "run", "--debug", files={"hello.py": APP.format(version=0)})
    seen = {server.get("/").text.partition("\n")[2]}
    for version in range(1, 4):
        server.write("hello.py", APP.format(version=version))
        response = server.wait_until_response(
            lambda response, version=version: response.text.startswith(str(version))
        )
        seen.add(response.text.partition("\n")[2])
    assert len(seen) == 1, seen
