"""Suggestions for names that a Jinja2 template does not know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pilotlight.debugger.introspection import peek
from pilotlight.debugger.introspection.exceptions import is_named
from pilotlight.debugger.introspection.peek import UNKNOWN

from .spelling import closest

_UNKNOWN_NAME = re.compile(r"^'(\w+)' is undefined$")
_UNKNOWN_ATTRIBUTE = re.compile(r" has no attribute '(\w+)'$")


def is_undefined(error: BaseException) -> bool:
    """Whether it is Jinja2's `UndefinedError`."""
    return is_named(type(error), "jinja2.exceptions", "UndefinedError")


def for_undefined(message: str, code: str, names: Sequence[dict[Any, Any]]) -> str:
    """For an `UndefinedError`.

    Args:
        message: of the error.
        code: the line of the template.
        names: what the template knew, the innermost scope first.
    """
    unknown = _UNKNOWN_NAME.match(message)
    if unknown:
        best = closest(unknown.group(1), (name for scope in names for name in scope))
        return f"Did you mean: '{best}'?" if best else ""
    missing = _UNKNOWN_ATTRIBUTE.search(message)
    if missing is None:
        return ""
    wrong = missing.group(1)
    owners = {path: _value(path.split("."), names) for path in _owners(code, wrong)}
    known = [value for value in owners.values() if value is not UNKNOWN]
    if len(owners) != 1 or not known:
        return ""
    best = closest(wrong, _names(known[0]))
    return f"Did you mean: '{best}'?" if best else ""


def _owners(code: str, wrong: str) -> list[str]:
    """What stands before `.wrong` in a line, as dotted names."""
    return re.findall(rf"(?<![\w.)\]])([A-Za-z_]\w*(?:\.\w+)*)\.{re.escape(wrong)}\b", code)


def _value(path: list[str], names: Sequence[dict[Any, Any]]) -> Any:
    value: Any = next((scope[path[0]] for scope in names if path[0] in scope), UNKNOWN)
    for part in path[1:]:
        inner = peek.attribute_value(value, part)
        value = peek.item_value(value, part) if inner is UNKNOWN else inner
    return value


def _names(owner: Any) -> list[str]:
    """What a template can ask of a value: the keys of a dictionary, or its public attributes."""
    if type(owner) is dict:
        return [key for key in owner if type(key) is str]
    return [name for name in peek.attribute_names(owner) if not name.startswith("_")]
