"""Reading source as it is now, telling own files from library files, folding long stacks."""

from __future__ import annotations

import importlib
import json
import linecache
import os
import zipfile
import zipimport
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pilotlight
from pilotlight.debugger import from_exception
from pilotlight.debugger.introspection.source import (
    SourceReader,
    character_column,
    decode_source,
    is_own,
    split_source,
)
from pilotlight.debugger.report.folding import MAX_FRAMES, fold


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x = 1", "x = 1"),
        (b"\xef\xbb\xbfx = '\xc3\xa9'", "x = 'é'"),
        (b"# coding: latin-1\n\xe9", "# coding: latin-1\né"),
        (
            b"#!/usr/bin/python\n# -*- coding: cp1252 -*-\n\x80",
            "#!/usr/bin/python\n# -*- coding: cp1252 -*-\n€",
        ),
        (b"x = 1\n# coding: latin-1\n\xc3\xa9", "x = 1\n# coding: latin-1\né"),
        (b"\n\n# coding: latin-1\n\xc3\xa9", "\n\n# coding: latin-1\né"),
        (b"# coding: no-such-codec\n\xc3\xa9", "# coding: no-such-codec\né"),
        (b"# coding: hex\n6162", "# coding: hex\n6162"),
        (b"# coding: utf-8\n\xff", "# coding: utf-8\n\ufffd"),
        (b"", ""),
    ],
)
def test_decode_source(data: bytes, text: str) -> None:
    assert decode_source(data) == text


@given(st.binary(max_size=200))
def test_any_bytes_decode(data: bytes) -> None:
    assert isinstance(decode_source(data), str)
    assert isinstance(decode_source(b"# coding: " + data), str)


def test_lines_end_where_the_compiler_ends_them() -> None:
    assert split_source("a\r\nb\rc\nd\x0ce\u2028f\x85g") == ("a", "b", "c", "d\x0ce\u2028f\x85g")


@given(st.text(max_size=20), st.integers(0, 100))
def test_columns_in_bytes_and_characters(line: str, column: int) -> None:
    column = min(column, len(line))
    assert character_column(line, len(line[:column].encode())) == column


def test_what_cannot_be_read_has_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "binary.py").write_bytes(b"\0\1")
    (tmp_path / "huge.py").write_bytes(b"#" * 5_000_000)
    reader = SourceReader()
    assert reader.lines(str(tmp_path)) == "The source is not a regular file."
    assert reader.lines(str(tmp_path / "pipe.py")) == "The source is not a regular file."
    assert reader.lines(str(tmp_path / "binary.py")) == "The file is not text."
    assert reader.lines(str(tmp_path / "huge.py")) == "The file is too large to be shown."
    assert reader.lines(str(tmp_path / "none.py")) == "The file is not there any more."
    assert reader.lines("a\0b").startswith("The file cannot be read: ")  # type: ignore[union-attr]
    assert reader.lines("<string>") == "The code did not come from a file."


def test_generated_code_and_notebook_cells_are_known_to_linecache(tmp_path: Path) -> None:
    cell = str(tmp_path / "ipykernel_1" / "123.py")
    entries: dict[str, Any] = {
        "<generated>": (10, None, ["a\n", "b\n"], "<generated>"),
        cell: (10, None, ["x = 1\n"], cell),
        "<lazy>": (lambda: pytest.fail("a loader was asked"),),
        "<of a file>": (10, 5.0, ["a\n"], "<of a file>"),
        "<odd>": (10, None, [object()], "<odd>"),
        "<odder>": (10, None, 5, "<odder>"),
        "<empty>": (0, None, [], "<empty>"),
    }
    linecache.cache.update(entries)
    try:
        reader = SourceReader()
        assert reader.lines("<generated>") == ("a", "b", "")
        assert reader.lines(cell) == ("x = 1", "")
        for name in ("<lazy>", "<of a file>", "<odd>", "<odder>", "<empty>", "<nowhere>"):
            assert reader.lines(name) == "The code did not come from a file."
        assert reader.lines("<frozen os>") == "The code is built into the interpreter."
    finally:
        for name in entries:
            del linecache.cache[name]


def test_code_from_a_zip_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "library.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("zipped_package/__init__.py", "")
        stream.writestr("zipped_package/zipped.py", "# coding: latin-1\nx = 'é'\n1 / 0\n".encode("latin-1"))
    monkeypatch.syspath_prepend(str(archive))
    with pytest.raises(ZeroDivisionError) as caught:
        importlib.import_module("zipped_package.zipped")
    frame = from_exception(caught.value).error.frames[-1]
    assert (frame.line, frame.code(), frame.lines[1]) == (3, "1 / 0", "x = 'é'")
    assert frame.file == str(archive / "zipped_package" / "zipped.py")
    archive.unlink()
    note = from_exception(caught.value).error.frames[-1].source_note
    assert note.startswith(("The file cannot be read from its archive: ", "The file is not there any more."))


def test_a_loader_of_the_app_is_never_asked(tmp_path: Path) -> None:
    class Loader(zipimport.zipimporter):
        def __init__(self) -> None: ...

        def get_data(self, pathname: str) -> bytes:
            raise AssertionError("a loader of the app was asked")

    (tmp_path / "file").touch()
    reader = SourceReader()
    assert reader.lines(str(tmp_path / "file" / "a.py"), Loader()) == "The file is not there any more."


def test_a_changed_file_is_asked_for_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x\n")
    asked: list[str] = []
    reader = SourceReader(lambda file: not asked.append(file))
    for _ in range(3):
        note = reader.excerpt(str(tmp_path / "a.py"), 1).note
        assert note == "The file has changed since it was loaded: these may not be the lines that ran."
    assert len(asked) == 1


def test_excerpts_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("\n".join("x" * 10_000 for _ in range(100)))
    excerpt = SourceReader().excerpt(str(path), 50, 90)
    assert (excerpt.first_line, len(excerpt.lines)) == (45, 22)
    assert all(len(line) == 401 for line in excerpt.lines)
    assert SourceReader().excerpt(str(path), None).note == "The interpreter did not record the line."


def test_whose_file_it_is(tmp_path: Path) -> None:
    assert is_own(str(tmp_path / "app.py"))
    assert is_own("<string>")
    assert is_own("relative/app.py")
    for file in (json.__file__, pytest.__file__, pilotlight.__file__, "<frozen importlib._bootstrap>"):
        assert not is_own(file)


@given(st.lists(st.integers(0, 3), max_size=300))
def test_folding_counts_every_frame_once(keys: list[int]) -> None:
    folded = fold(keys)
    assert len(folded) <= MAX_FRAMES
    assert sum(1 + each.repeats * each.period + each.omitted for each in folded) == len(keys)
    assert [each.at for each in folded] == sorted({each.at for each in folded})
    for each in folded:
        if each.repeats:
            block = keys[each.at + 1 - each.period : each.at + 1]
            after = keys[each.at + 1 : each.at + 1 + each.period * each.repeats]
            assert after == block * each.repeats


def test_a_deep_stack_without_cycles_is_bounded() -> None:
    folded = fold(range(100_000))
    assert len(folded) == MAX_FRAMES
    assert sum(each.omitted for each in folded) == 100_000 - MAX_FRAMES
