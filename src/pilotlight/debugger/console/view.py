"""A value that was asked for, as it is shown.

What the views that come by themselves leave alone (a name that sounds like a secret, a query that has not
run, a proxy) is shown here: the developer has asked for it. Must never be called but where it can be
cancelled.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pilotlight.debugger.model import Value, shorten

SECONDS = 2.0
MAX_CHARACTERS = 10_000


def view(value: Any) -> dict[str, Any]:
    """The JSON form of a `model.Value`."""
    from pilotlight.debugger.values.describe import Budget, describe

    with Budget(seconds=SECONDS, seconds_each=SECONDS) as budget:
        shown = describe(value, budget=budget)
    return asdict(_evaluated(value, shown) if shown.kind == "lazy" else shown)


def _evaluated(value: Any, shown: Value) -> Value:
    """With its `repr`, which may ask a database."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - code of the app
        return replace(shown, kind="broken", note=f"Its repr raised {type(error).__name__}.")
    return replace(shown, kind="plain", text=shorten(str.__str__(text), MAX_CHARACTERS), note="")


def is_quitter(value: Any) -> bool:
    """Whether it is `exit` or `quit` itself, not called."""
    return type(value).__module__ == "_sitebuiltins" and type(value).__name__ == "Quitter"
