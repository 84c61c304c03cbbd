from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pilotlight.reload.freshness import NOBODY, Freshness, Word
from pilotlight.reload.inotify import IN_CLOSE_WRITE, IN_MOVED_TO, Inotify


@pytest.fixture
def word() -> Iterator[Word]:
    word = Word.create()
    word.value = 7
    yield word
    word.close()


@pytest.fixture
def inotify(tmp_path: Path) -> Iterator[Inotify]:
    inotify = Inotify()
    inotify.add(str(tmp_path), IN_CLOSE_WRITE | IN_MOVED_TO)
    yield inotify
    inotify.close()


def test_a_new_word_names_nobody() -> None:
    word = Word.create()
    assert word.value == NOBODY
    assert word.noted == 0
    word.close()


def test_only_the_load_that_the_word_names_is_fresh(word: Word) -> None:
    old, new = Freshness(word, None, 6), Freshness(word, None, 7)
    assert (old(), new()) == (False, True)
    word.value = NOBODY
    assert (old(), new()) == (False, False)


def in_place(path: Path) -> None:
    path.write_text("new")


def by_renaming(path: Path) -> None:
    other = path.parent.parent / "elsewhere"
    other.write_text("new")
    other.rename(path)


@pytest.mark.parametrize("save", [in_place, by_renaming])
def test_a_save_that_nobody_has_looked_at_is_noticed(
    word: Word, inotify: Inotify, tmp_path: Path, save
) -> None:
    is_fresh = Freshness(word, inotify.fileno(), 7)
    assert is_fresh()
    save(tmp_path / "app.py")
    assert not is_fresh()
    assert not is_fresh()  # it has not taken the notice
    assert inotify.read()
    assert is_fresh()


def test_each_save_is_noticed_the_moment_it_returns(word: Word, inotify: Inotify, tmp_path: Path) -> None:
    is_fresh = Freshness(word, inotify.fileno(), 7)
    for number in range(300):
        (in_place if number % 2 else by_renaming)(tmp_path / "app.py")
        assert not is_fresh(), number
        inotify.read()
        assert is_fresh()


def test_a_file_that_is_only_being_written_is_still_as_it_was(
    word: Word, inotify: Inotify, tmp_path: Path
) -> None:
    is_fresh = Freshness(word, inotify.fileno(), 7)
    with (tmp_path / "app.py").open("w") as file:
        file.write("half")
        file.flush()
        assert is_fresh()
    assert not is_fresh()


def test_a_descriptor_that_the_app_has_closed_leaves_the_word(word: Word, tmp_path: Path) -> None:
    inotify = Inotify()
    is_fresh = Freshness(word, inotify.fileno(), 7)
    inotify.close()
    assert is_fresh()
    word.value = 8
    assert not is_fresh()


def test_a_fork_sees_what_the_supervisor_writes_and_what_is_saved(
    word: Word, inotify: Inotify, tmp_path: Path
) -> None:
    is_fresh = Freshness(word, inotify.fileno(), 7)
    go_in, go_out = os.pipe()
    answers_in, answers_out = os.pipe()
    pid = os.fork()
    if pid == 0:  # never back into pytest
        try:
            os.close(go_out)
            is_fresh.number = 8
            while step := os.read(go_in, 1):
                if step == b"l":
                    is_fresh.reads_late()
                os.write(answers_out, b"fresh" if is_fresh() else b"stale")
        finally:
            os._exit(0)
    os.close(go_in)

    def ask(step: bytes = b"?") -> bytes:
        os.write(go_out, step)
        return os.read(answers_in, 5)

    assert ask() == b"stale"
    word.value = 8
    assert ask() == b"fresh"
    assert not is_fresh()
    (tmp_path / "app.py").write_text("new")
    assert ask() == b"stale"
    inotify.read()
    assert ask() == b"fresh"
    assert ask(b"l") == b"stale"
    word.noted = 1
    assert ask() == b"fresh"
    os.close(go_out)
    os.waitpid(pid, 0)
    for descriptor in (answers_in, answers_out):
        os.close(descriptor)


def test_what_is_read_late_counts_when_it_is_watched(word: Word) -> None:
    is_fresh = Freshness(word, None, 7)
    assert is_fresh.reads_late() == 1
    assert not is_fresh()
    assert is_fresh.reads_late() == 2
    word.noted = 1
    assert not is_fresh()
    word.noted = 2
    assert is_fresh()


def test_it_costs_one_system_call(word: Word, inotify: Inotify) -> None:
    """What it takes in time is measured in `benchmarks/`."""
    called: list[str] = []
    is_fresh = Freshness(word, inotify.fileno(), 7)

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            called.append(argument.__name__)

    sys.setprofile(note)
    try:
        assert is_fresh()
    finally:
        sys.setprofile(None)
    assert [name for name in called if name != "setprofile"] == ["poll"]


def test_what_was_asked_is_known_of_each_load(word: Word) -> None:
    old, new = Freshness(word, None, 6), Freshness(word, None, 7)
    assert [word.was_asked(number) for number in (6, 7)] == [False, False]
    new.request_begins()
    old.request_begins()  # a predecessor that drains
    assert [word.was_asked(number) for number in (6, 7, 8)] == [True, True, False]
    assert (word.value, word.noted) == (7, 0)


def test_numbers_of_loads_do_not_run_out_of_places(word: Word) -> None:
    for number in range(1, 5000):
        assert not word.was_asked(number)
        Freshness(word, None, number).request_begins()
        assert word.was_asked(number)
    assert (word.value, word.noted) == (7, 0)
