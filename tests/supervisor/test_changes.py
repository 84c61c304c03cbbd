"""Which changes are taken for the app's own doing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotlight.reload.dependencies import ANY_FILE, Dependency
from pilotlight.reload.digest import digest_file
from pilotlight.settings import Settings
from pilotlight.supervisor.answering import Answering
from pilotlight.supervisor.changes import OWN_DOINGS_IN_A_ROW, Changes, ChangeWatch


class Scene:
    """A watch, and loads that read one file."""

    def __init__(self, watch: ChangeWatch, directory: Path) -> None:
        self.watch = watch
        self.directory = directory
        self.count = 0

    def load(self, name: str, *, starts_process: bool = True) -> None:
        path = self.directory / name
        if not path.exists():
            self.save(name)
        self.watch.begin_load()
        self.watch.add(Dependency("file", str(path), digest_file(str(path))))
        if starts_process:
            self.watch.writing(ANY_FILE)

    def save(self, name: str) -> None:
        self.count += 1
        (self.directory / name).write_text(str(self.count))

    def take(self) -> Changes:
        self.watch.look()
        changes = self.watch.take()
        assert changes is not None
        return changes

    def loads_that_change(self, name: str, times: int) -> None:
        for _ in range(times):
            self.load(name)
            self.save(name)
            assert not self.take().own_doing


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.chdir(tmp_path)
    loop = asyncio.new_event_loop()
    answering = Answering(lambda: None)
    watch = ChangeWatch(Settings(), loop, lambda: None, lambda line: None, answering)
    yield Scene(watch, tmp_path.resolve())
    watch.close()
    answering.close()
    loop.close()


def test_what_changes_in_each_load_that_starts_a_process(scene: Scene) -> None:
    scene.loads_that_change("data", OWN_DOINGS_IN_A_ROW)
    scene.load("data")
    scene.save("data")
    changes = scene.take()
    assert changes.own_doing
    assert changes.paths == (str(scene.directory / "data"),)
    scene.load("data")
    scene.save("data")
    assert scene.take() == Changes((), (), own_doing=True)


def test_without_a_process_it_is_somebody_else(scene: Scene) -> None:
    for _ in range(3 * OWN_DOINGS_IN_A_ROW):
        scene.load("data", starts_process=False)
        scene.save("data")
        assert not scene.take().own_doing


def test_code_is_never_taken_for_the_work_of_a_process(scene: Scene) -> None:
    scene.loads_that_change("code.py", 3 * OWN_DOINGS_IN_A_ROW)


def test_a_save_after_the_load_counts(scene: Scene) -> None:
    scene.loads_that_change("data", OWN_DOINGS_IN_A_ROW)
    scene.load("data")
    scene.save("data")
    assert scene.take().own_doing
    for _ in range(3 * OWN_DOINGS_IN_A_ROW):
        scene.watch.load_finished()
        scene.save("data")
        assert not scene.take().own_doing
        scene.load("data")


def test_what_was_written_while_it_loaded_is_known_when_it_is_ready(scene: Scene) -> None:
    for _ in range(OWN_DOINGS_IN_A_ROW):
        scene.load("data")
        scene.save("data")
        scene.watch.load_finished()
        assert not scene.take().own_doing
    scene.load("data")
    scene.save("data")
    scene.watch.load_finished()
    assert scene.take().own_doing


def test_it_is_told_again_when_it_has_come_back(scene: Scene) -> None:
    scene.loads_that_change("data", OWN_DOINGS_IN_A_ROW)
    scene.load("data")
    scene.save("data")
    assert scene.take().paths
    scene.load("data")
    scene.watch.load_finished()
    scene.loads_that_change("data", OWN_DOINGS_IN_A_ROW)
    scene.load("data")
    scene.save("data")
    assert scene.take().paths
