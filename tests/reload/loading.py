"""Runs code as a worker would load it, in a Python of its own, and tells what was recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotlight.reload.dependencies import Dependency

_PRELUDE = """
import json, os, sys
from dataclasses import astuple
from pilotlight.reload.record import Recorder
said = os.fdopen(int(sys.argv[1]), "w", buffering=1)
def report(dependency):
    said.write(json.dumps(["dependency", *astuple(dependency)]) + "\\n")
def answer(value):
    said.write(json.dumps(["answer", value]) + "\\n")
recorder = Recorder(report)
sys.path.insert(0, os.getcwd())
recorder.install()
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run reported."""

    root: Path
    dependencies: tuple[Dependency, ...]
    answers: tuple[Any, ...]
    status: int
    errors: str

    def names(self, kind: str) -> set[str]:
        """Paths of one kind inside the project, relative to it."""
        inside = str(self.root) + os.sep
        return {
            one.path.removeprefix(inside)
            for one in self.dependencies
            if one.kind == kind and one.path.startswith(inside)
        }


def load(
    root: Path, code: str, *, flags: tuple[str, ...] = (), environment: dict[str, str] | None = None
) -> Load:
    """Runs `code` in `root`, recorded. `answer(value)` in it gives a value to the test."""
    reading, writing = os.pipe()
    command = [sys.executable, *flags, "-c", _PRELUDE + textwrap.dedent(code), str(writing)]
    with subprocess.Popen(
        command,
        cwd=root,
        pass_fds=(writing,),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    ) as process:
        os.close(writing)
        with os.fdopen(reading) as stream:
            messages = [json.loads(line) for line in stream]
        _, errors = process.communicate(timeout=30)
    return Load(
        root,
        tuple(Dependency(*rest) for kind, *rest in messages if kind == "dependency"),
        tuple(rest[0] for kind, *rest in messages if kind == "answer"),
        process.returncode,
        errors,
    )


def write(root: Path, files: dict[str, str]) -> None:
    """Makes a project."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
