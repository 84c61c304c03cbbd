"""What the user wrote after `--app`, parsed. Pure: touches neither the disk nor `sys.modules`.

Named tuples here and in its neighbours, since making a dataclass is what would cost the most of the import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .errors import InvalidTarget

_COLON = re.compile(r":(?![\\/])")
"""Separates module and attribute; the colon of `C:\\app.py` is followed by a separator and does not count."""


class FactoryCall(NamedTuple):
    """The arguments in the parentheses of `hello:create_app("dev", debug=True)`."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})


class Target(NamedTuple):
    """One app, as the user named it.

    Args:
        text: all of it.
        module: the part before the colon: a dotted name or a path.
        is_path: whether `module` can only be a path.
        attribute: dotted name in the module; None leaves the choice to the search.
        call: how to call the attribute; None if there were no parentheses.
    """

    text: str
    module: str
    is_path: bool
    attribute: str | None = None
    call: FactoryCall | None = None


def parse_target(text: str) -> Target:
    """Take `hello:app`, `pkg.sub:obj.attr`, `hello:create_app("dev")`, `path/to/hello.py:app`, ... apart.

    Raises:
        InvalidTarget: not one of the forms.
    """
    stripped = text.strip()
    parts = _COLON.split(stripped, maxsplit=1)
    module = parts[0].strip()
    if not module:
        raise InvalidTarget(text, "there is no module before the colon" if len(parts) > 1 else "it is empty")
    is_path = _can_only_be_a_path(module)
    if not is_path and not all(part.isidentifier() for part in module.split(".")):
        raise InvalidTarget(text, f"`{module}` is neither a module name nor a path")
    if len(parts) == 1:
        return Target(stripped, module, is_path)
    attribute, call = _parse_attribute(text, parts[1].strip())
    return Target(stripped, module, is_path, attribute, call)


def _can_only_be_a_path(module: str) -> bool:
    return module.endswith(".py") or "/" in module or "\\" in module or module in (".", "..", "~")


def _parse_attribute(text: str, expression: str) -> tuple[str, FactoryCall | None]:
    if not expression:
        raise InvalidTarget(text, "there is no name after the colon")
    if all(part.isidentifier() for part in expression.split(".")):
        return expression, None
    return _parse_call(text, expression)


def _parse_call(text: str, expression: str) -> tuple[str, FactoryCall]:
    import ast

    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError):
        raise InvalidTarget(text, f"`{expression}` is not a name or a call") from None
    name = _dotted_name(tree.func) if isinstance(tree, ast.Call) else None
    if not isinstance(tree, ast.Call) or name is None:
        raise InvalidTarget(text, f"`{expression}` is not a name or a call")
    if any(keyword.arg is None for keyword in tree.keywords):
        raise InvalidTarget(text, "`**` cannot be used in the arguments")
    try:
        args = tuple(ast.literal_eval(arg) for arg in tree.args)
        kwargs = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in tree.keywords}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise InvalidTarget(text, 'the arguments can only be literals, such as "dev", 3 or True') from None
    return name, FactoryCall(args, kwargs)


def _dotted_name(node: Any) -> str | None:
    import ast

    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = _dotted_name(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None
