"""Modules that import each other in a chain, almost as long as Python's stack is deep."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from harness import Serve

APP = """
from pk.m0 import V


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(V).encode()})
"""
OURS = 6
"""Modules for which our own frames take the room."""


def chain(directory: Path, length: int, value: int = 0) -> dict[str, str]:
    middle = {f"pk/m{k}.py": f"from pk.m{k + 1} import V\n" for k in range(length - 1)}
    files = {"hello.py": APP, "pk/__init__.py": "", **middle, f"pk/m{length - 1}.py": f"V = {value}\n"}
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return files


def longest_in_plain_python(directory: Path) -> int:
    low, high = 1, 400
    while low + 1 < high:
        middle = (low + high) // 2
        chain(directory, middle)
        command = [sys.executable, "-B", "-c", "import hello"]
        works = subprocess.run(command, cwd=directory, capture_output=True).returncode == 0
        low, high = (middle, high) if works else (low, middle)
    return low


@pytest.mark.parametrize("engine", ["checkpoint", "restart"], indirect=True)
def test_the_last_module_is_loaded_and_watched(serve: Serve, tmp_path: Path) -> None:
    trial = tmp_path / "trial"
    trial.mkdir()
    length = longest_in_plain_python(trial) - OURS
    project = tmp_path / "project"
    server = serve("--app", "hello", "run", "--debug", files=chain(project, length), cwd=project)
    assert server.get("/").text == "0"
    server.write(f"pk/m{length - 1}.py", "V = 1\n")
    server.wait_until_response(lambda response: response.text == "1")
