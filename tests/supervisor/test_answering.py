from __future__ import annotations

from collections.abc import Iterator

import pytest

from pilotlight.reload.freshness import NOBODY, Word
from pilotlight.supervisor.answering import Answering


@pytest.fixture
def told() -> list[int]:
    return []


@pytest.fixture
def answering(told: list[int]) -> Iterator[Answering]:
    answering = Answering(lambda: told.append(1))
    yield answering
    answering.close()


def word(answering: Answering) -> int:
    """What workers read."""
    import os

    seen = Word(os.dup(answering.descriptor))
    try:
        return seen.value
    finally:
        seen.close()


def test_nobody_may_answer_at_first(answering: Answering) -> None:
    assert word(answering) == NOBODY
    assert not answering.may_answer(NOBODY)


def test_who_is_appointed_may_answer_unless_there_is_doubt(answering: Answering, told: list[int]) -> None:
    answering.appoint(3)
    assert answering.may_answer(3)
    assert not answering.may_answer(2)
    answering.doubt()
    assert word(answering) == NOBODY
    assert not answering.may_answer(3)
    answering.trust()
    assert word(answering) == 3
    assert len(told) == 2


def test_an_appointment_in_doubt_waits_for_trust(answering: Answering, told: list[int]) -> None:
    answering.doubt()
    answering.appoint(4)
    assert word(answering) == NOBODY
    assert told == []
    answering.trust()
    assert word(answering) == 4
    assert told == [1]


def test_trust_appoints_nobody(answering: Answering, told: list[int]) -> None:
    answering.appoint(5)
    answering.appoint_nobody()
    answering.doubt()
    answering.trust()
    assert word(answering) == NOBODY
    assert told == [1]
