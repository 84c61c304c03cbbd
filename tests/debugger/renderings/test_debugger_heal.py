"""Which page looks for what: nothing is ever asked that would run a failed request again."""

from __future__ import annotations

import pytest

from pilotlight.debugger.model import Kind
from pilotlight.debugger.renderings.heal import HealPlan, heal_plan


@pytest.mark.parametrize(
    ("kind", "method", "live", "generation", "plan"),
    [
        ("load", "GET", True, None, HealPlan("replace")),
        ("death", "GET", True, "3", HealPlan("replace")),
        ("load", "POST", True, None, HealPlan()),
        ("load", "POST", True, "3", HealPlan("resend", "3")),
        ("request", "GET", True, None, HealPlan()),
        ("request", "GET", True, "3", HealPlan("reload", "3")),
        ("request", "GET", True, "0", HealPlan("reload", "0")),
        ("request", "POST", True, "3", HealPlan("resend", "3")),
        ("request", "PUT", True, "a", HealPlan("resend", "a")),
        ("request", "HEAD", True, "3", HealPlan()),
        ("request", "GET", False, "3", HealPlan()),
        ("load", "GET", False, "3", HealPlan()),
    ],
)
def test_plans(kind: Kind, method: str, live: bool, generation: str | None, plan: HealPlan) -> None:
    assert heal_plan(kind, method, live=live, generation=generation) == plan
