"""A value that was asked for, as it is shown.

Secrets are masked in the views that come by themselves; what the developer evaluates is shown. Must never
take much longer than `SECONDS`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

SECONDS = 2.0


def view(value: Any) -> dict[str, Any]:
    """The JSON form of a `model.Value`."""
    from .values import Budget, describe

    with Budget(seconds=SECONDS, seconds_each=SECONDS) as budget:
        return asdict(describe(value, budget=budget))


def is_quitter(value: Any) -> bool:
    """Whether it is `exit` or `quit` itself, not called."""
    return type(value).__module__ == "_sitebuiltins" and type(value).__name__ == "Quitter"
