"""Where a load is paused: the decisions, with a clock and a fork that the test makes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pilotlight.reload.checkpoint import INTERVAL, QUICK, Checkpointer
from pilotlight.reload.purity import Purity
from pilotlight.reload.userfiles import UserFiles


class Load:
    """A load in which nothing is forked."""

    def __init__(self, directory: Path, *, hot: tuple[str, ...] = (), obstacle: str | None = None) -> None:
        self.directory = directory
        self.places: list[str] = []
        self.said: list[str] = []
        self.now = 100.0
        self.on_pause: Callable[[], None] = lambda: None
        purity = Purity((), UserFiles.of_this_interpreter())
        self.obstacle = obstacle
        purity.obstacle = lambda: self.obstacle  # type: ignore[method-assign]
        self.checkpointer = Checkpointer(
            self.pause, self.said.append, frozenset(map(self.path, hot)), purity, lambda: self.now
        )

    def path(self, name: str) -> str:
        return str(self.directory / name)

    def pause(self, place: str, seconds: float) -> None:
        self.on_pause()
        self.places.append(place.replace(str(self.directory) + os.sep, ""))

    def module(self, name: str, *, seconds: float = 0.001, modified: float = 1000.0) -> bool:
        path = Path(self.path(name))
        path.touch()
        os.utime(path, (modified, modified))
        inside = self.checkpointer.before_module(str(path))
        if inside:
            self.checkpointer.inside_module(str(path))
        self.now += seconds
        return inside


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return Load(tmp_path)


def test_before_the_first_module_and_after_the_load(load: Load) -> None:
    for name in ("a.py", "b.py", "c.py"):
        load.module(name)
    load.checkpointer.after_load()
    assert load.places == ["before a.py", "inside a.py, after its imports", "after the load"]


@pytest.mark.parametrize(("seconds", "places"), [(QUICK * 0.9, []), (QUICK, ["after the load"])])
def test_after_a_reload_that_was_quick_there_is_no_last_place(
    load: Load, seconds: float, places: list[str]
) -> None:
    load.module("a.py", seconds=10)
    load.checkpointer.begins(frozenset())
    load.now += seconds / 2
    load.module("b.py", seconds=seconds / 2, modified=500)
    load.checkpointer.after_load()
    assert load.places[2:] == places


def test_hot_modules(tmp_path: Path) -> None:
    load = Load(tmp_path, hot=("c.py",))
    for name in ("a.py", "b.py", "c.py", "d.py"):
        load.module(name)
    assert load.places[2:] == ["before c.py", "inside c.py, after its imports"]


def test_the_newest_modules_met(load: Load) -> None:
    for name, modified in (("a.py", 1000), ("b.py", 900), ("c.py", 2000), ("d.py", 2000.5), ("e.py", 1999)):
        load.module(name, modified=modified)
    assert [place for place in load.places if place.startswith("before")] == ["before a.py", "before c.py"]


def test_after_much_time(load: Load) -> None:
    load.module("a.py", seconds=INTERVAL * 0.9)
    load.module("b.py", seconds=INTERVAL * 0.2)
    load.module("c.py")
    assert load.places[2:] == ["before c.py"]


def test_a_module_that_becomes_hot_while_it_is_waited_before_it(load: Load) -> None:
    load.module("a.py", seconds=10)

    def edited() -> None:
        load.on_pause = lambda: None
        load.checkpointer.begins(frozenset({load.path("b.py")}))

    load.on_pause = edited
    assert load.module("b.py", modified=500) is True
    assert load.places[2:] == ["before b.py", "inside b.py, after its imports"]


def test_an_obstacle_ends_it_and_is_said_once(load: Load) -> None:
    load.module("a.py")
    load.obstacle = "The app runs a thread (bee)"
    for name in ("b.py", "c.py"):
        load.module(name, modified=5000)
    load.obstacle = None
    load.module("d.py", modified=9000)
    load.checkpointer.after_load()
    assert load.places == ["before a.py", "inside a.py, after its imports"]
    assert load.said == ["The app runs a thread (bee), so a reload begins before that."]


def test_a_fork_that_is_refused(load: Load) -> None:
    def refuse() -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    load.on_pause = refuse
    assert load.module("a.py") is False
    load.module("b.py", seconds=10)
    load.checkpointer.after_load()
    assert load.places == []
    assert len(load.said) == 1
    assert "Resource temporarily unavailable" in load.said[0]
