"""A copy makes the pages its own that a copy before it has written; in real forks."""

from __future__ import annotations

import mmap
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

    def __init__(self, pages: int = PAGES) -> None:
        self.pages = pages
        self.content = bytearray(b"a" * (pages * resource.getpagesize()))

    def write(self) -> int:
        """Gives the faults that it took."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        self.content[:: resource.getpagesize()] = b"b" * self.pages
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


def test_a_system_that_has_no_such_files(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    prefault = Prefault()
    prefault.descends()
    learned(prefault, memory)
    prefault.populate(lambda: False)
    assert prefault._read(prefault.depth) == (0, [])


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="there are no such files")
def test_no_descriptor_is_left(memory: Memory) -> None:
    prefault = Prefault()
    prefault.descends()
    learned(prefault, memory)

    def work() -> int:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        Prefault().descends()
        prefault.populate(lambda: False)
        prefault.begins()
        memory.write()
        prefault.learn()
        return 1

    assert in_a_copy(work) == 1


def test_a_copy_does_not_make_all_of_a_large_memory_its_own() -> None:
    large = Memory(5 * PAGES)
    prefault = Prefault()
    prefault.descends()
    learned(prefault, large)
    assert sum(end - first for first, end in prefault._read(prefault.depth)[1]) <= 8192


def test_memory_that_is_only_reserved_is_not_looked_through(memory: Memory) -> None:
    prefault = Prefault()
    prefault.descends()
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    with mmap.mmap(-1, 256 << 30, flags=flags):

        def work() -> int:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            prefault.begins()
            memory.write()
            prefault.learn()
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

        assert in_a_copy(work) < 20_000  # KiB, of which the pages that were written are 8,000
