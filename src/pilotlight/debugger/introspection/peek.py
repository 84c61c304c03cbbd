"""What a name, an attribute or an item of a frame holds, found without running any code of the app.

Must never call a property, a `__getattr__`, a `__getitem__` or a metaclass of the app: what only they could
tell is `UNKNOWN`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import (
    ClassMethodDescriptorType,
    FrameType,
    FunctionType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

from .anatomy import class_dictionary, instance_dictionary, lookup, mro


class _Unknown:
    """The type of `UNKNOWN`."""

    __slots__ = ()


UNKNOWN: Final = _Unknown()
_FUNCTIONS = (FunctionType, MethodDescriptorType, ClassMethodDescriptorType)


def is_plain_scope(scope: Any) -> bool:
    """A plain dictionary, or the view of a frame's locals that 3.13 has: neither runs user code."""
    return type(scope) is dict or (
        type(scope).__name__ == "FrameLocalsProxy" and type(scope).__module__ == "builtins"
    )


def scopes(frame: FrameType) -> Iterator[Any]:
    """Where a frame looks its names up, in order; what is not plain is left out."""
    for scope in (frame.f_locals, frame.f_globals, frame.f_builtins):
        if is_plain_scope(scope):
            yield scope


def local(frame: FrameType, name: str) -> Any:
    """A local variable, or None."""
    known: Any = frame.f_locals
    return known.get(name) if is_plain_scope(known) else None


def name_value(frame: FrameType, name: str) -> Any:
    """What a name holds in a frame, or `UNKNOWN`."""
    for scope in scopes(frame):
        value = scope.get(name, UNKNOWN)
        if value is not UNKNOWN:
            return value
    return UNKNOWN


def attribute_value(owner: Any, name: str) -> Any:
    """What an attribute holds, or `UNKNOWN`. A method is the function behind it."""
    kind = type(owner)
    if issubclass(kind, ModuleType):
        return instance_dictionary(owner).get(name, UNKNOWN)
    if issubclass(kind, type):
        if class_value(kind, "__getattribute__") is not type.__dict__["__getattribute__"]:
            return UNKNOWN
        return _class_attribute(owner, name)
    if class_value(kind, "__getattribute__") is not object.__dict__["__getattribute__"]:
        return UNKNOWN
    in_class = class_value(kind, name)
    if type(in_class) is MemberDescriptorType:
        return _slot(in_class, owner)
    own = instance_dictionary(owner)
    if in_class is not UNKNOWN and has_special(type(in_class), "__set__"):
        return UNKNOWN
    return own[name] if name in own else _class_attribute(kind, name)


def _class_attribute(kind: type, name: str) -> Any:
    found = class_value(kind, name)
    if type(found) in (staticmethod, classmethod):
        return found.__func__
    if found is UNKNOWN or type(found) in _FUNCTIONS or not has_special(type(found), "__get__"):
        return found
    return found if issubclass(type(found), type) else UNKNOWN


def _slot(slot: Any, owner: Any) -> Any:
    try:
        return slot.__get__(owner)
    except AttributeError:  # it was never assigned
        return UNKNOWN


def item_value(owner: Any, key: Any) -> Any:
    """What a plain dictionary, list or tuple holds under a plain key, or `UNKNOWN`."""
    if type(key) not in (str, int, bool, bytes, type(None)):
        return UNKNOWN
    if type(owner) is dict:
        return owner.get(key, UNKNOWN) if has_plain_keys(owner) else UNKNOWN
    if type(owner) in (list, tuple) and type(key) is int and -len(owner) <= key < len(owner):
        return owner[key]
    return UNKNOWN


def has_plain_keys(owner: dict[Any, Any], limit: int = 1_000) -> bool:
    """Whether no key can run code of its own when it is compared; what is too large to see is not."""
    return len(owner) <= limit and all(
        type(key) in (str, int, bool, float, bytes, type(None)) for key in owner
    )


def class_value(kind: type, name: str) -> Any:
    """What a class, or the first of those it inherits from that does, has under a name; else `UNKNOWN`."""
    owner, found = lookup(kind, name)
    return UNKNOWN if owner is None else found


def has_special(kind: type, name: str) -> bool:
    """Whether objects of a class have a special method."""
    return class_value(kind, name) is not UNKNOWN


def function_of(thing: Any) -> FunctionType | None:
    """The Python function that runs when something is called: of a class its `__init__`."""
    if type(thing) is MethodType:
        thing = thing.__func__
    elif issubclass(type(thing), type):
        thing = class_value(thing, "__init__")
    elif type(thing) is not FunctionType:
        thing = class_value(type(thing), "__call__")
    return thing if type(thing) is FunctionType else None


def attribute_names(owner: Any) -> list[str]:
    """The names an object has of itself and by its classes, without asking it."""
    kind: type = owner if issubclass(type(owner), type) else type(owner)
    known = [instance_dictionary(owner)]
    known += [class_dictionary(base) for base in mro(kind)]
    return list({name: None for scope in known for name in tuple(scope) if type(name) is str})


def loaded_module(name: str) -> ModuleType | None:
    """A module that is loaded already."""
    module = sys.modules.get(name)
    return module if module is not None and issubclass(type(module), ModuleType) else None
