"""`scripts/test`: sets up what the tests need; runs lint, types, layers and tests on every Python found."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

from _environment import ROOT, Interpreter, SetupError, environment, interpreters, say, system_packages

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIREMENTS = ["-e", ".[test,lint,tls]"]
WORKERS_PER_CORE = 2
"""The tests that start the command wait more than they compute."""
LONG = ("e2e", "regressions")
"""The folders of those tests: whole on the oldest and the newest Python."""
LONG_BUT_EVERYWHERE = ("test_checkpoints", "test_failures", "test_frameworks", "test_reloading")
LINT_FOLDERS = ["src", "tests", "scripts", "examples", "benchmarks"]


class Step(NamedTuple):
    """One row of the table at the end."""

    name: str
    status: str
    seconds: float


class Report:
    """What has been done so far, and whether all of it went well."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def run(self, name: str, command: Sequence[str]) -> None:
        """Run a command with its output shown as it comes."""
        heading(name)
        started = time.monotonic()
        status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
        self.add(name, "ok" if status == 0 else f"FAILED (status {status})", time.monotonic() - started)

    def add(self, name: str, status: str, seconds: float = 0.0) -> None:
        """Note a step that has ended."""
        self.steps.append(Step(name, status, seconds))

    @property
    def failed(self) -> bool:
        """True once any step has failed."""
        return any(step.status.startswith("FAILED") for step in self.steps)

    def show(self) -> None:
        """Print the table."""
        heading("Summary")
        width = max(len(step.name) for step in self.steps)
        for step in self.steps:
            say(f"{step.name:<{width}}  {step.seconds:7.1f} s  {step.status}")


def heading(text: str) -> None:
    """A line that stands out between the outputs of programs."""
    say(f"\n=== {text} " + "=" * max(0, 74 - len(text)))


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options of this command, and those that are pytest's."""
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        description="Set up what the tests need; run lint, types, layers and tests on every Python found.",
        epilog="Everything else is passed on to pytest: scripts/test --fast -k reload -x",
        allow_abbrev=False,
    )
    parser.add_argument("--python", metavar="3.X", help="only on this Python")
    parser.add_argument("--fast", action="store_true", help="only on the newest installed Python")
    return parser.parse_known_args(arguments)


def chosen(options: argparse.Namespace) -> list[Interpreter]:
    """The Pythons to test on, newest first.

    Raises:
        SetupError: there is none.
    """
    found = interpreters()
    if options.python:
        found = [interpreter for interpreter in found if interpreter.name == options.python]
    if not found:
        wanted = options.python or "3.10 to 3.13"
        raise SetupError(f"No Python {wanted} was found on PATH or under pyenv. Install one, and try again.")
    return found[:1] if options.fast else found


def selection(pythons: Sequence[Interpreter], number: int, left_out: Sequence[str]) -> list[str]:
    """What pytest is to run on one of the Pythons: everything on the newest, all but the longest and
    the browser on the oldest, and in between little of what starts the command.

    Args:
        left_out: markers of what cannot be run at all.
    """
    markers = left_out if number == 0 else ["browser", "thorough"]
    marked = ["-m", " and ".join(f"not {marker}" for marker in markers)] if markers else []
    if number in (0, len(pythons) - 1):
        return marked
    short = [path for path in (ROOT / "tests").iterdir() if path.name not in LONG]
    short = [path for path in short if path.is_dir() or path.name.startswith("test_")]
    long = [ROOT / "tests" / "e2e" / f"{name}.py" for name in LONG_BUT_EVERYWHERE]
    return [*marked, *(str(path.relative_to(ROOT)) for path in [*sorted(short), *long])]


def names_no_test(pytest_options: Sequence[str]) -> bool:
    """Whether it is left to us which tests run: a path or a marker that the caller gave is obeyed."""
    return not any(option == "-m" or os.path.exists(option.partition("::")[0]) for option in pytest_options)


def without_browser() -> str | None:
    """Why the tests with a browser have to be left out, if they have to; installs Chromium where it may."""
    if any(map(shutil.which, BROWSERS)):
        return None
    problem = system_packages(["chromium"])
    if problem is None and not any(map(shutil.which, BROWSERS)):
        return "apt-get installed chromium, but no browser of that name is on PATH."
    return problem


def check_once(report: Report, python: str) -> None:
    """Lint, types and layers: they are the same for every Python."""
    folders = [folder for folder in LINT_FOLDERS if any((ROOT / folder).rglob("*.py"))]
    report.run("lint", [python, "-m", "ruff", "check", "--output-format", "concise", *folders])
    report.run("format", [python, "-m", "ruff", "format", "--check", *folders])
    report.run("types", [python, "-m", "mypy", "--strict"])
    report.run("layers", [os.path.join(os.path.dirname(python), "lint-imports")])


def check(options: argparse.Namespace, pytest_options: list[str], report: Report) -> None:
    """Do it all, and note every step.

    Raises:
        SetupError: there is no Python to test on.
    """
    pythons = chosen(options)
    say("Testing on Python " + ", ".join(".".join(map(str, python.version)) for python in pythons))
    browser_problem = without_browser()
    left_out = ["browser"] if browser_problem else []
    if browser_problem:
        say(f"The tests that need a browser are left out, since there is no Chromium. {browser_problem}")
    workers = ["-n", str(min(os.cpu_count() or 1, 4) * WORKERS_PER_CORE)]
    for number, interpreter in enumerate(pythons):
        started = time.monotonic()
        heading(f"environment for Python {interpreter.name}")
        try:
            python = str(environment(interpreter, interpreter.name, REQUIREMENTS))
        except SetupError as error:
            say(str(error))
            report.add(f"environment {interpreter.name}", "FAILED", time.monotonic() - started)
            continue
        report.add(f"environment {interpreter.name}", "ok", time.monotonic() - started)
        if number == 0:
            check_once(report, python)
        which = selection(pythons, number, left_out) if names_no_test(pytest_options) else []
        report.run(
            f"tests on Python {interpreter.name}",
            [python, "-m", "pytest", *workers, *which, *pytest_options],
        )
    if browser_problem:
        report.add("tests with a browser", "left out: no Chromium")


def main(arguments: list[str]) -> int:
    """Returns the exit status: 0 if every step went well."""
    options, pytest_options = parse(arguments)
    report = Report()
    try:
        check(options, pytest_options, report)
    except SetupError as error:
        say(str(error))
        return 1
    report.show()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
