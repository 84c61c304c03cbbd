"""What a cold start of an app comes to, without any server: the measure for every reload.

The process that answers (this file, as a script: what CPython says of a module that may hide another depends
on where the script of the process lies) forks for each question, so that every app is imported by an
interpreter that has never seen it; only libraries are shared. It reads no bytecode and writes none.
Must never import Pilotlight.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import observed_state

HERE = Path(__file__).resolve().parent
PYTHONPATH = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
"""For both ways of starting an app, which have to find `observed_state`."""


@dataclass(frozen=True)
class Outcome:
    """How a start ended: with a state, or with an exception."""

    state: dict[str, Any] | None
    error: dict[str, Any] | None


class ColdStarts:
    """Asks the process; use as a context manager."""

    def __enter__(self) -> ColdStarts:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=HERE.parent,
            env={**environment, "PYTHONPATH": PYTHONPATH},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def outcome(self, root: Path, target: str, app_dir: str) -> Outcome:
        """Starts the app that is in `root` now.

        Args:
            target: `module:attribute`, or `module:factory()`.
            app_dir: the directory to import from, relative to `root`.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(root), target, app_dir]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Outcome(answer["state"], answer["error"])


def serve() -> None:
    """Answers questions, one per line, until there are no more."""
    import flask  # noqa: F401 - so that no app has to wait for it

    sys.dont_write_bytecode = True
    sys.pycache_prefix = os.path.join(os.sep, "nonexistent")
    for line in sys.stdin:
        root, target, app_dir = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _answer(root, target, app_dir)
        os.waitpid(pid, 0)


def _answer(root: str, target: str, app_dir: str) -> None:
    """In the forked process: never returns."""
    said = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    try:
        state, error = _start(root, target, app_dir), None
    except BaseException as raised:  # noqa: BLE001 - whatever the app raises is the outcome
        state, error = None, _describe(raised, root)
    with os.fdopen(said, "w") as stream:
        stream.write(json.dumps({"state": state, "error": error}) + "\n")
    os._exit(0)


def _start(root: str, target: str, app_dir: str) -> dict[str, Any]:
    os.environ[observed_state.ROOT_VARIABLE] = root
    os.chdir(root)
    if os.path.isfile(".env"):
        with open(".env") as file:
            os.environ.update(line.strip().split("=", 1) for line in file)
    sys.path[0] = os.path.normpath(os.path.join(os.getcwd(), app_dir))
    module, _, attribute = target.partition(":")
    __import__(module)
    found = getattr(sys.modules[module], attribute.removesuffix("()"))
    if attribute.endswith("()"):
        found()
    return observed_state.observe()


def _describe(error: BaseException, root: str) -> dict[str, Any]:
    """Type, message and the app's own frames, as a failure page has them."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    inside = os.path.realpath(root) + os.sep
    return {
        "type": name,
        "message": error.msg if isinstance(error, SyntaxError) else str(error),
        "syntax": [error.filename, error.lineno] if isinstance(error, SyntaxError) else None,
        "frames": [
            [frame.filename, frame.lineno, frame.name]
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith(inside) or frame.filename == "snippet.txt"  # as it was compiled
        ],
    }


if __name__ == "__main__":
    serve()
