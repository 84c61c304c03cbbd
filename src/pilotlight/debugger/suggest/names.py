"""Suggestions for names and attributes that are not there."""

from __future__ import annotations

import re
import sys
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING, Any

from pilotlight.debugger.introspection import peek
from pilotlight.debugger.introspection.anatomy import instance_dictionary
from pilotlight.debugger.introspection.exceptions import field, word
from pilotlight.debugger.introspection.expressions import Expression, value_of
from pilotlight.debugger.introspection.peek import UNKNOWN

from .spelling import closest

if TYPE_CHECKING:
    from .suggestion import Failure

_UNBOUND = re.compile(r"^(?:cannot access local variable|local variable) '([^']+)'")
_FREE = re.compile(r"^(?:cannot access free variable|free variable) '")
_ATTRIBUTE = re.compile(r"^(?:type object )?'?([\w.]+)'?(?: object)? has no attribute '(\w+)'")
_NONE_ATTRIBUTE = re.compile(r"^'NoneType' object has no attribute '(\w+)'")
_NONE = re.compile(
    r"^'NoneType' object (?:has no attribute|is not subscriptable|is not callable|does not support item)"
)


def for_name(failure: Failure) -> str:
    """For a NameError."""
    frame, wrong = failure.frame, word(NameError, "name", failure.error)
    if frame is None or _FREE.match(failure.message):
        return ""
    unbound = _UNBOUND.match(failure.message)
    if unbound:
        return _for_unbound(unbound.group(1), frame, failure)
    if wrong is None:
        return ""
    this = peek.local(frame, "self")
    if this is not None and wrong in peek.attribute_names(this):
        return f"Did you mean: 'self.{wrong}'?"
    best = closest(wrong, (name for scope in peek.scopes(frame) for name in tuple(scope)))
    sentence = f"Did you mean: '{best}'?" if best else ""
    if wrong in sys.stdlib_module_names:
        verb = "Or did" if sentence else "Did"
        sentence = f"{sentence} {verb} you forget to import '{wrong}'?".lstrip()
    return sentence


def _for_unbound(name: str, frame: FrameType, failure: Failure) -> str:
    """A name that is local because the function assigns it somewhere: who else has one of that name?"""
    code = frame.f_code
    if name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return ""  # an argument that was deleted
    line = _assigned_in(name, failure)
    where = f"in line {line}" if line else "somewhere in this function"
    if _enclosing(name, code, failure):
        return f"It is local because it is assigned {where}. Did you forget 'nonlocal {name}'?"
    if dict.get(frame.f_globals, name, UNKNOWN) is not UNKNOWN:
        return f"It is local because it is assigned {where}. Did you forget 'global {name}'?"
    if line and failure.line and line > failure.line:
        return f"It is first assigned in line {line}."
    return ""


def _assigned_in(name: str, failure: Failure) -> int | None:
    """The first line of the function that assigns the name, if a simple look at the source finds it."""
    lines, frame = failure.lines, failure.frame
    if isinstance(lines, str) or frame is None:
        return None
    start = frame.f_code.co_firstlineno
    ends = getattr(frame.f_code, "co_lines", None)
    end = max((line for _, _, line in ends() if line), default=start) if ends else start
    assigned = re.compile(
        rf"^\s*(?:(?:for|import|with)\b.*\b)?{re.escape(name)}(?:\s*:[^=]+)?\s*(?:(?:[-+*/%@&|^]|//|\*\*|<<|>>)?=(?!=)|\bin\b|$)"
    )
    for number in range(start, min(end, len(lines)) + 1):
        if assigned.match(lines[number - 1]) and lines[number - 1].strip() != name:
            return number
    return None


def _enclosing(name: str, code: CodeType, failure: Failure) -> bool:
    """Whether the function stands inside one that has a local of that name."""
    known = [step.code for step in failure.steps]
    frame = failure.frame
    if frame is not None:
        outermost = getattr(code, "co_qualname", "").partition(".")[0]
        owner = dict.get(frame.f_globals, outermost)
        known += [owner.__code__] if type(owner) is FunctionType else []
    return any(
        name in each.co_varnames or name in each.co_cellvars
        for each in known
        if any(c is code for c in each.co_consts)
    )


def for_attribute(failure: Failure) -> str:
    """For an AttributeError: `await`, `None`, a name in place of another, a class in place of its module."""
    wrong, owner = word(AttributeError, "name", failure.error), field(AttributeError, "obj", failure.error)
    if wrong is None:
        wrong, owner = _from_message(failure)
    if wrong is None or owner is None or owner is UNKNOWN:
        return ""
    names = peek.attribute_names(owner)
    if not wrong.startswith("_"):
        names = [name for name in names if not name.startswith("_")]
    best = closest(wrong, names)
    return f"Did you mean: '{best}'?" if best else ""


def _from_message(failure: Failure) -> tuple[str | None, Any]:
    """The name and the object, where the error does not hold them: raised by hand, or by old code in C."""
    found = _ATTRIBUTE.match(failure.message.replace("module ", "", 1))
    if found is None or failure.frame is None:
        return None, None
    kind, name = found.groups()
    owners = _owners(name, failure)
    fitting = [each for each in owners if _is_called(each, kind)]
    return name, fitting[0] if len(fitting) == 1 else None


def _owners(name: str, failure: Failure) -> list[Any]:
    """What stands before `.name` in the failing expression, as far as it is known."""
    import _ast

    if failure.frame is None:
        return []
    found = [
        value_of(each.node.value, failure.frame)
        for each in failure.expressions
        if isinstance(each.node, _ast.Attribute) and each.node.attr == name
    ]
    return [each for each in found if each is not UNKNOWN]


def _is_called(owner: Any, kind: str) -> bool:
    """Whether a message would name the object, its type or, if it is one, the class or module so."""
    names = {
        type.__dict__["__name__"].__get__(type(owner)),
        type.__dict__["__qualname__"].__get__(type(owner)),
    }
    if issubclass(type(owner), type):
        names = {type.__dict__["__name__"].__get__(owner)}
    elif issubclass(type(owner), type(sys)):
        names = {instance_dictionary(owner).get("__name__")}
    return kind in names


def for_none(failure: Failure) -> str:
    """Which expression was None, where something was asked of it."""

    if not _NONE.match(failure.message):
        return ""
    owners = [(owner, each) for each in failure.expressions for owner in _asked(each.node, failure)]
    if len(owners) == 1:  # no other can be meant, so that it need not be looked up
        return _was_none(*owners[0], failure, certain=True)
    found = {_was_none(owner, each, failure, certain=each.exact) for owner, each in owners} - {""}
    return found.pop() if len(found) == 1 else ""


def _asked(node: Any, failure: Failure) -> list[Any]:
    """The part of an expression of which something was asked that None does not have."""
    import _ast

    if issubclass(type(failure.error), AttributeError):
        wrong = _NONE_ATTRIBUTE.match(failure.message)
        fits = isinstance(node, _ast.Attribute) and wrong is not None and node.attr == wrong.group(1)
    elif "callable" in failure.message:
        return [node.func] if isinstance(node, _ast.Call) else []
    else:
        fits = isinstance(node, _ast.Subscript)
    return [node.value] if fits else []


def _was_none(owner: Any, expression: Expression, failure: Failure, certain: bool) -> str:
    import _ast

    if failure.frame is None:
        return ""
    value = value_of(owner, failure.frame)
    if value is not None and (value is not UNKNOWN or not certain):
        return ""
    text = expression.source(owner)
    if not text:
        return ""
    return f"'{text}' returned None." if isinstance(owner, (_ast.Await, _ast.Call)) else f"'{text}' is None."
