from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pilotlight.reload.openfiles import Positions, flush_writers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="checkpoints need Linux")


def in_child(act: object) -> None:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            act()  # type: ignore[operator]
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_each_copy_reads_on_from_where_the_process_was(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"0123456789")
    file = os.open(tmp_path / "data", os.O_RDONLY)
    os.read(file, 3)
    positions = Positions([file])

    def read_on() -> None:
        positions.take_over()
        assert os.read(file, 4) == b"3456"

    in_child(read_on)
    in_child(read_on)
    assert os.read(file, 1) == b"3"
    os.close(file)


def test_a_deleted_file_is_read_on_as_well(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"0123456789")
    file = os.open(tmp_path / "data", os.O_RDONLY)
    os.unlink(tmp_path / "data")
    positions = Positions([file])

    def read_on() -> None:
        positions.take_over()
        assert os.read(file, 4) == b"0123"

    in_child(read_on)
    assert os.lseek(file, 0, os.SEEK_CUR) == 0
    os.close(file)


def test_what_a_log_keeps_back_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("a") as log, (tmp_path / "other").open("a") as other:
        log.write("one line\n")
        other.write("kept back")
        flush_writers([log.fileno()])
        assert path.read_text() == "one line\n"
        assert (tmp_path / "other").read_text() == ""
        flush_writers([])


def test_no_object_of_the_app_is_asked_what_it_is(tmp_path: Path) -> None:
    """Lazy objects (settings, translations) are evaluated by `isinstance`."""

    class Lazy:
        @property  # type: ignore[misc]
        def __class__(self) -> type:
            raise RuntimeError("evaluated")

    lazy = [Lazy()]
    with (tmp_path / "log").open("a") as log:
        log.write("one line\n")
        flush_writers([log.fileno()])
        assert (tmp_path / "log").read_text() == "one line\n"
    assert len(lazy) == 1
