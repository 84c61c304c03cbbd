"""Whose work a new content is."""

from __future__ import annotations

import pytest

from pilotlight.supervisor.authorship import AT_ONCE, UNUSED, Authorship

LATER = 2 * AT_ONCE


class Scene:
    """One file. `A`: the app announces a write; `a`, `b`, ...: contents that are seen; `_`: a while; `.`: a
    verdict; `~`: accepted as well; `0`: what the load has read is seen."""

    def __init__(self, *, loading: bool = False) -> None:
        self.authorship = Authorship()
        self.now = 100.0
        self.loading = loading

    def play(self, acts: str) -> bool:
        verdict = False
        for act in acts:
            if act == "A":
                self.authorship.announced("f", self.now, loading=self.loading)
            elif act == "_":
                self.now += LATER
            elif act in ".~":
                verdict = self.authorship.is_apps("f")
                self.authorship.judged("f")
                if act == "~":
                    self.authorship.accepted(["f"])
            else:
                self.authorship.seen("f", "" if act == "0" else act, self.now, loading=self.loading)
        return verdict


@pytest.mark.parametrize(
    ("acts", "apps"),
    [
        ("Aa.", True),
        ("A_a.", True),
        ("Aaa.", True),  # touched again, but the same
        ("Aab.", False),
        ("Aa.b.", False),  # however soon
        ("Aa~_b.", False),
        ("Aa~Ab.", True),
        ("Aa~_Ab~_c.", False),
        ("AAAAb.", True),
        ("AAAAb.c.", True),
        ("AAAAb._c.", False),  # what is left over has run out
        ("A0.", True),
        ("A0._a.", False),
        ("a.", False),
        ("aAa.", True),  # the word comes after the notice
        ("Aa~0.Ab.", True),
        ("", False),
    ],
)
def test_verdicts(acts: str, apps: bool) -> None:
    assert Scene().play(acts) is apps


def test_an_announcement_that_nothing_follows_grows_old() -> None:
    scene = Scene()
    scene.play("A")
    scene.now += UNUSED + 1
    assert not scene.play("a.")


def test_it_does_not_while_the_app_is_loaded() -> None:
    scene = Scene(loading=True)
    scene.play("A")
    scene.now += UNUSED + 1
    assert scene.play("a.")


def test_a_load_reads_what_is_there() -> None:
    scene = Scene()
    scene.play("Aa.")
    scene.authorship.begin_load()
    assert not scene.play("_a.")
    assert scene.play("Ab.")
