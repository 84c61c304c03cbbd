"""`scripts/example` and `scripts/test`: finding Pythons, making environments once, passing options on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import _environment  # noqa: E402
import _test  # noqa: E402


def fake_python(path: Path, version: str, *, status: int = 0, makes_environments: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    major, minor, micro = version.split(".")
    venv = 0 if makes_environments else 1
    path.write_text(
        f'#!/bin/sh\ncase "$3" in *ensurepip*) exit {venv};; esac\n'
        f"echo {major} {minor} {micro}; echo {path}; exit {status}\n"
    )
    path.chmod(0o755)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python but those that the test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr("_environment.sys.executable", str(tmp_path / "none"))
    return tmp_path


def test_pythons_of_path_and_pyenv_newest_first(bare: Path) -> None:
    fake_python(bare / "bin/python3.11", "3.11.4")
    fake_python(bare / "pyenv/versions/3.13.1/bin/python", "3.13.1")
    fake_python(bare / "pyenv/versions/3.9.1/bin/python", "3.9.1")
    fake_python(bare / "bin/python3.12", "3.12.0", status=127)  # a shim of a version that is not active
    assert [each.name for each in _environment.interpreters()] == ["3.13", "3.11"]


def test_python_that_can_make_environments_is_preferred(bare: Path) -> None:
    fake_python(bare / "bin/python3.11", "3.11.2", makes_environments=False)
    fake_python(bare / "pyenv/versions/3.11.7/bin/python", "3.11.7")
    (found,) = _environment.interpreters()
    assert found.version == (3, 11, 7)


def test_no_python_is_one_clear_sentence(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _test.main(["--python", "3.12"]) == 1
    assert "No Python 3.12 was found on PATH or under pyenv." in capsys.readouterr().out


def test_environment_is_made_once_and_again_when_the_project_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def run(command: Sequence[str], failure: str) -> None:
        done.append("venv" if "venv" in command else "install")
        if "venv" in command:
            fake_python(Path(command[-1]) / "bin" / "python", "3.12.1")

    monkeypatch.setattr(_environment, "_must", run)
    monkeypatch.setattr(_environment, "ROOT", tmp_path)
    monkeypatch.setattr(_environment, "ENVIRONMENTS", tmp_path / ".venvs")
    (tmp_path / "pyproject.toml").write_text("one")
    fake_python(tmp_path / "python", "3.12.1")
    interpreter = _environment.Interpreter(str(tmp_path / "python"), (3, 12, 1))

    python = _environment.environment(interpreter, "3.12", ["-e", "."])
    assert done == ["venv", "install"]
    assert _environment.environment(interpreter, "3.12", ["-e", "."]) == python
    assert done == ["venv", "install"]
    (tmp_path / "pyproject.toml").write_text("two")
    _environment.environment(interpreter, "3.12", ["-e", "."])
    assert done == ["venv", "install", "install"]


def test_failing_install_shows_the_last_lines(tmp_path: Path) -> None:
    with pytest.raises(_environment.SetupError, match=r"Installing failed \(status 3\):\nno such package"):
        _environment._must([sys.executable, "-c", "print('no such package'); exit(3)"], "Installing failed")


def test_options_of_pytest_are_passed_on() -> None:
    options, rest = _test.parse(["--fast", "-k", "reload", "-x", "tests/server"])
    assert options.fast
    assert options.python is None
    assert rest == ["-k", "reload", "-x", "tests/server"]


def test_any_failed_step_fails_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    report = _test.Report()
    report.run("good", [sys.executable, "-c", ""])
    assert not report.failed
    report.run("bad", [sys.executable, "-c", "exit(7)"])
    report.run("good again", [sys.executable, "-c", ""])
    assert report.failed
    report.show()
    assert "FAILED (status 7)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["example", "test"])
def test_commands_start_with_nothing_but_a_plain_path(name: str) -> None:
    variables = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    answer = subprocess.run(
        [SCRIPTS / name, "--help"], env=variables, cwd="/", capture_output=True, text=True, timeout=30
    )
    assert answer.returncode == 0, answer.stderr
    assert f"scripts/{name}" in answer.stdout


def test_what_runs_on_which_python() -> None:
    pythons = [_environment.Interpreter(f"python3.{minor}", (3, minor, 0)) for minor in (13, 12, 10)]
    assert _test.selection(pythons, 0, []) == []
    assert _test.selection(pythons, 0, ["browser"]) == ["-m", "not browser"]
    assert _test.selection(pythons, 2, []) == ["-m", "not browser and not thorough"]
    marker, expression, *paths = _test.selection(pythons, 1, [])
    assert (marker, expression) == ("-m", "not browser and not thorough")
    assert "tests/reload" in paths
    assert "tests/e2e/test_reloading.py" in paths
    assert all((_test.ROOT / path).exists() for path in paths)
    assert not {"tests/e2e", "tests/regressions", "tests/conftest.py"}.intersection(paths)


def test_who_names_tests_gets_these_and_no_others() -> None:
    assert _test.names_no_test(["-x", "-k", "reload"])
    assert not _test.names_no_test(["-x", "tests/conftest.py::test_x"])
    assert not _test.names_no_test(["-m", "browser"])
