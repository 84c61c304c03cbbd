"""A value of the app as data: bounded, without secrets, whatever the value is.

Must never raise because of what a value does, and never run code of the app on the thread of the caller.
"""

from __future__ import annotations

from pilotlight.debugger.introspection.anatomy import default_repr, type_name
from pilotlight.debugger.model import Value

from .budget import Budget
from .secrets import is_secret_name
from .shapes import find_show
from .walker import Walker
from .written import is_maskable, masked

__all__ = ["Budget", "describe"]


def describe(value: object, *, name: str = "", budget: Budget) -> Value:
    """What is shown of a value.

    Args:
        value: anything.
        name: under which it was found; if that is the name of a secret, nothing of the value is shown.
        budget: of the page.
    """
    try:
        return _described(value, name, budget)
    except Exception as error:  # noqa: BLE001 - a value must never cost the page
        return Value(
            _fallback(value), _safe_type(value), "broken", note=f"It cannot be shown: {_safe_type(error)}."
        )


def _described(value: object, name: str, budget: Budget) -> Value:
    if name and is_secret_name(name) and is_maskable(value):
        budget.values -= 1
        return masked(value)
    if budget.values <= 0:
        return Value(
            default_repr(value),
            type_name(type(value)),
            "lazy",
            note="Not shown: there are too many values on this page.",
        )
    known = budget.known(value)
    if known is not None:
        budget.values -= known[1]
        return known[0]
    walker = Walker(budget, find_show)
    shown, size = walker.walk(value, 0, budget.allowance())
    budget.values -= size
    budget.remember(value, shown, size)
    return shown


def _fallback(value: object) -> str:
    try:
        return default_repr(value)
    except Exception:  # noqa: BLE001 - the last resort
        return f"<object at {id(value):#x}>"


def _safe_type(value: object) -> str:
    try:
        return type_name(type(value))
    except Exception:  # noqa: BLE001 - the last resort
        return "object"
