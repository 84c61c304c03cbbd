"""Code that `importlib` loads from a file of an unusual name was served in an older state."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from harness import Serve

SERVES = """
from flask import Flask
app = Flask(__name__)


@app.route("/")
def index():
    return a.V
"""
BY_SPEC = """
import importlib.util
spec = importlib.util.spec_from_file_location("a", {file!r})
a = importlib.util.module_from_spec(spec)
spec.loader.exec_module(a)
"""
BY_LOADER = """
import importlib.machinery, importlib.util
spec = importlib.util.spec_from_loader("a", importlib.machinery.SourceFileLoader("a", {file!r}))
a = importlib.util.module_from_spec(spec)
spec.loader.exec_module(a)
"""
BY_OTHER_PLACE_OF_BYTECODE = """
import importlib.machinery, importlib.util
class Loader(importlib.machinery.SourceFileLoader):
    def get_data(self, path):
        if path.endswith(".pyc"):
            with open("kept.pyc", "rb") as file:
                return file.read()
        return super().get_data(path)
    def set_data(self, path, data, *, _mode=0o666):
        with open("kept.pyc", "wb") as file:
            file.write(data)
spec = importlib.util.spec_from_loader("a", Loader("a", {file!r}))
a = importlib.util.module_from_spec(spec)
spec.loader.exec_module(a)
"""
CASES = {
    "dots": (BY_SPEC, "app.conf.py", {}),
    "many dots": (BY_SPEC, "sub/a.b.opt-1.c.py", {}),
    "odd suffix": (BY_LOADER, "m.cfgpy", {}),
    "odd suffix, dots": (BY_LOADER, "m.x.cfgpy", {}),
    "no suffix": (BY_LOADER, "settings", {}),
    "hidden": (BY_LOADER, ".settings", {}),
    "optimized": (BY_SPEC, "app.conf.py", {"PYTHONOPTIMIZE": "2"}),
    "prefix": (BY_LOADER, "m.x.cfgpy", {"PYTHONPYCACHEPREFIX": "cache"}),
    "loader of the app's": (BY_OTHER_PLACE_OF_BYTECODE, "m.py", {}),
}


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
@pytest.mark.parametrize("case", CASES)
def test_each_save_is_served(serve: Serve, tmp_path: Path, case: str) -> None:
    code, file, environment = CASES[case]
    if "PYTHONPYCACHEPREFIX" in environment:
        environment = {"PYTHONPYCACHEPREFIX": str(tmp_path / "cache")}
    files = {"hello.py": textwrap.dedent(code).format(file=file) + SERVES, file: "V = '0'\n"}
    server = serve("--app", "hello", "run", "--debug", files=files, env=environment)
    assert server.get("/").text == "0"
    for number in range(1, 7):
        server.write(file, f"V = '{number}'\n")
        assert server.get("/").text == str(number)
