"""What a report says about the process it comes from: versions, environment, the state of the working tree.
Must never start a process or import anything of the app's."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

from pilotlight.debugger.model import Pair, Section
from pilotlight.debugger.values.secrets import MARK, is_secret_name, mask_text

MOST_VARIABLES = 80
_DIRECTORIES = frozenset({"PWD", "OLDPWD"})
"""Of every shell (POSIX.1, XCU 2.5.3). Only here: elsewhere a password has that name, as in ODBC."""
_MOST_CHARACTERS = 200
_NOTABLE = (
    "pilotlight",
    "flask",
    "werkzeug",
    "jinja2",
    "quart",
    "django",
    "fastapi",
    "starlette",
    "pydantic",
    "litestar",
    "falcon",
    "bottle",
    "sqlalchemy",
)


def sections(directory: str) -> tuple[Section, ...]:
    """The environment of a report.

    Args:
        directory: that the app runs in.
    """
    pairs = [
        Pair("Python", f"{sys.version.partition(' ')[0]} ({sys.implementation.name}, {sys.executable})"),
        *(Pair(name, version) for name, version in _versions()),
        Pair("System", _system()),
        Pair("Process", ", ".join(filter(None, (f"{os.getpid()} in {directory}", place())))),
    ]
    commit = commit_of(directory)
    if commit:
        pairs.append(Pair("Git commit", commit))
    variables = sorted(os.environ.items())
    shown = tuple(Pair(name, _shown(name, value)) for name, value in variables[:MOST_VARIABLES])
    return (
        Section("Versions", tuple(pairs)),
        Section("Environment variables", shown, max(len(variables) - MOST_VARIABLES, 0)),
    )


def place() -> str:
    """The thread and the task that this is called in; empty in the main thread outside of a task."""
    parts = []
    thread = threading.current_thread()
    if thread is not threading.main_thread():
        parts.append(f"thread {thread.name!r}")
    task = None
    if "asyncio" in sys.modules:
        import asyncio

        with suppress(RuntimeError):  # no loop runs here
            task = asyncio.current_task()
    if task is not None:
        parts.append(f"task {task.get_name()!r}")
    return ", ".join(parts)


def _versions() -> list[tuple[str, str]]:
    """Of what is loaded, by the names of the directories that installers make beside it
    (https://packaging.python.org/specifications/recording-installed-packages/): `importlib.metadata` costs
    more than the whole report."""
    wanted = {name for name in _NOTABLE if name in sys.modules}
    found: dict[str, str] = {}
    for place in sys.path:
        if os.path.basename(place) not in ("site-packages", "dist-packages"):
            continue
        with suppress(OSError):
            for entry in os.listdir(place):
                name, _, version = entry.removesuffix(".dist-info").partition("-")
                if entry.endswith(".dist-info") and name.lower() in wanted:
                    found.setdefault(name.lower(), version)
    return [(name, found[name]) for name in _NOTABLE if name in found]


def _system() -> str:
    if not hasattr(os, "uname"):
        return sys.platform
    system = os.uname()
    return f"{system.sysname} {system.release} {system.machine}"


def _shown(name: str, value: str) -> str:
    if name not in _DIRECTORIES and is_secret_name(name):
        return MARK
    value = mask_text(value)
    return value if len(value) <= _MOST_CHARACTERS else f"{value[:_MOST_CHARACTERS]}..."


def commit_of(directory: str) -> str:
    """The commit that is checked out, and its branch, from the files of git; empty outside of a work tree."""
    for _ in range(32):
        with suppress(OSError):
            return _commit_in(_git_directory(os.path.join(directory, ".git")))
        above = os.path.dirname(directory)
        if above == directory:
            break
        directory = above
    return ""


def _git_directory(path: str) -> str:
    """In a linked work tree or a submodule `.git` is a file that names the directory."""
    if os.path.isdir(path):
        return path
    named = _read(path).partition("gitdir:")[2].strip()
    return os.path.join(os.path.dirname(path), named)


def _commit_in(git: str) -> str:
    head = _read(os.path.join(git, "HEAD"))
    if not head.startswith("ref:"):
        return head[:12]
    reference = head.partition(":")[2].strip()
    branch = reference.removeprefix("refs/heads/")
    common = git
    with suppress(OSError):
        common = os.path.join(git, _read(os.path.join(git, "commondir")))
    with suppress(OSError):
        return f"{_read(os.path.join(common, reference))[:12]} on {branch}"
    with suppress(OSError):
        for line in _read(os.path.join(common, "packed-refs")).splitlines():
            commit, _, name = line.partition(" ")
            if name == reference:
                return f"{commit[:12]} on {branch}"
    return f"none yet, on {branch}"


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1_000_000).strip()
