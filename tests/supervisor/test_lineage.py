from __future__ import annotations

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
            lineage.paused(f"place {number - 1}", number)
        for letter in letters:
            lineage.read(number, Dependency("file", letter))
    return lineage


def test_the_deepest_checkpoint_before_the_change_is_taken() -> None:
    lineage = line("", "a", "b", "c", "")
    assert lineage.deepest_before(["c"]) == 2
    assert lineage.deepest_before(["b"]) == 1
    assert lineage.deepest_before(["b", "c"]) == 1
    assert lineage.deepest_before(["a", "c"]) == 0


def test_what_the_first_process_read_needs_a_load_from_scratch() -> None:
    assert line("a", "b").deepest_before(["a"]) is None
    assert line("a", "b").deepest_before(["a", "b"]) is None


def test_what_nobody_read_needs_a_load_from_scratch() -> None:
    assert line("", "a", "b").deepest_before(["a", "settings.ini"]) is None
    assert line("", "a").deepest_before([]) is None


def test_cutting_gives_back_the_dropped_and_forgets_their_reads() -> None:
    lineage = line("", "a", "b", "c")
    assert lineage.cut_after(1) == [3, 2]
    assert [dependency.path for dependency in lineage.reads()] == ["a"]
    lineage.continued(7)
    lineage.read(7, Dependency("file", "d"))
    assert lineage.deepest_before(["d"]) == 1
    lineage.read(3, Dependency("file", "e"))  # a late word of a dropped process
    assert lineage.deepest_before(["e"]) is None


LETTERS = "abcdef"


@given(
    st.lists(st.text(LETTERS, max_size=4), min_size=1, max_size=6),
    st.sets(st.sampled_from(LETTERS), min_size=1),
)
def test_a_continued_checkpoint_never_read_what_changed(reads: list[str], changed: set[str]) -> None:
    lineage = line(*reads)
    position = lineage.deepest_before(changed)
    readers = [number for number, letters in enumerate(reads) if set(letters) & changed]
    everything_known = changed <= set("".join(reads))
    if position is None:
        assert not everything_known or readers[0] == 0
    else:
        assert everything_known
        assert position == readers[0] - 1
