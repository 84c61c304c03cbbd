"""Links that lead to where the app lies: what is told of them, and when they count as changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pilotlight.reload.dependencies import Dependency
from pilotlight.reload.digest import present_state
from pilotlight.reload.judge import judge
from pilotlight.reload.links import follow, logical_directory


@pytest.fixture
def link(tmp_path: Path) -> Path:
    tmp_path = tmp_path.resolve()
    for number in "12":
        (tmp_path / number).mkdir()
    link = tmp_path / "current"
    link.symlink_to("1")
    return link


def test_a_link_on_the_way_is_followed(link: Path) -> None:
    assert follow(str(link / "app.py")) == str(link.parent / "1" / "app.py")
    assert follow(str(link.parent)) == str(link.parent)


def test_a_link_changes_when_it_leads_elsewhere(link: Path) -> None:
    dependency = Dependency("link", str(link), str(link.parent / "1"))
    assert judge(dependency, present_state(dependency)) is None
    link.unlink()
    change = judge(dependency, present_state(dependency))
    assert change is not None
    assert (change.kind, change.unfinished) == ("deleted", True)
    link.symlink_to("2")
    change = judge(dependency, present_state(dependency))
    assert change is not None
    assert (change.path, change.kind, change.unfinished) == (str(link), "edited", False)


def test_the_directory_as_the_user_has_gone_to_it(link: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(link)
    real = str(link.parent / "1")
    for said, expected in [
        (str(link), str(link)),
        (real, real),
        ("", real),
        ("current", real),
        (f"{link}/../current", real),
        (str(link.parent / "2"), real),
        (str(link.parent / "nowhere"), real),
    ]:
        monkeypatch.setenv("PWD", said)
        assert logical_directory() == expected
    monkeypatch.delenv("PWD")
    assert logical_directory() == os.getcwd() == real
