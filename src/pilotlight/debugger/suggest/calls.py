"""Suggestions for calls that do not fit, and for what was not awaited."""

from __future__ import annotations

import re
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from pilotlight.debugger.introspection import peek
from pilotlight.debugger.introspection.anatomy import instance_dictionary
from pilotlight.debugger.introspection.expressions import value_of
from pilotlight.debugger.introspection.peek import UNKNOWN

from .spelling import closest

if TYPE_CHECKING:
    from .suggestion import Failure

_COROUTINE = re.compile(
    r"'coroutine' object (?:has no|is not|does not)|'coroutine'(?: and|$)|and 'coroutine'"
    r"|type '?coroutine'?\b|not coroutine\b|got coroutine$|coroutine found$"
    r"|non-iterable coroutine object"
)
_ASYNC_ITERATION = re.compile(r"^'(?:async_generator|aiter)' object is not iterable")
_PLAIN_AWAITED = re.compile(r"^object (\w+) can't be used in 'await' expression")
_UNEXPECTED = re.compile(r"^([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'")
_WITHOUT_SELF = re.compile(r"^([\w.<>]+)\(\) takes 0 positional arguments but 1 was given")
_SELF_MISSING = re.compile(r"^([\w.<>]+)\(\) missing \d+ required positional arguments?: '(?:self|cls)'")
_MODULE_CALLED = "'module' object is not callable"
_VARIABLE_KEYWORDS = 0x08  # CO_VARKEYWORDS


def for_coroutine(failure: Failure) -> str:
    """For an error that speaks of a coroutine in place of what it would have given."""
    if _ASYNC_ITERATION.match(failure.message):
        return "Did you mean 'async for'?"
    if _COROUTINE.search(failure.message):
        return "Did you forget 'await'?"
    return ""


def for_call(failure: Failure) -> str:
    """For a TypeError: arguments that do not fit, a module that is called."""
    awaited = _PLAIN_AWAITED.match(failure.message)
    if awaited:
        return "It is not a coroutine: did you mean to use it without 'await'?"
    if failure.message.startswith(_MODULE_CALLED):
        return _for_module(failure)
    unexpected = _UNEXPECTED.match(failure.message)
    if unexpected and "Did you mean" not in failure.message:  # 3.13 says it by itself
        return _for_keyword(unexpected.group(1), unexpected.group(2), failure)
    without = _WITHOUT_SELF.match(failure.message)
    if without:
        return _for_method_without_self(without.group(1), failure)
    missing = _SELF_MISSING.match(failure.message)
    if missing:
        return _for_call_on_class(missing.group(1), failure)
    return ""


def _called(failure: Failure) -> list[Any]:
    """What the failing expression calls, as far as it is known."""
    import _ast

    if failure.frame is None:
        return []
    found = [
        value_of(each.node.func, failure.frame)
        for each in failure.expressions
        if isinstance(each.node, _ast.Call)
    ]
    return [each for each in found if each is not UNKNOWN]


def _function(name: str, failure: Failure) -> FunctionType | None:
    """The function of that name that the failing expression calls."""
    functions = [peek.function_of(each) for each in _called(failure)]
    fitting = {id(each): each for each in functions if each is not None and name in _names(each)}
    return next(iter(fitting.values())) if len(fitting) == 1 else None


def _names(function: FunctionType) -> tuple[str, str]:
    return function.__qualname__, function.__name__


def _for_keyword(name: str, wrong: str, failure: Failure) -> str:
    function = _function(name, failure)
    if function is None:
        return ""
    code = function.__code__
    names = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
    best = closest(wrong, names)
    return f"Did you mean: '{best}'?" if best else ""


def _for_method_without_self(name: str, failure: Failure) -> str:
    """A function in a class without the argument that every method gets."""
    import _ast

    owner, _, last = name.rpartition(".")
    if not owner or owner.endswith("<locals>") or failure.frame is None:
        return ""
    for each in failure.expressions:
        node = each.node
        if not isinstance(node, _ast.Call) or not isinstance(node.func, _ast.Attribute):
            continue
        on = value_of(node.func.value, failure.frame)
        if (
            node.func.attr != last
            or on is UNKNOWN
            or issubclass(type(on), type)
            or node.args
            or node.keywords
        ):
            continue
        if type(peek.class_value(type(on), last)) is FunctionType:
            return f"Did you forget 'self' in the definition of '{name}'?"
    return ""


def _for_call_on_class(name: str, failure: Failure) -> str:
    """A method that was called on its class instead of an object of it."""
    import _ast

    if failure.frame is None:
        return ""
    for each in failure.expressions:
        node = each.node
        if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Attribute):
            on = value_of(node.func.value, failure.frame)
            if on is not UNKNOWN and issubclass(type(on), type) and _function(name, failure) is not None:
                written = each.source(node.func.value)
                return (
                    f"It was called on the class: did you mean '{written}().{node.func.attr}(...)'?"
                    if written
                    else ""
                )
    return ""


def _for_module(failure: Failure) -> str:
    """A module that was called in place of what it holds under its own name."""
    for each in _called(failure):
        if not issubclass(type(each), ModuleType):
            continue
        known = instance_dictionary(each)
        name = known.get("__name__")
        last = name.rpartition(".")[2] if type(name) is str else ""
        if (last and peek.function_of(known.get(last)) is not None) or issubclass(
            type(known.get(last)), type
        ):
            return f"Did you mean: '{last}.{last}(...)'?"
    return ""
