"""Reading an object without running any code of its class.

Everything goes through the descriptors of `type` and `object` themselves: no `__getattribute__`, no property,
no `__class__`, nothing of a metaclass. Must never call a method that a user could have written.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

MAX_NAME_CHARACTERS = 200

Slots = tuple[tuple[str, MemberDescriptorType], ...]

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
_ABSENT = object()

_MRO = type.__dict__["__mro__"]
_DICT = type.__dict__["__dict__"]
_MODULE = type.__dict__["__module__"]
_QUALNAME = type.__dict__["__qualname__"]
_FLAGS: Any = type.__dict__["__flags__"]
_MODULE_DICT: Any = vars(ModuleType)["__dict__"]


def plain(text: str, limit: int = MAX_NAME_CHARACTERS) -> str:
    """The first characters, without a subclass of `str` around them."""
    return str.__getitem__(text, slice(0, limit))


def mro(kind: type) -> tuple[type, ...]:
    """The class and its bases, in the order in which attributes are looked up."""
    return _MRO.__get__(kind)  # type: ignore[no-any-return]


def class_dictionary(kind: type) -> Any:
    """What the class itself defines, as a read-only view."""
    return _DICT.__get__(kind)


def is_a(value: object, kind: type) -> bool:
    """As `isinstance`, but by the real type: `__class__` is not asked.

    Args:
        kind: a class whose metaclass is `type`, so that no `__subclasscheck__` is asked either.
    """
    return issubclass(type(value), kind)


def module_of(kind: type) -> str:
    """The module that a class says it is from; empty if it says nothing that is a text."""
    module = class_dictionary(kind).get("__module__") if _is_heap_type(kind) else _MODULE.__get__(kind)
    return plain(module) if is_a(module, str) else ""


def _is_heap_type(kind: type) -> bool:
    return bool(_FLAGS.__get__(kind) & _HEAP_TYPE)


def qualname_of(kind: type) -> str:
    """`Outer.Inner`."""
    return plain(_QUALNAME.__get__(kind))


def type_name(kind: type) -> str:
    """The name of a class as a traceback prints it: without the module for builtins and `__main__`."""
    module, name = module_of(kind), qualname_of(kind)
    return name if module in ("", "__main__", "builtins") else f"{module}.{name}"


def lookup(kind: type, name: str) -> tuple[type | None, Any]:
    """The class of the MRO that defines an attribute, and what it defines, not bound to anything."""
    for base in mro(kind):
        scope = class_dictionary(base)
        if name in scope:
            return base, scope[name]
    return None, None


def instance_dictionary(value: object) -> dict[Any, Any]:
    """The object's own `__dict__`; empty if it has none, or if its class redefines that name."""
    if is_a(value, ModuleType):
        return _MODULE_DICT.__get__(value)  # type: ignore[no-any-return]
    for base in mro(type(value)):
        slot = class_dictionary(base).get("__dict__")
        if slot is not None:
            known = type(slot) in (GetSetDescriptorType, MemberDescriptorType)
            found = slot.__get__(value) if known else None
            return found if type(found) is dict else {}
    return {}


def attribute(value: object, name: str, default: Any = None) -> Any:
    """An attribute that the instance itself stores, in its `__dict__` or in a slot."""
    found = instance_dictionary(value).get(name, _ABSENT)
    if found is not _ABSENT:
        return found
    _, slot = lookup(type(value), name)
    if type(slot) in (MemberDescriptorType, GetSetDescriptorType):
        try:
            return slot.__get__(value)
        except AttributeError:  # an empty slot
            return default
    return default


def slots_of(kind: type) -> Slots:
    """The names and descriptors of the slots of a class and its bases."""
    return tuple(
        (plain(name), slot)
        for base in mro(kind)
        if _is_heap_type(base)
        for name, slot in list(class_dictionary(base).items())
        if type(slot) is MemberDescriptorType
    )


def attributes(value: object, slots: Slots | None = None) -> Iterator[tuple[str, Any]]:
    """All that the instance stores: its `__dict__`, then its slots that hold something.

    Args:
        slots: of its class, where they are known already.
    """
    for name, held in list(instance_dictionary(value).items()):
        if is_a(name, str):
            yield plain(name), held
    for name, slot in slots_of(type(value)) if slots is None else slots:
        try:
            held = slot.__get__(value)
        except AttributeError:  # an empty slot
            continue
        yield name, held


def defined_in(function: object) -> str:
    """The file of a Python function's code; empty for anything else."""
    return function.__code__.co_filename if type(function) is FunctionType else ""


def default_repr(value: object) -> str:
    """What `object.__repr__` says, from the real type."""
    kind = type(value)
    module = module_of(kind)
    name = qualname_of(kind) if module in ("", "builtins") else f"{module}.{qualname_of(kind)}"
    return f"<{name} object at {id(value):#x}>"
