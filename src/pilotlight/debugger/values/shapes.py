"""Which way of showing fits a type: found by its MRO, without asking anything of it."""

from __future__ import annotations

import collections
import dataclasses
import functools
import reprlib
import types

from pilotlight.debugger.introspection import anatomy

from . import containers, lazy, objects
from .walker import Show
from .written import CODE

_BUILTIN: dict[type, Show] = {
    str: containers.show_text,
    bytes: containers.show_bytes,
    bytearray: containers.show_bytes,
    int: containers.show_number,
    bool: containers.show_number,
    float: containers.show_number,
    complex: containers.show_number,
    range: containers.show_range,
    slice: containers.show_slice,
    type(None): containers.show_constant,
    type(...): containers.show_constant,
    type(NotImplemented): containers.show_constant,
    list: containers.show_list,
    tuple: containers.show_tuple,
    set: containers.show_set,
    frozenset: containers.show_frozenset,
    collections.deque: containers.show_deque,
    dict: containers.show_mapping,
    collections.OrderedDict: containers.show_mapping,
    collections.defaultdict: containers.show_mapping,
    collections.Counter: containers.show_mapping,
    types.MappingProxyType: containers.show_proxy,
    types.SimpleNamespace: objects.show_record,
    BaseException: objects.show_exception,
    functools.partial: objects.show_partial,
    type({}.keys()): containers.show_view,
    type({}.values()): containers.show_view,
    type({}.items()): containers.show_view,
    **dict.fromkeys(CODE, containers.show_code),
}


def find_show(kind: type) -> Show:
    """How objects of a type are shown."""
    rule = lazy.rule_of(kind)
    if rule is not None:
        return functools.partial(objects.show_look, rule=rule)
    owner, function = anatomy.lookup(kind, "__repr__")
    walk = _BUILTIN.get(owner) if owner is not None and type(owner) is type else None
    if walk is not None:
        return walk
    if owner is kind and _is_quick(kind, function):
        return objects.show_quick
    if owner is object:
        return objects.show_object
    if issubclass(kind, (type, types.ModuleType)):
        return containers.show_code
    if issubclass(kind, tuple) and _is_generated_tuple(kind, function):
        return objects.show_named_tuple
    if _is_generated_class(kind, function):
        return functools.partial(objects.show_record, form=objects.form_of(kind))
    if issubclass(kind, tuple(containers.BY_BASE)):
        return objects.show_container_with_repr
    return objects.show_other


_QUICK = frozenset(
    {
        ("decimal", "Decimal"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
    }
)


def _is_quick(kind: type, function: object) -> bool:
    """A type of the standard library whose `repr` is in C; a class that only has the name is none."""
    if type(function) is not types.WrapperDescriptorType or function.__objclass__ is not kind:
        return False
    return (anatomy.module_of(kind), anatomy.qualname_of(kind)) in _QUICK


_REPR_FILES = frozenset({dataclasses.__file__, reprlib.__file__})


def _is_generated_tuple(kind: type, function: object) -> bool:
    _, fields = anatomy.lookup(kind, "_fields")
    if type(fields) is not tuple or not all(type(field) is str for field in fields):
        return False
    return anatomy.defined_in(function) == collections.__file__


def _is_generated_class(kind: type, function: object) -> bool:
    """A dataclass or attrs class whose `repr` was generated."""
    file = anatomy.defined_in(function)
    if file.startswith("<attrs generated"):
        return True
    if type(anatomy.lookup(kind, "__dataclass_fields__")[1]) is not dict:
        return False
    return file in _REPR_FILES and function.__name__ == "__repr__"  # type: ignore[attr-defined]
