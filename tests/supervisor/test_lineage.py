from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from pilotlight.reload.dependencies import Dependency
from pilotlight.supervisor.lineage import Lineage


def line(*reads: str) -> Lineage[int]:
    """A line of processes 0, 1, ...; each reads the files named by the letters of its string, then pauses."""
    lineage: Lineage[int] = Lineage()
    lineage.begin(0)
    for number, letters in enumerate(reads):
        if number:
            lineage.paused(f"place {number - 1}", number / 10, number)
        for letter in letters:
            lineage.read(number, Dependency("file", letter))
    return lineage


def files(letters: Iterable[str]) -> list[Dependency]:
    return [Dependency("file", letter, "changed") for letter in letters]


def test_the_deepest_checkpoint_before_the_change_is_taken() -> None:
    lineage = line("", "a", "b", "c", "")
    assert lineage.deepest_before(files(["c"])) == 2
    assert lineage.deepest_before(files(["b"])) == 1
    assert lineage.deepest_before(files(["b", "c"])) == 1
    assert lineage.deepest_before(files(["a", "c"])) == 0


def test_what_the_first_process_read_needs_a_load_from_scratch() -> None:
    assert line("a", "b").deepest_before(files(["a"])) is None
    assert line("a", "b").deepest_before(files(["a", "b"])) is None


def test_what_nobody_read_needs_a_load_from_scratch() -> None:
    assert line("", "a", "b").deepest_before(files(["a", "settings.ini"])) is None


def test_cutting_gives_back_the_dropped_and_forgets_their_reads() -> None:
    lineage = line("", "a", "b", "c")
    assert lineage.cut_after(1) == [3, 2]
    assert [dependency.path for dependency in lineage.reads()] == ["a"]
    lineage.continued(7)
    lineage.read(7, Dependency("file", "d"))
    assert lineage.deepest_before(files(["d"])) == 1
    lineage.read(3, Dependency("file", "e"))  # a late word of a dropped process
    assert lineage.deepest_before(files(["e"])) is None


def test_without_any_change_the_last_checkpoint_is_taken() -> None:
    assert line("", "a", "b").deepest_before([]) == 1
    assert line("a").deepest_before([]) is None


def test_a_head_and_a_file_are_different_things() -> None:
    lineage = line("", "", "a", "")
    lineage.read(1, Dependency("head", "a", "3:abc"))
    assert lineage.deepest_before([Dependency("file", "a")]) == 1
    assert lineage.deepest_before([Dependency("head", "a")]) == 0
    assert lineage.deepest_before([Dependency("head", "a"), Dependency("file", "a")]) == 0


def test_what_a_lost_checkpoint_had_read_the_next_one_had_as_well() -> None:
    lineage = line("", "a", "b", "c")
    lineage.lost(1)
    assert [node.process for node in lineage.nodes] == [0, 2, 3]
    assert lineage.deepest_before(files("a")) == 0
    assert lineage.deepest_before(files("c")) == 1
    lineage.lost(0)
    assert lineage.deepest_before(files("a")) is None
    assert lineage.deepest_before(files("c")) == 0
    lineage.lost(3)  # the last one: what it has read still counts
    assert lineage.deepest_before(files("c")) == 0


def test_the_checkpoint_that_saves_the_least_is_surplus() -> None:
    lineage: Lineage[int] = Lineage()
    lineage.begin(0)
    for number, seconds in enumerate([0.0, 0.5, 0.6, 1.0, 1.01, 1.02]):
        lineage.paused(f"before {number}.py", seconds, number + 1)
    assert lineage.surplus(6, []) is None
    assert lineage.surplus(5, []) == 4
    assert lineage.surplus(5, ["4.py"]) == 2
    assert lineage.surplus(5, [f"{number}.py" for number in range(6)]) is None


LETTERS = "abcdef"


@given(
    st.lists(st.text(LETTERS, max_size=4), min_size=1, max_size=6),
    st.sets(st.sampled_from(LETTERS), min_size=1),
)
def test_a_continued_checkpoint_never_read_what_changed(reads: list[str], changed: set[str]) -> None:
    lineage = line(*reads)
    position = lineage.deepest_before(files(changed))
    readers = [number for number, letters in enumerate(reads) if set(letters) & changed]
    everything_known = changed <= set("".join(reads))
    if position is None:
        assert not everything_known or readers[0] == 0
    else:
        assert everything_known
        assert position == readers[0] - 1


def test_the_innermost_is_the_last_that_is_paused_inside_a_module() -> None:
    lineage = line("", "a")
    assert lineage.innermost() is None
    lineage.paused("inside /a.py, after its imports", 0.2, 2)
    lineage.paused("inside /b.py, after its imports", 0.3, 3)
    lineage.paused("after the load", 0.4, 4)
    assert lineage.innermost() == 2
