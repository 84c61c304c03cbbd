"""Judgement, digests, bursts and event parsing: tables and properties."""

from __future__ import annotations

import itertools
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.reload.burst import LONGEST, LONGEST_QUIET, QUIET, SOON, Burst
from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import (
    LARGE_FILE,
    NOT_REGULAR,
    UNREADABLE,
    digest_bytes,
    digest_directory,
    digest_file,
    digest_head,
    digest_names,
    find_module_file,
    never_matters,
    present_head,
    present_state,
)
from pilotlight.reload.inotify import IN_CLOSE_WRITE, RawEvent, parse_events
from pilotlight.reload.judge import Change, Exclusions, changes, judge


@pytest.mark.parametrize(
    ("dependency", "present", "kind"),
    [
        (Dependency("file", "/a", "1"), "1", None),
        (Dependency("file", "/a", "1"), "2", "edited"),
        (Dependency("file", "/a", "1"), None, "deleted"),
        (Dependency("file", "/a", None), "1", "created"),
        (Dependency("file", "/a", None), None, None),
        (Dependency("head", "/a", "1:1"), "1:1", None),
        (Dependency("head", "/a", "1:1"), "1:2", "edited"),
        (Dependency("head", "/a", "1:1"), None, "deleted"),
        (Dependency("directory", "/a", "1"), "2", "edited"),
        (Dependency("directory", "/a", "1"), None, "deleted"),
        (Dependency("missing", "/a"), None, None),
        (Dependency("missing", "/a"), "/a", "created"),
        (Dependency("missing-module", "/a"), None, None),
        (Dependency("missing-module", "/a"), "/a.py", "created"),
    ],
)
def test_one_dependency(dependency: Dependency, present: str | None, kind: str | None) -> None:
    change = judge(dependency, present)
    assert (change.kind if change else None) == kind
    if change is not None:
        assert change.path == (present if dependency.kind.startswith("missing") else "/a")
        assert change.dependency == dependency


@pytest.mark.parametrize(
    ("dependency", "present", "unfinished"),
    [
        (Dependency("file", "/a", "1"), "2", False),
        (Dependency("file", "/a", "1"), None, True),
        (Dependency("file", "/a", "1"), digest_bytes(b""), True),
        (Dependency("file", "/a", None), "1", False),
        (Dependency("head", "/a", digest_head(b"import os")), digest_head(b"import sy"), False),
        (Dependency("head", "/a", digest_head(b"import os")), digest_head(b""), True),
        (Dependency("directory", "/a", "1"), "2", True),
        (Dependency("missing", "/a"), "/a", False),
        (Dependency("missing-module", "/a"), "/a.py", False),
    ],
)
def test_what_may_be_the_middle_of_a_save(
    dependency: Dependency, present: str | None, unfinished: bool
) -> None:
    change = judge(dependency, present)
    assert change is not None
    assert change.unfinished is unfinished


@given(st.dictionaries(st.text("abc/", min_size=1), st.tuples(st.text("01"), st.none() | st.text("01"))))
def test_only_differences_are_changes(world: dict[str, tuple[str, str | None]]) -> None:
    recorded = [Dependency("file", path, old) for path, (old, _) in world.items()]
    found = changes(recorded, lambda dependency: world[dependency.path][1])
    assert {change.path for change in found} == {path for path, (old, new) in world.items() if old != new}


def test_each_dependency_of_one_path_is_judged() -> None:
    recorded = [Dependency("missing", "/a"), Dependency("file", "/a", "1"), Dependency("head", "/a", "1:1")]
    present = {"missing": "/a", "file": "2", "head": "1:1"}
    found = changes(recorded, lambda dependency: present[dependency.kind])
    assert found == [Change("/a", "created", recorded[0]), Change("/a", "edited", recorded[1])]


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("*.cfg", "/srv/app/a.cfg", True),
        ("*/generated/*", "/srv/app/generated/deep/a.py", True),
        ("a.cfg", "/srv/app/a.cfg", False),  # the whole path is matched
        ("/srv/app/[ab].py", "/srv/app/b.py", True),
        ("*.PY", "/srv/app/b.py", os.name == "nt"),
    ],
)
def test_exclusions(pattern: str, path: str, excluded: bool) -> None:
    assert (path in Exclusions([pattern])) is excluded
    assert path not in Exclusions([])


@pytest.mark.parametrize(
    "name",
    ["__pycache__", "a.cpython-311.pyc", ".a.py.swp", ".a.py.swx", "4913", "a.py~", "#a.py#", ".#a.py",
     "a.py___jb_tmp___", ".goutputstream-X1Y2", ".tmpA1b2C3", "a.py.bck", ".mypy_cache"],
)  # fmt: skip
def test_names_that_never_matter(name: str) -> None:
    assert never_matters(name)
    assert digest_names(["a.py", name]) == digest_names(["a.py"])


@pytest.mark.parametrize("name", ["a.py", ".env", "swp", "#a", "49130", "cache", "a.py.bak", "~a"])
def test_names_that_matter(name: str) -> None:
    assert not never_matters(name)


@given(st.lists(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1), unique=True))
def test_order_of_names_is_nothing(names: list[str]) -> None:
    assert digest_names(names) == digest_names(names[::-1])


def test_digest_of_files(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert digest_file(str(path)) is None
    assert digest_file(str(path / "below")) is None
    for content in (b"", b"x", b"y" * 200_000):
        path.write_bytes(content)
        assert digest_file(str(path)) == digest_bytes(content)
    assert digest_file(str(path / "below a file")) is None
    assert digest_file(str(tmp_path)) == NOT_REGULAR
    os.mkfifo(tmp_path / "fifo")
    assert digest_file(str(tmp_path / "fifo")) == NOT_REGULAR  # and does not block
    (tmp_path / "loop").symlink_to("loop")
    assert digest_file(str(tmp_path / "loop")) == UNREADABLE
    assert digest_file("/a\0b") is None


def test_digest_of_a_large_file_follows_its_time_stamp(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE_FILE + 1)
    first = digest_file(str(path))
    assert first == digest_file(str(path))
    os.utime(path, ns=(0, 1))
    assert first != digest_file(str(path))


@given(
    content=st.binary(max_size=300),
    length=st.integers(0, 300),
    other=st.binary(max_size=300),
)
def test_a_head_is_the_beginning(
    content: bytes, length: int, other: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("head") / "a"
    path.write_bytes(content)
    recorded = digest_head(content[:length])
    assert present_head(str(path), recorded) == recorded
    path.write_bytes(other)
    same = other[: len(content[:length])] == content[:length]
    assert (present_state(Dependency("head", str(path), recorded)) == recorded) is same


def test_head_of_what_is_no_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b"head")
        file.truncate(LARGE_FILE + 1)
    recorded = digest_head(b"head")
    assert recorded.startswith("4:")
    assert present_head(str(path), recorded) == recorded
    os.utime(path, ns=(0, 1))
    assert present_head(str(path), recorded) == recorded
    assert present_head(str(tmp_path / "gone"), recorded) is None
    assert present_head(str(tmp_path), recorded) == NOT_REGULAR
    was_none = Dependency("head", str(path), NOT_REGULAR)  # accepted as it was when it was a directory
    assert judge(was_none, present_state(was_none)) is not None
    os.mkfifo(tmp_path / "fifo")
    assert present_head(str(tmp_path / "fifo"), recorded) == NOT_REGULAR  # and does not block
    assert present_state(Dependency("head", str(path))) == digest_head(b"")


def test_state_of_missing_things(tmp_path: Path) -> None:
    module = str(tmp_path / "m")
    assert find_module_file(module) is None
    (tmp_path / "m").mkdir()
    assert (
        present_state(Dependency("missing-module", module)) is None
    )  # a bare directory is no regular module
    assert present_state(Dependency("missing", module)) == module
    (tmp_path / "m" / "__init__.py").touch()
    assert present_state(Dependency("missing-module", module)) == module + "/__init__.py"
    (tmp_path / "n.py").touch()
    assert present_state(Dependency("missing-module", str(tmp_path / "n"))) == str(tmp_path / "n.py")
    assert present_state(Dependency("directory", str(tmp_path))) == digest_directory(str(tmp_path))
    assert digest_directory(str(tmp_path / "n.py")) is None


@given(st.lists(st.tuples(st.integers(-1, 2**31 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=40))))
def test_events_are_parsed(given_events: list[tuple[int, int, bytes]]) -> None:
    data, expected = b"", []
    for watch, mask, raw in given_events:
        name = raw.replace(b"\0", b"").replace(b"/", b"")
        padded = name + b"\0" * (16 - len(name) % 16) if name else b""
        data += struct.pack("=iIII", watch, mask, 0, len(padded)) + padded
        expected.append(RawEvent(watch, mask, os.fsdecode(name)))
    assert parse_events(data) == expected


def test_a_cut_event_is_not_parsed() -> None:
    whole = struct.pack("=iIII", 1, IN_CLOSE_WRITE, 0, 0)
    assert parse_events(whole + whole[:7]) == [RawEvent(1, IN_CLOSE_WRITE, "")]


def run_burst(times: list[float], vanished: bool = False) -> list[float]:
    """The moments at which a loop that follows the rule acts on changes at these times."""
    burst = Burst()
    acted = []
    for time in sorted(times):
        while burst.due is not None and burst.due < time:
            acted.append(burst.due)
            burst.acted(burst.due)
        if burst.changed(time, vanished=vanished) <= time:
            acted.append(time)
            burst.acted(time)
    if burst.due is not None:
        acted.append(burst.due)
    return acted


def test_a_lone_save_is_acted_on_at_once() -> None:
    assert run_burst([10.0]) == [10.0]
    assert run_burst([10.0, 10.0 + SOON + 1]) == [10.0, 10.0 + SOON + 1]


def test_a_lone_removal_waits() -> None:
    assert run_burst([10.0], vanished=True) == [10.0 + QUIET]


def test_a_checkout_of_300_files_is_acted_on_twice() -> None:
    times = [i * 2.5 / 300 for i in range(300)]
    assert run_burst(times) == [0.0, pytest.approx(times[-1] + LONGEST_QUIET)]


def test_the_change_that_was_acted_on_at_once_may_be_the_first_of_a_burst() -> None:
    burst = Burst()
    assert burst.calm < 0.0
    burst.changed(10.0)
    burst.acted(10.0)
    assert burst.calm == 10.0 + QUIET
    due = burst.changed(10.02)
    assert burst.calm == due == pytest.approx(10.02 + QUIET)
    burst.acted(due)
    assert burst.calm == pytest.approx(10.02 + QUIET)


def test_a_long_checkout_may_pause() -> None:
    times = [0.0, *(0.01 * number for number in range(1, 100)), 1.09, 1.18, 1.19]
    assert run_burst(times) == [0.0, pytest.approx(times[-1] + (1.19 - 0.01) / 8)]
    assert len(run_burst([0.0, 0.01, 0.07, 0.13])) == 4  # a short one may not


def test_a_formatter_after_the_save_is_acted_on_together() -> None:
    assert run_burst([0.0, 0.05, 0.06]) == [0.0, pytest.approx(0.06 + QUIET)]


@given(st.lists(st.floats(0, 20), min_size=1), st.booleans())
def test_every_change_is_acted_on_in_time(times: list[float], vanished: bool) -> None:
    acted = run_burst(times, vanished)
    for time in times:
        assert any(time <= moment <= time + LONGEST + LONGEST_QUIET for moment in acted)


@given(st.lists(st.floats(0, 20), min_size=1))
def test_no_two_actions_without_quiet_between(times: list[float]) -> None:
    acted = run_burst(times)
    assert all(later - earlier >= QUIET * 0.99 for earlier, later in itertools.pairwise(acted))
