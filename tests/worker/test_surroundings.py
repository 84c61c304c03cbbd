"""What a report says of the process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from pilotlight.worker.surroundings import commit_of, place, sections


def git(directory: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.test", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *words], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_is_read_from_git_s_own_files(tmp_path: Path) -> None:
    assert commit_of(str(tmp_path)) == ""
    git(tmp_path, "init")
    assert commit_of(str(tmp_path)) == "none yet, on main"
    git(tmp_path, "commit", "--allow-empty", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")[:12]
    below = tmp_path / "src"
    below.mkdir()
    assert commit_of(str(below)) == f"{commit} on main"
    git(tmp_path, "pack-refs", "--all")
    assert commit_of(str(tmp_path)) == f"{commit} on main"
    git(tmp_path, "worktree", "add", "-b", "other", "tree")
    assert commit_of(str(tmp_path / "tree")) == f"{commit} on other"
    git(tmp_path, "checkout", "--detach")
    assert commit_of(str(tmp_path)) == commit


def test_versions_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import flask  # noqa: F401

    monkeypatch.setenv("APP_PASSWORD", "s3cr3t-0815")
    monkeypatch.setenv("APP_NAME", "shop")
    found = {section.title: {pair.name: pair.value for pair in section.pairs} for section in sections("/x")}
    assert found["Versions"]["flask"].count(".") >= 1
    assert "s3cr3t-0815" not in json.dumps([asdict(section) for section in sections("/x")])
    assert "APP_NAME" in found["Environment variables"] or sections("/x")[1].omitted


def test_the_place_names_thread_and_task() -> None:
    assert place() == ""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(place()), name="worker-1")
    thread.start()
    thread.join()

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("job")
        found.append(place())

    asyncio.run(main())
    assert found == ["thread 'worker-1'", "task 'job'"]


def test_the_shell_s_directories_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"PWD": "/srv/shop", "OLDPWD": "/srv", "DB_PWD": "hunter22"}
    monkeypatch.setattr("os.environ", variables)  # the whole of it is too long in some places
    shown = {pair.name: pair.value for section in sections("") for pair in section.pairs}
    assert (shown["PWD"], shown["OLDPWD"]) == ("/srv/shop", "/srv")
    assert "hunter22" not in json.dumps(shown)
