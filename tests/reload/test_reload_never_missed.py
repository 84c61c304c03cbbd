"""Random changes to a small tree: whatever changes a dependency's state is reported by the next read.

No waiting is needed: the kernel queues the event before the call that made the change returns.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pilotlight.reload.dependencies import Dependency, Kind
from pilotlight.reload.digest import present_state
from pilotlight.reload.inotify_backend import InotifyBackend
from pilotlight.reload.watch import Watcher

FILES = [
    "a/x.py",
    "a/b/y.py",
    "link/x.py",
    "a/m.py",
    "a/b/__init__.py",
    "c/d/z.txt",
    "a/b/m/__init__.py",
    "file.py",
]
DIRECTORIES = ["a", "a/b", "c", "c/d", "link", "a/b/m"]
WATCHED: list[tuple[Kind, str]] = [
    *(("file", name) for name in FILES),
    *(("head", name) for name in FILES[:4]),
    ("missing-module", "a/m"),
    ("missing-module", "a/b"),
    ("missing-module", "a/b/m"),
    ("missing-module", "link/m"),
    ("directory", "a"),
    ("directory", "link"),
    ("directory", "c/d"),
    ("missing", "c/d"),
]

steps = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(FILES), st.sampled_from("123")),
    st.tuples(st.just("replace"), st.sampled_from(FILES), st.sampled_from("123")),
    st.tuples(st.just("delete"), st.sampled_from(FILES + DIRECTORIES), st.none()),
    st.tuples(st.just("mkdir"), st.sampled_from(DIRECTORIES), st.none()),
    st.tuples(st.just("rename"), st.sampled_from(FILES + DIRECTORIES), st.sampled_from(FILES + DIRECTORIES)),
    st.tuples(
        st.just("link"),
        st.sampled_from(FILES + DIRECTORIES),
        st.sampled_from(["a", "c", "a/b", "file.py", "none"]),
    ),
    st.tuples(
        st.just("turn"),
        st.sampled_from(FILES + DIRECTORIES),
        st.sampled_from(["a", "c", "a/b", "file.py", "none"]),
    ),
    st.tuples(st.just("watch"), st.sampled_from(WATCHED), st.none()),
    st.tuples(st.just("reset"), st.none(), st.none()),
    st.tuples(st.just("keep"), st.sampled_from(["a", "c", ""]), st.none()),
)


def act(root: Path, action: str, name: str, argument: str | None) -> None:
    path = root / name
    if action == "write":
        path.write_text(str(argument))
    elif action == "replace":
        temporary = root / "temporary"
        temporary.write_text(str(argument))
        temporary.replace(path)
    elif action == "delete":
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    elif action == "mkdir":
        path.mkdir(parents=True)
    elif action == "rename":
        path.rename(root / str(argument))
    elif action == "link":
        path.symlink_to(root / str(argument))
    elif action == "turn":
        temporary = root / "temporary"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(root / str(argument))
        temporary.replace(path)


@settings(max_examples=int(os.environ.get("PILOTLIGHT_EXAMPLES", "150")), deadline=None)
@given(sequence=st.lists(steps, min_size=2, max_size=25))
@example(sequence=[("turn", "a/x.py", "a"), ("replace", "a/x.py", "1")])
def test_no_change_is_missed(
    sequence: list[tuple[str, object, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("tree")
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "x.py").write_text("1")
    (root / "link").symlink_to("a")
    watcher = Watcher(InotifyBackend())
    states: dict[Dependency, str | None] = {}

    def watch(kind: Kind, name: str) -> None:
        present = present_state(Dependency(kind, str(root / name), "1:" if kind == "head" else None))
        dependency = Dependency(kind, str(root / name), present)
        states[dependency] = present
        assert watcher.add(dependency) is None

    try:
        for kind, name in WATCHED:
            watch(kind, name)
        for action, name, argument in sequence:
            if action == "reset":
                watcher.reset()
                states.clear()
            elif action == "keep":
                states = {one: seen for one, seen in states.items() if one.path.startswith(f"{root}/{name}")}
                watcher.keep(states)
            elif action == "watch":
                kind, path = name  # type: ignore[misc]
                for old in [old for old in states if (old.kind, old.path) == (kind, str(root / path))]:
                    del states[old]
                watch(kind, path)
            else:
                with contextlib.suppress(OSError):
                    act(root, action, str(name), argument)
            touched = watcher.read_events()
            for dependency, before in states.items():
                now = present_state(dependency)
                if now != before:
                    assert dependency.path in touched, (dependency, before, now)
                    states[dependency] = now
            assert watcher.read_events() == [] or action == "reset"
    finally:
        watcher.close()
        shutil.rmtree(root)
