"""What a template knew at a place in it: the names that its line uses first, then the rest.

Must never ask a template engine for a value: what it knew is in plain dictionaries.
"""

from __future__ import annotations

import re
from typing import Any

from pilotlight.debugger.introspection.template_place import TemplatePlace
from pilotlight.debugger.model import Role, Variable

from .budget import Budget
from .describe import describe
from .written import is_code, is_proxy

MAX_VARIABLES = 30

_TAG = re.compile(r"\{[{%](.*?)[%}]\}")
_NAME = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")
# What engines and frameworks give to every template.
_ALWAYS_THERE = frozenset(
    {
        "True",
        "False",
        "None",
        "true",
        "false",
        "none",
        "csrf_token",
        "self",
        "super",
        "range",
        "dict",
        "lipsum",
        "cycler",
        "joiner",
        "namespace",
        "caller",
        "get_flashed_messages",
        "url_for",
        "g",
        "config",
        "DEFAULT_MESSAGE_LEVELS",
        "perms",
        "sql_queries",
        "debug",
    }
)

_SHOWN_LAST = frozenset({"request", "session"})
"""What frameworks add as well: the page tells more of both elsewhere."""


def of_template(
    place: TemplatePlace, code: str, budget: Budget, *, limit: int = MAX_VARIABLES
) -> tuple[tuple[Variable, ...], int]:
    """The variables that are shown, and how many more there are.

    Args:
        place: of the template.
        code: its line.
        budget: of the page.
        limit: how many are shown at most.
    """
    known: dict[str, Any] = {}
    for scope in place.names:
        for name, value in tuple(scope.items()):
            if type(name) is str and name not in known:
                known[name] = value
    used = [name for name in dict.fromkeys(_names(code)) if name in known]
    rest = [
        name
        for name, value in known.items()
        if name not in used
        and name not in _ALWAYS_THERE
        and name[:1] != "_"
        and not (is_code(value) or is_proxy(value))
    ]
    rest.sort(key=_SHOWN_LAST.__contains__)  # the sort keeps the order otherwise
    chosen: list[tuple[str, Role]] = [*((name, "used") for name in used), *((name, "local") for name in rest)]
    shown = tuple(
        Variable(name, describe(known[name], name=name, budget=budget), role) for name, role in chosen[:limit]
    )
    return shown, max(len(chosen) - limit, 0)


def _names(code: str) -> list[str]:
    """The names in the tags of a line; of a line inside a longer tag all of it."""
    tags = _TAG.findall(code) or [code]
    return [name for tag in tags for name in _NAME.findall(tag)]
