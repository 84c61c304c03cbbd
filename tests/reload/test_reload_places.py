"""Which directory entries decide what a path means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight.reload.places import trace

WORLD: dict[str, str] = {
    "/srv": "",
    "/srv/app": "",
    "/srv/app/a.py": "",
    "/srv/link.py": "app/a.py",
    "/srv/current": "/srv/app",
    "/srv/up": "app/../app",
    "/srv/loop": "loop",
    "/srv/dangling": "/gone/file",
}


@pytest.mark.parametrize(
    ("path", "places", "end"),
    [
        ("/srv/app/a.py", [("/srv/app", "a.py")], "/srv/app/a.py"),
        ("/srv/app/none.py", [("/srv/app", "none.py")], None),
        ("/srv/none/deep/er.py", [("/srv", "none")], None),
        ("/srv/link.py", [("/srv", "link.py"), ("/srv/app", "a.py")], "/srv/app/a.py"),
        ("/srv/current/a.py", [("/srv", "current"), ("/srv/app", "a.py")], "/srv/app/a.py"),
        ("/srv/up/a.py", [("/srv", "up"), ("/srv/app", "a.py")], "/srv/app/a.py"),
        ("/srv/dangling", [("/srv", "dangling"), ("/", "gone")], None),
    ],
)
def test_places(path: str, places: list[tuple[str, str]], end: str | None) -> None:
    found = trace(path, WORLD.get)
    assert list(found.places) == places
    assert found.end == end


def test_a_loop_of_links_ends() -> None:
    assert trace("/srv/loop", WORLD.get).end is None


def look(path: str) -> str | None:
    if not os.path.lexists(path):
        return None
    return os.readlink(path) if os.path.islink(path) else ""


@given(
    links=st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["a", "b", "d", "d/e", "../x/d", "gone"]),
        max_size=3,
    ),
    wanted=st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=1, max_size=4),
)
def test_the_end_is_the_real_path(
    links: dict[str, str], wanted: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("w") / "x"
    (root / "d" / "e").mkdir(parents=True)
    (root / "d" / "e" / "f").touch()
    for name, target in links.items():
        (root / name).symlink_to(target)
    path = Path(root, *wanted)
    try:
        expected = str(path.resolve(strict=True)) if os.path.exists(path) else None
    except (OSError, RuntimeError):
        expected = None
    assert trace(str(path), look).end == expected
