"""A copy makes the pages its own that a copy before it has written; in real forks."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pilotlight.worker.prefault import Prefault

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's files are Linux'")

PAGES = 2000


class Memory:
    """Some thousand pages, each written by one byte."""

    def __init__(self) -> None:
        self.content = bytearray(b"a" * (PAGES * resource.getpagesize()))

    def write(self) -> int:
        """Gives the faults that it took."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        self.content[:: resource.getpagesize()] = b"b" * PAGES
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def in_a_copy(work: Callable[[], int]) -> int:
    """What `work` gives, 0 to 100,000, in a fork of this process. Nothing else of the test's runs there."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as end:
        said = end.read()
    os.waitpid(pid, 0)
    return int(said)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def learned(prefault: Prefault, memory: Memory) -> int:
    def work() -> int:
        prefault.begins()
        faults = memory.write()
        prefault.learn()
        return faults

    return in_a_copy(work)


def test_the_second_copy_takes_no_faults(memory: Memory) -> None:
    prefault = Prefault()
    prefault.descends()
    assert learned(prefault, memory) >= PAGES * 0.9

    def work() -> int:
        prefault.populate(lambda: False)
        assert memory.content == b"a" * len(memory.content)
        return memory.write()

    assert in_a_copy(work) < PAGES * 0.1


def test_the_order_is_not_held_up(memory: Memory) -> None:
    prefault = Prefault()
    prefault.descends()
    learned(prefault, memory)
    asked: list[None] = []

    def work() -> int:
        prefault.populate(lambda: bool(asked.append(None)) or len(asked) > 3)
        return len(asked)

    assert in_a_copy(work) == 4


def test_what_copies_of_another_checkpoint_learned_is_forgotten(memory: Memory) -> None:
    prefault = Prefault()
    prefault.descends()
    learned(prefault, memory)
    prefault.depth -= 1
    prefault.descends()

    def work() -> int:
        prefault.populate(lambda: False)
        return memory.write()

    assert in_a_copy(work) >= PAGES * 0.9


def test_it_is_not_looked_for_ever(memory: Memory) -> None:
    prefault = Prefault()
    prefault.descends()
    for lessons in (1, 2, 3, 3):
        learned(prefault, memory)
        assert prefault._read(prefault.depth)[0] == lessons


def test_without_a_load_that_goes_on_nothing_is_learned(memory: Memory) -> None:
    prefault = Prefault()
    memory.write()
    prefault.learn()
    assert prefault._read(prefault.depth) == (0, [])


def test_a_file_of_the_apps_under_the_same_number_is_left_alone(tmp_path: Path, memory: Memory) -> None:
    prefault = Prefault()
    path = tmp_path / "data"
    path.write_text("the app's")
    with open(path, "r+b") as file:
        os.dup2(file.fileno(), prefault._file)
    try:
        prefault.descends()
        learned(prefault, memory)
        prefault.populate(lambda: False)
    finally:
        os.close(prefault._file)
    assert path.read_text() == "the app's"
    prefault.descends()  # it is closed by now
    prefault.populate(lambda: False)
