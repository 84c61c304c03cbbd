from __future__ import annotations

from pilotlight.reload.dependencies import Dependency
from pilotlight.supervisor.explanation import Explanation


def test_a_load_that_goes_on_from_a_checkpoint() -> None:
    changed = (Dependency("file", "/srv/hello.py", "new"),)
    explanation = Explanation(10.0, changed, "inside /srv/hello.py, after its imports")
    explanation.reached("fork", 10.002)
    explanation.read(Dependency("file", "/srv/hello.py", "new"))
    explanation.read(Dependency("missing", "/srv/other.py"))
    explanation.reached("load", 10.0075)
    assert explanation.lines("/srv") == [
        "Changed: hello.py",
        "Began: at the checkpoint inside hello.py, after its imports",
        "Read again: hello.py",
        "Times: fork 2.0 ms, load 5.5 ms; 7.5 ms in all",
    ]


def test_a_load_from_scratch_says_why() -> None:
    asked = Explanation(0.0, None, None).lines("/srv")
    assert asked[:3] == [
        "Changed: nothing that tells where to begin: you asked for it, or the process was lost",
        "Began: from scratch",
        "Read again: nothing",
    ]
    early = Explanation(0.0, (Dependency("head", "/srv/hello.py", "3:new"),), None).lines("/srv")
    assert early[0] == "Changed: hello.py (its leading imports)"
    assert early[1] == "Began: from scratch, since no checkpoint lies before all that has changed"


def test_a_crash_changes_nothing() -> None:
    assert Explanation(0.0, (), "after the load").lines("/srv")[0] == "Changed: nothing; the worker had ended"


def test_long_lists_are_cut() -> None:
    explanation = Explanation(0.0, (), "after the load")
    for number in range(11):
        explanation.read(Dependency("file", f"/srv/m{number}.py", "x"))
    assert explanation.lines("/srv")[2].endswith("m7.py and 3 more")
