"""What a developer does: the commands that are typed, and how editors save a file."""

from __future__ import annotations

import re
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path


def pilotlight(*arguments: str) -> list[str]:
    """`python -m pilotlight ...` with the Python that runs the tests, on a free port unless one is given."""
    return [sys.executable, "-m", "pilotlight", *_with_free_port(arguments)]


def script(name: str, *arguments: str) -> list[str]:
    """An installed console script (`pilotlight`, `flask`, ...), on a free port unless one is given."""
    return [str(Path(sys.executable).parent / name), *_with_free_port(arguments)]


def python(*arguments: str) -> list[str]:
    """The Python that runs the tests with exactly these arguments (`python hello.py`)."""
    return [sys.executable, *arguments]


def _with_free_port(arguments: Sequence[str]) -> list[str]:
    chosen = any(re.match(r"-p|--port|--uds|--help|--version", argument) for argument in arguments)
    return [*arguments] if chosen or "run" not in arguments else [*arguments, "--port", "0"]


def write_in_place(path: Path, text: str) -> None:
    """Save as simple editors do: truncate the file and write it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_atomically(path: Path, text: str) -> None:
    """Save as careful editors do: a temporary file next to it, renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
