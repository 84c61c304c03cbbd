"""A reloaded app is in the state that a cold start would give: random apps, random edits, every engine.

A normal run tries a few examples. Many are tried with

    EXACTNESS_EXAMPLES=1000 python -m pytest tests/properties/test_exactness.py --timeout=0

A failure is printed as a `Scenario(...)`, which is Python code: give it to `hypothesis.example` to see it
again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cold_start import ColdStarts
from hypothesis import HealthCheck, given, settings
from random_projects import scenarios
from scenarios import Scenario, play

EXAMPLES = int(os.environ.get("EXACTNESS_EXAMPLES", "12"))


@pytest.fixture(scope="module")
def starts() -> Iterator[ColdStarts]:
    with ColdStarts() as running:
        yield running


pytestmark = pytest.mark.thorough

thoroughly = settings(
    max_examples=EXAMPLES,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@thoroughly
@given(scenario=scenarios(hazards=True))
def test_fresh_process_is_as_if_started_cold(starts: ColdStarts, home: Path, scenario: Scenario) -> None:
    with tempfile.TemporaryDirectory() as directory:
        play(scenario, Path(directory).resolve(), home, starts, ("--reload-engine", "restart"))


@thoroughly
@given(scenario=scenarios(hazards=True))
def test_continued_checkpoint_is_as_if_started_cold(
    starts: ColdStarts, home: Path, scenario: Scenario
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        play(scenario, Path(directory).resolve(), home, starts, ("--reload-engine", "checkpoint"))
