"""The app's directory has modules with names of the standard library's: no page and no console meets them."""

from __future__ import annotations

import pytest
from commands import script
from debug_client import DebugClient
from harness import Serve

NAMES = (
    "ast", "bisect", "bz2", "cmd", "code", "codeop", "configparser", "copy", "csv", "ctypes", "datetime",
    "decimal", "difflib", "dis", "email", "fnmatch", "glob", "hashlib", "heapq", "hmac", "html", "json",
    "linecache", "locale", "opcode", "pathlib", "pdb", "pkgutil", "platform", "pprint", "queue", "random",
    "reprlib", "rlcompleter", "secrets", "shlex", "statistics", "string", "struct", "subprocess", "tempfile",
    "textwrap", "token", "tokenize", "traceback", "types", "uuid", "weakref", "zipfile",
)  # fmt: skip
APP = """
def app(environ, start_response):
    items = {"apple": 1}
    if environ["PATH_INFO"] == "/key":
        items["pear"]
    if environ["PATH_INFO"] == "/name":
        itms
    if environ["PATH_INFO"] == "/module":
        import jsn
    if environ["PATH_INFO"] == "/call":
        app(1)
"""


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_pages_and_console_need_no_module_of_the_apps(serve: Serve, engine: str) -> None:
    files = {f"{name}.py": f"raise RuntimeError('the {name} of the app')" for name in NAMES}
    server = serve(
        command=script("pilotlight", "--app", "hello", "run", "--debug"), files={**files, "hello.py": APP}
    )
    client = DebugClient.of(server)
    json_body = {"Content-Type": "application/json", "Accept": "text/html"}
    for path in ("/key", "/name", "/module", "/call"):
        assert server.request("POST", path, body='{"a": 1}', headers=json_body).status == 500
    report = client.reports()[-1]["id"]
    frame = client.frame(report, "app")
    assert client.value("items", report, frame) == "{'apple': 1}"
    assert client.evaluate("await sleep(0)", report, frame)[-1]["status"] == "error"
    assert client.evaluate("for each in items:", report, frame)[-1]["status"] == "incomplete"
    events = client.call("complete", report=report, frame=frame, code="items.ke", position=8)
    assert events[0]["names"] == ["keys"]
    assert "of the app" not in server.output
