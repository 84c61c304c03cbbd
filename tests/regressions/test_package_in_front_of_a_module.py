"""A module that becomes a package begins as both: the package wins, as in Python's own search."""

from __future__ import annotations

import pytest
from harness import Serve

APP = """
import {name}


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [{name}.VALUE]
"""


@pytest.mark.parametrize("name", ["views", "shop.views"])
def test_package_that_appears_beside_its_module_is_loaded(serve: Serve, name: str) -> None:
    path = name.replace(".", "/")
    server = serve(
        "--app",
        "hello:application",
        "run",
        "--debug",
        files={"hello.py": APP.format(name=name), f"{path}.py": "VALUE = b'module'\n"},
    )
    assert server.get("/").text == "module"
    server.write(f"{path}/__init__.py", "VALUE = b'package'\n")
    server.wait_until_response(lambda response: response.text == "package")
