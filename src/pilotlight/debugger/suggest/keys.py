"""Suggestions for keys that are not there.

Must never ask a mapping of the app: only plain dictionaries and sets, and what lies in a dictionary that a
class inherits from `dict`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any

from pilotlight.debugger.introspection import peek
from pilotlight.debugger.introspection.exceptions import arguments
from pilotlight.debugger.introspection.expressions import value_of
from pilotlight.debugger.introspection.peek import UNKNOWN
from pilotlight.debugger.introspection.proxies import behind

from .spelling import closest

if TYPE_CHECKING:
    from .suggestion import Failure

MAX_KEYS = 1_000
MAX_KEY_CHARACTERS = 60
_LOOKUPS = ("__getitem__", "__delitem__", "__missing__", "pop")
_TAKERS = ("pop", "remove")


def for_key(failure: Failure) -> str:
    """For a KeyError: the key of that mapping that is most like the missing one."""
    frame, told = failure.frame, arguments(failure.error)
    if frame is None or len(told) != 1:
        return ""
    wrong, keys = told[0], _keys_of_lookup(frame)
    if keys is not None:
        wrong = _argument(frame, 1)
        keys = _environment_keys(frame) or keys
    else:
        keys = _only(_candidates(failure, wrong))
    if keys is None or type(wrong) not in (str, int):
        return ""
    return _sentence(wrong, keys)


def _sentence(wrong: Any, keys: list[Any]) -> str:
    """The same written as another type, else the closest."""
    for key in keys:
        if type(key) in (str, int) and type(key) is not type(wrong) and str(key) == str(wrong):
            kind = "a string" if type(key) is str else "an integer"
            return f"Did you mean: {_quoted(key)}, {kind}?"
    best = closest(wrong, keys) if type(wrong) is str else None
    return f"Did you mean: {_quoted(best)}?" if best is not None and len(best) <= MAX_KEY_CHARACTERS else ""


def _quoted(key: Any) -> str:
    return f"'{key}'" if type(key) is str else str(key)


def _keys_of_lookup(frame: FrameType) -> list[Any] | None:
    """The keys of a mapping that fails in Python code of its own, such as Django's and Werkzeug's."""
    if frame.f_code.co_name not in _LOOKUPS or frame.f_code.co_argcount < 2:
        return None
    this = _argument(frame, 0)
    if not issubclass(type(this), dict):
        return _environment_keys(frame)
    return _bounded(dict.keys(this))


def _environment_keys(frame: FrameType) -> list[Any] | None:
    this = _argument(frame, 0)
    return [os.fsdecode(key) for key in os.environ._data] if this is os.environ else None


def _argument(frame: FrameType, number: int) -> Any:
    """A positional argument, if it still has its first name."""
    names = frame.f_code.co_varnames
    return peek.local(frame, names[number]) if number < frame.f_code.co_argcount else None


def _candidates(failure: Failure, wrong: Any) -> list[list[Any]]:
    """The keys of each mapping that the failing expression may have looked in."""
    if failure.frame is None:
        return []
    found: dict[int, list[Any]] = {}
    for each in failure.expressions:
        for node in _looked_in(each.node, wrong, failure.frame):
            names = _keyword_names(node)
            if names is not None:
                found[id(node)] = names
                continue
            owner = behind(value_of(node, failure.frame), _innermost_first(failure))
            keys = _keys(owner)
            if keys is not None and not any(type(key) is type(wrong) and key == wrong for key in keys):
                found[id(owner)] = keys
    return list(found.values())


def _innermost_first(failure: Failure) -> Iterable[FrameType]:
    return (step.frame for step in reversed(failure.steps))


def _looked_in(node: Any, wrong: Any, frame: FrameType) -> list[Any]:
    """The part of an expression that is, or may be, the mapping or set in which a key was looked for."""
    import _ast

    if isinstance(node, _ast.Subscript):
        key = value_of(node.slice, frame)
        if key is not UNKNOWN and type(key) is type(wrong) and type(key) in (str, int) and key != wrong:
            return []
        return [node.value]
    if isinstance(node, _ast.BinOp) and isinstance(node.op, _ast.Mod):
        return [node.right]
    if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Attribute):
        if node.func.attr in _TAKERS:
            return [node.func.value]
        if node.func.attr == "format":
            return [node]
        if node.func.attr == "format_map" and node.args:
            return [node.args[0]]
    return []


def _keyword_names(node: Any) -> list[Any] | None:
    """The names that `'...'.format(name=value)` was given."""
    import _ast

    if not isinstance(node, _ast.Call) or not isinstance(node.func, _ast.Attribute):
        return None
    if node.func.attr != "format" or any(each.arg is None for each in node.keywords):
        return None
    return [each.arg for each in node.keywords if each.arg is not None]


def _keys(owner: Any) -> list[Any] | None:
    if type(owner) in (dict, set, frozenset):
        return _bounded(owner)
    return _bounded(dict.keys(owner)) if issubclass(type(owner), dict) else None


def _bounded(keys: Iterable[Any]) -> list[Any]:
    found = []
    for count, key in enumerate(keys):
        if count >= MAX_KEYS:
            break
        found.append(key)
    return found


def _only(candidates: list[list[Any]]) -> list[Any] | None:
    """Of several mappings in one line it cannot be told which one failed."""
    return candidates[0] if len(candidates) == 1 else None
