"""A sequence of edits as plain data, and its run against a real server.

A scenario that fails is printed as Python code that replays it: see `Scenario`. Must never know how the trees
were made up.
"""

from __future__ import annotations

import difflib
import io
import json
import os
import time
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cold_start import PYTHONPATH, ColdStarts, Outcome
from harness import Response, ServerProcess, pilotlight, write_atomically, write_in_place
from observed_state import ROOT_VARIABLE

LIMIT_SECONDS = 8.0
"""From the end of a step to the answer of the new code, on a machine that is busy with other tests."""
_PAUSE_SECONDS = 0.005
_DIFFERENT_LINES = 80


@dataclass(frozen=True)
class Link:
    """A symbolic link instead of a file."""

    to: str


Content = str | Link | None
"""Of a file; None removes it."""
How = Literal["atomic", "in place", "same time stamp"]
"""`same time stamp` writes in place and gives the file back the modification time that it had."""


@dataclass(frozen=True)
class Step:
    """What is saved before the app is looked at again, in this order. A file with its old content is
    touched."""

    files: tuple[tuple[str, Content], ...]
    how: How = "atomic"


@dataclass(frozen=True)
class Scenario:
    """A tree, and what is done to it while it is served.

    Args:
        target: of `--app`.
        app_dir: of `--app-dir`; the current directory is the tree's root in any case.
        steps: the first makes the tree before the server starts.
    """

    target: str
    steps: tuple[Step, ...]
    app_dir: str = "."


def play(scenario: Scenario, root: Path, home: Path, starts: ColdStarts, options: tuple[str, ...]) -> None:
    """Serves the first tree, takes the steps, and compares with a cold start after each.

    Args:
        root: an empty directory, without links in its path.
        home: the server's home directory.
        options: further options of `run`.

    Raises:
        AssertionError: the served app is in another state, or the server misbehaves.
    """
    first, *edits = scenario.steps
    save(root, first)
    cold = starts.outcome(root, scenario.target, scenario.app_dir)
    command = pilotlight("--app", scenario.target, "run", "--debug", "--app-dir", scenario.app_dir, *options)
    environment = {"HOME": str(home), "PYTHONPATH": PYTHONPATH, ROOT_VARIABLE: str(root)}
    server = ServerProcess(command, cwd=root, env=environment)
    try:
        with redirect_stderr(io.StringIO()), server:  # what each of many servers says would be too much
            if cold.error is not None:
                assert server.wait_for_exit() == 1
                assert cold.error["type"] in server.output
                return
            for number, step in enumerate((Step(()), *edits)):
                save(root, step)
                cold = starts.outcome(root, scenario.target, scenario.app_dir)
                _expect(server, cold, f"step {number}")
    except AssertionError as error:
        said = [line for line in server.output.splitlines() if " GET " not in line]
        raise AssertionError("\n".join([str(error), "The server said:", *said])) from None


def save(root: Path, step: Step) -> None:
    """Does to the disk what a step says."""
    for name, content in step.files:
        path = root / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            temporary = path.with_name(".new-link")
            temporary.symlink_to(content.to)
            temporary.replace(path)
        elif step.how == "atomic":
            write_atomically(path, content)
        else:
            _save_in_place(path, content, keep=step.how == "same time stamp")


def _save_in_place(path: Path, content: str, *, keep: bool) -> None:
    if path.is_symlink():
        path.unlink()
    before = path.stat() if keep and path.exists() else None
    write_in_place(path, content)
    if before is not None:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _expect(server: ServerProcess, cold: Outcome, when: str) -> None:
    """Asks until the answer is that of a cold start."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        response = server.get(headers={"Accept": "application/json"})
        difference = _difference(response, cold)
        if difference is None:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"After {when} the app is not as a cold start would have it:\n{difference}")
        time.sleep(_PAUSE_SECONDS)  # the old code still answers: leave the machine some air


def _difference(response: Response, cold: Outcome) -> str | None:
    served = _facts(response)
    wanted = cold.state if cold.error is None else cold.error
    if served == wanted:
        return None
    if cold.error is not None or response.status != 200:
        return f"cold start: {_shown(wanted)}\nserved: {_shown(served)}"
    before, after = (json.dumps(one, indent=1).splitlines() for one in (wanted, served))
    lines = list(difflib.unified_diff(before, after, "cold start", "served", lineterm="", n=4))
    return "\n".join(lines[:_DIFFERENT_LINES])


def _shown(facts: Any) -> str:
    return f"modules {facts['order']}" if "order" in facts else json.dumps(facts)


def _facts(response: Response) -> Any:
    """The state, or what a failure page has in common with `cold_start`'s description of an exception."""
    body = response.json()
    if response.status != 500 or "exceptions" not in body:
        return body
    error = body["exceptions"][0]
    syntax = error.get("syntax")
    return {
        "type": error["type"],
        "message": error["message"],
        "syntax": None if syntax is None else [syntax["file"], syntax["line"]],
        "frames": [
            [one["file"], one["line"], one["function"].rpartition(".")[2]]
            for one in error["frames"]
            if one["own"]
        ],
    }
