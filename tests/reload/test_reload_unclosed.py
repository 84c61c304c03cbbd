"""Writes that nobody closes."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import digest_file
from pilotlight.reload.inotify_backend import InotifyBackend
from pilotlight.reload.unclosed import QUIET, Unclosed
from pilotlight.reload.watch import Watcher


def test_what_is_quiet_is_told_once() -> None:
    unclosed = Unclosed()
    assert unclosed.due is None
    unclosed.written(["/a"], 1.0)
    assert unclosed.due == 1.0 + QUIET
    assert unclosed.take_quiet(1.0 + QUIET / 2) == []
    assert unclosed.take_quiet(1.0 + QUIET) == ["/a"]
    assert unclosed.take_quiet(9.0) == []
    assert unclosed.due is None


def test_each_write_begins_the_quiet_anew() -> None:
    unclosed = Unclosed()
    for number in range(10):
        assert unclosed.take_quiet(number * QUIET / 2) == []
        unclosed.written(["/a"], number * QUIET / 2)
    assert unclosed.due == 9 * QUIET / 2 + QUIET


def test_what_is_closed_does_not_wait() -> None:
    unclosed = Unclosed()
    unclosed.written(["/a", "/b"], 1.0)
    unclosed.closed(["/a", "/c"])
    assert unclosed.take_quiet(2.0) == ["/b"]


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher(InotifyBackend())
    yield watcher
    watcher.close()


@pytest.fixture
def data(watcher: Watcher, tmp_path: Path) -> Path:
    path = tmp_path / "data.json"
    path.write_text("old")
    watcher.add(Dependency("file", str(path), digest_file(str(path))))
    return path


def news(watcher: Watcher) -> tuple[list[str], list[str]]:
    """Closed and unclosed paths, as soon as there are any."""
    descriptor = watcher.fileno()
    assert descriptor is not None
    assert select.select([descriptor], [], [], 5)[0], "no event"
    return watcher.read_events(), watcher.take_unclosed()


def has_news(watcher: Watcher) -> bool:
    descriptor = watcher.fileno()
    return bool(select.select([descriptor], [], [], 0)[0])


def test_a_write_is_unclosed_and_a_close_is_not(watcher: Watcher, data: Path) -> None:
    with data.open("r+") as stream:
        stream.write("new")
        stream.flush()
        assert news(watcher) == ([], [str(data)])
        assert watcher.take_unclosed() == []
    assert news(watcher) == ([str(data)], [])


def test_a_save_is_no_unclosed_write(watcher: Watcher, data: Path) -> None:
    data.write_text("new")
    assert news(watcher) == ([str(data)], [])


def test_a_file_that_is_cut_off_without_being_opened(watcher: Watcher, data: Path) -> None:
    os.truncate(data, 2)
    assert news(watcher) == ([], [str(data)])


def test_the_file_that_has_taken_the_place_is_watched(watcher: Watcher, data: Path) -> None:
    old = data.rename(data.with_name("data.old"))
    data.write_text("old")
    news(watcher)
    os.truncate(data, 2)
    assert news(watcher) == ([], [str(data)])
    os.truncate(old, 1)
    time.sleep(0.05)  # for an event that must not come
    watcher.read_events()
    assert watcher.take_unclosed() == []


def test_a_write_through_another_name_in_another_directory(watcher: Watcher, data: Path) -> None:
    elsewhere = data.parent.parent / f"{data.parent.name}-elsewhere"
    elsewhere.mkdir()
    other = elsewhere / "other"
    os.link(data, other)
    watcher.read_events()
    other.write_text("new")
    assert news(watcher) == ([], [str(data)])


def test_a_log_file_beside_it_is_silent(watcher: Watcher, data: Path) -> None:
    with (data.parent / "app.log").open("w") as log:
        watcher.read_events()  # that it was created
        for number in range(100):
            log.write(f"{number}\n")
            log.flush()
        assert not has_news(watcher)


def test_a_file_that_matters_no_more_is_silent_from_its_second_write_on(watcher: Watcher, data: Path) -> None:
    watcher.reset()
    with data.open("a") as stream:
        for _ in range(2):
            stream.write("more")
            stream.flush()
            watcher.read_events()
            assert watcher.take_unclosed() == []
        watcher.read_events()  # the end of the watch
        stream.write("more")
        stream.flush()
        assert not has_news(watcher)
