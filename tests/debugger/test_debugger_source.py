"""Reading source as it is now, telling own files from library files, folding long stacks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pilotlight
from pilotlight.debugger.folding import MAX_FRAMES, fold
from pilotlight.debugger.source import SourceReader, character_column, decode_source, is_own, split_source


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
