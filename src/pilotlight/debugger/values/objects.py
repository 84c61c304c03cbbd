"""How other objects are shown: by what they store, by what `lazy` can say of them, or by their `repr`.

Only `show_other` and guarded looks run code of the app, under the page's deadline.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import WrapperDescriptorType
from typing import Any

from pilotlight.debugger.introspection import anatomy, source
from pilotlight.debugger.introspection.anatomy import default_repr, type_name
from pilotlight.debugger.model import Value, ValueKind

from . import containers, lazy
from .budget import Refused
from .secrets import is_secret_name, mask_text
from .walker import MAX_ITEMS, Members, Pairs, Secret, Walker
from .written import WINDOW, cut, one_line

_LARGE_SUBCLASS = 5_000
"""A container with more items is walked even if its class has a `repr` of its own."""


def _hidden_fields(kind: type) -> frozenset[str]:
    """Fields of a dataclass or attrs class that were declared with `repr=False`."""
    _, fields = anatomy.lookup(kind, "__dataclass_fields__")
    _, attrs = anatomy.lookup(kind, "__attrs_attrs__")
    declared: Iterable[Any] = ()
    if type(fields) is dict:
        declared = fields.values()
    elif attrs is not None and anatomy.is_a(attrs, tuple):
        declared = tuple.__iter__(attrs)
    hidden = ("__weakref__",)
    return frozenset(hidden) | {
        anatomy.plain(anatomy.attribute(field, "name", ""))
        for field in declared
        if anatomy.attribute(field, "repr", True) is False
    }


def _is_own_class(kind: type) -> bool:
    module = sys.modules.get(anatomy.module_of(kind))
    file = anatomy.instance_dictionary(module).get("__file__") if module is not None else None
    return type(file) is not str or source.is_own(file)


def show_named_tuple(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """Made by `namedtuple` or `NamedTuple`."""
    _, fields = anatomy.lookup(type(value), "_fields")
    pairs = list(zip(fields, tuple.__iter__(value), strict=False))
    return _fields(walker, value, pairs, depth, allowed)


@dataclass(frozen=True, slots=True)
class Form:
    """What the class of a record says of its fields: found out once for all records of a page.

    Args:
        declared: in this order they are shown.
    """

    declared: tuple[str, ...]
    hidden: frozenset[str]
    slots: anatomy.Slots


def form_of(kind: type) -> Form:
    """That of a class."""
    _, declared = anatomy.lookup(kind, "__dataclass_fields__")
    order = tuple(declared) if type(declared) is dict else ()
    return Form(order, _hidden_fields(kind), anatomy.slots_of(kind))


def show_record(
    walker: Walker, value: Any, depth: int, allowed: int, *, form: Form | None = None
) -> tuple[Value, int]:
    """A dataclass or an attrs class. Fields that are not part of its `repr` are not shown."""
    form = form or form_of(type(value))
    held = {name: each for name, each in anatomy.attributes(value, form.slots) if name not in form.hidden}
    order = [name for name in form.declared if name in held]
    pairs = [(name, held[name]) for name in dict.fromkeys([*order, *held])]
    return _fields(walker, value, pairs, depth, allowed)


def _fields(walker: Walker, value: Any, pairs: Pairs, depth: int, allowed: int) -> tuple[Value, int]:
    opening = f"{anatomy.qualname_of(type(value))}("
    return walker.container(value, Members(opening, ")", _attributes(pairs), len(pairs), "="), depth, allowed)


def _attributes(pairs: Iterable[tuple[str, Any]]) -> Pairs:
    """The first attributes, as they are written after the object."""
    return [
        (f".{name}", Secret(held) if is_secret_name(name) else held)
        for name, held in itertools.islice(pairs, MAX_ITEMS)
    ]


def show_look(walker: Walker, value: Any, depth: int, allowed: int, *, rule: lazy.Rule) -> tuple[Value, int]:
    """Something that is not evaluated."""
    if lazy.is_small_array(value):
        return _ask(walker, value)
    kind = type_name(type(value))
    try:
        look = walker.budget.call(lambda: rule.read(value)) if rule.guarded else rule.read(value)
    except Refused as refused:
        return Value(default_repr(value), kind, "lazy", note=refused.note), 1
    text = cut(one_line(mask_text(look.text)))
    if look.values is None:
        pairs, count = _attributes(look.items), len(look.items)
    else:
        pairs = [(str(index), each) for index, each in enumerate(look.values[:MAX_ITEMS])]
        count = len(look.values)
    if not pairs or not walker.may_enter(value, depth, allowed):
        return Value(text, kind, "lazy", look.length, (), count, look.note), 1
    items, size = walker.inside(value, pairs, depth, allowed)
    omitted = count - len(items)
    return Value(text, kind, "lazy", look.length if omitted else None, items, omitted, look.note), size + 1


def show_object(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """An object whose class has no `repr`: what it stores, if the class is the user's own."""
    rule = lazy.rule_of_instance(value)
    if rule is not None:
        return show_look(walker, value, depth, allowed, rule=rule)
    text, kind = cut(one_line(default_repr(value))), type_name(type(value))
    pairs = list(anatomy.attributes(value)) if _is_own_class(type(value)) else []
    if not pairs or not walker.may_enter(value, depth, allowed):
        return Value(text, kind, omitted=len(pairs)), 1
    items, size = walker.inside(value, _attributes(pairs), depth, allowed)
    return Value(text, kind, "plain", None, items, len(pairs) - len(items)), size + 1


def show_exception(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """By its arguments: its own `repr` would call theirs."""
    arguments = BaseException.__dict__["args"].__get__(value)
    pairs = [("", each) for each in arguments[:MAX_ITEMS]]
    opening = f"{anatomy.qualname_of(type(value))}("
    return walker.container(value, Members(opening, ")", pairs, len(arguments)), depth, allowed)


def show_partial(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`functools.partial`, by what it holds: its own `repr` would call theirs."""
    scope = anatomy.class_dictionary(functools.partial)
    function, arguments, words = (scope[name].__get__(value) for name in ("func", "args", "keywords"))
    pairs = [("", function), *(("", each) for each in arguments[:MAX_ITEMS])]
    pairs += [
        (name, Secret(held) if is_secret_name(name) else held)
        for name, held in itertools.islice(dict.items(words), MAX_ITEMS)
        if type(name) is str
    ]
    length = 1 + len(arguments) + dict.__len__(words)
    return walker.container(value, Members("partial(", ")", pairs, length, "="), depth, allowed)


def show_container_with_repr(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """A subclass of a container that has its own `repr`; in a large one that could not be stopped."""
    base: Any = next(each for each in containers.BY_BASE if anatomy.is_a(value, each))
    if base.__len__(value) <= _LARGE_SUBCLASS:
        return show_other(walker, value, depth, allowed)
    return containers.BY_BASE[base](walker, value, depth, allowed)


def show_quick(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """A number or a time: nothing of the user's is asked, unless it has a time zone of the user's own."""
    slot = anatomy.class_dictionary(type(value)).get("tzinfo")
    zone = slot.__get__(value) if slot is not None else None
    if zone is not None and type(anatomy.lookup(type(zone), "__repr__")[1]) is not WrapperDescriptorType:
        return _ask(walker, value)
    return Value(cut(repr(value)), type_name(type(value))), 1


def show_other(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """Anything else is asked for its `repr`, under the deadline."""
    rule = lazy.rule_of_instance(value)
    if rule is not None:
        return show_look(walker, value, depth, allowed, rule=rule)
    return _ask(walker, value)


def _ask(walker: Walker, value: Any) -> tuple[Value, int]:
    known = walker.budget.known(value)
    if known is not None:
        return known[0], 1
    kind = type_name(type(value))
    try:
        text = walker.budget.call(lambda: anatomy.plain(repr(value), WINDOW))
    except Refused as refused:
        state: ValueKind = "broken" if refused.evaluated else "lazy"
        shown = Value(cut(one_line(default_repr(value))), kind, state, note=refused.note)
    else:
        shown = Value(cut(one_line(mask_text(text))), kind)
    walker.budget.remember(value, shown, 1)
    return shown, 1
