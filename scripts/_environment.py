"""Finds the installed Pythons and makes a private virtual environment for one, for the commands next to it.

Standard library only, and must run on Python 3.8. Must never install anything outside the project's `.venvs`,
except system packages by `system_packages`, which says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venvs"
SUPPORTED = ((3, 13), (3, 12), (3, 11), (3, 10))
STAMP = "pilotlight-stamp"

_PROBE = "import sys; print(*sys.version_info[:3]); print(getattr(sys, '_base_executable', sys.executable))"
_VENV_PROBE = "import ensurepip, venv"


class SetupError(Exception):
    """Something that the user has to mend; the message says what."""


class Interpreter(NamedTuple):
    """An installed Python: the path of its executable (never that of an environment), and its version."""

    path: str
    version: tuple[int, ...]

    @property
    def minor(self) -> tuple[int, int]:
        """`(3, 12)`."""
        return self.version[0], self.version[1]

    @property
    def name(self) -> str:
        """`3.12`."""
        return "{}.{}".format(*self.version)


def say(line: str = "") -> None:
    """One line for the user, in order with what the started programs print."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _candidates() -> Iterator[str]:
    yield sys.executable
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for major, minor in SUPPORTED:
        for folder in folders:
            yield str(folder / f"python{major}.{minor}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in sorted(pyenv.glob("versions/3.*"), reverse=True):
        yield str(version / "bin" / "python")
    for folder in folders:
        yield str(folder / "python3")


def _probe(path: str) -> Interpreter | None:
    """What answers under this path; None if nothing does (a pyenv shim of an inactive version, for one)."""
    if not os.access(path, os.X_OK):
        return None
    answer = _quiet([path, "-I", "-c", _PROBE])
    lines = answer.stdout.splitlines()
    if answer.returncode or len(lines) != 2:
        return None
    return Interpreter(lines[1], tuple(int(part) for part in lines[0].split()))


def _quiet(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def interpreters() -> list[Interpreter]:
    """One interpreter for each installed Python of `SUPPORTED`, newest first.

    Of several of the same version, the first that can make virtual environments is taken (Debian's cannot).
    """
    found: dict[tuple[int, int], Interpreter] = {}
    complete = set()
    for path in dict.fromkeys(_candidates()):
        interpreter = _probe(path)
        if interpreter is None or interpreter.minor not in SUPPORTED or interpreter.minor in complete:
            continue
        can_make_environments = not _quiet([interpreter.path, "-I", "-c", _VENV_PROBE]).returncode
        if can_make_environments:
            complete.add(interpreter.minor)
        if can_make_environments or interpreter.minor not in found:
            found[interpreter.minor] = interpreter
    return [found[minor] for minor in SUPPORTED if minor in found]


def environment(interpreter: Interpreter, folder: str, requirements: Sequence[str]) -> Path:
    """A virtual environment with these `pip install` arguments; made only if it is not there already.

    Returns:
        The path of the environment's Python.

    Raises:
        SetupError: it cannot be made; the message has the last lines of what was tried.
    """
    target = ENVIRONMENTS / folder
    python = target / "bin" / "python"
    stamp = target / STAMP
    wanted = _fingerprint(interpreter, requirements)
    if stamp.exists() and stamp.read_text() == wanted and _probe(str(python)):
        return python
    present = _probe(str(python))
    if present is None or present.minor != interpreter.minor:
        say(f"Making .venvs/{folder} with Python {'.'.join(map(str, interpreter.version))}")
        _make(interpreter, target)
    say(f"Installing into .venvs/{folder}: {' '.join(requirements)}")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--prefer-binary"]
    _must([*pip, *requirements], f"Installing into .venvs/{folder} failed")
    stamp.write_text(wanted)
    return python


def _fingerprint(interpreter: Interpreter, requirements: Sequence[str]) -> str:
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes())
    for requirement in requirements:
        digest.update(b"\0" + requirement.encode())
        file = ROOT / requirement
        if file.is_file():
            digest.update(file.read_bytes())
    return f"{interpreter.name} {ROOT} {digest.hexdigest()}\n"


def _make(interpreter: Interpreter, target: Path) -> None:
    if _quiet([interpreter.path, "-I", "-c", _VENV_PROBE]).returncode:
        package = f"python{interpreter.name}-venv"
        problem = system_packages([package])
        if problem:
            raise SetupError(
                f"Python {interpreter.name} cannot make virtual environments: install {package}. {problem}"
            )
    _must([interpreter.path, "-m", "venv", "--clear", str(target)], f"Making {target} failed")


def _must(command: Sequence[str], failure: str) -> None:
    answer = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if answer.returncode:
        last = "\n".join(answer.stdout.splitlines()[-15:])
        raise SetupError(f"{failure} (status {answer.returncode}):\n{last}")


def system_packages(packages: Sequence[str]) -> str | None:
    """Install packages with apt-get, where that is allowed without a question.

    Returns:
        None, or why they were not installed, as a sentence.
    """
    if not shutil.which("apt-get"):
        return "There is no apt-get here to install it with."
    as_root: list[str] = []
    if os.geteuid() != 0:
        if not shutil.which("sudo") or _quiet(["sudo", "-n", "true"]).returncode:
            return "Installing it with apt-get needs root."
        as_root = ["sudo", "-n"]
    say(f"Installing with apt-get: {' '.join(packages)}")
    _quiet([*as_root, "apt-get", "update"])  # an old list may do: what counts is the install
    install = [
        *as_root,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-y",
        "--no-install-recommends",
    ]
    answer = _quiet([*install, *packages])
    if answer.returncode:
        lines = [line for line in answer.stdout.splitlines() if line.strip()]
        return f"apt-get could not install it: {lines[-1] if lines else 'no output'}"
    return None
