"""The generator of `random` in copies of a process: the app's sequence goes on, nothing else is repeated."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotlight.reload.randomness import Randomness


def forked(randomness: Randomness, generator: random.Random) -> None:
    """What Python does in the child of a fork, between our two steps."""
    randomness.keep()
    generator.seed()
    randomness.goes_on()


Draw = Callable[[random.Random], object]
DRAWS: dict[str, Draw] = {
    "random": random.Random.random,
    "gauss": lambda generator: generator.gauss(0, 1),
    "getrandbits": lambda generator: generator.getrandbits(100_000),
    "shuffle": lambda generator: generator.shuffle(list(range(1000))),
    "getstate": random.Random.getstate,
}
draws = st.lists(st.sampled_from(sorted(DRAWS)), max_size=20)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(), before=draws, between=draws, after=draws)
def test_a_seeded_sequence_goes_on(
    seed: int, before: list[str], between: list[str], after: list[str]
) -> None:
    """As if there had been no fork, wherever that was, and twice."""
    generator, cold = random.Random(), random.Random(seed)
    randomness = Randomness(generator)
    for name in before:
        DRAWS[name](generator)
    generator.seed(seed)
    for name in between:
        DRAWS[name](generator)
        DRAWS[name](cold)
    for _ in range(2):
        forked(randomness, generator)
        for name in after:
            DRAWS[name](generator)
            DRAWS[name](cold)
        assert generator.getstate() == cold.getstate()


@settings(max_examples=60, deadline=None)
@given(before=draws)
def test_without_a_seed_no_two_copies_are_alike(before: list[str]) -> None:
    generator = random.Random()
    randomness = Randomness(generator)
    for name in before:
        DRAWS[name](generator)
    randomness.keep()
    numbers = set()
    for _ in range(3):
        generator.seed()
        randomness.goes_on()
        numbers.add(generator.random())
    assert len(numbers) == 3


@pytest.mark.parametrize(
    ("act", "seeded"),
    [
        (lambda generator: None, False),
        (lambda generator: generator.getrandbits(32 * 10_000_000), False),
        (lambda generator: [generator.gauss(0, 1) for _ in range(50_001)], False),
        (lambda generator: generator.setstate(generator.getstate()), False),
        (lambda generator: generator.seed(42), True),
        (lambda generator: (generator.gauss(0, 1), generator.seed(42), generator.gauss(0, 1)), True),
        (lambda generator: generator.setstate(random.Random(7).getstate()), True),
    ],
    ids=["untouched", "many draws", "many pairs", "its own state", "seed", "seed among pairs", "a state"],
)
def test_what_counts_as_seeding(act: Draw, seeded: bool) -> None:
    generator = random.Random()
    randomness = Randomness(generator)
    act(generator)
    expected = random.Random()
    expected.setstate(generator.getstate())
    forked(randomness, generator)
    assert (generator.random() == expected.random()) is seeded


def test_the_generator_is_that_of_the_module() -> None:
    state = random.getstate()
    try:
        randomness = Randomness.of_this_process()
        random.seed(42)
        expected = [random.random() for _ in range(3)]
        random.seed(42)
        randomness.keep()
        random.seed()
        randomness.goes_on()
        assert [random.random() for _ in range(3)] == expected
    finally:
        random.setstate(state)
