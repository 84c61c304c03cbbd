"""How builtin values and containers are shown: always through the builtin's own methods.

Must never call a method of a subclass.
"""

from __future__ import annotations

import collections
import gc
import itertools
from typing import Any

from pilotlight.debugger.introspection import anatomy
from pilotlight.debugger.introspection.anatomy import type_name
from pilotlight.debugger.model import Value

from .secrets import mask_text
from .walker import MAX_DEPTH, MAX_ITEMS, Members, Pairs, Secret, Show, Walker, is_secret_key
from .written import bytes_of, code_text, cut, int_of, one_line, text_of

MAX_KEY_CHARACTERS = 60


def show_text(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """A `str`, or a subclass that leaves its `repr` alone."""
    text, length = text_of(value)
    return Value(text, type_name(type(value)), "plain", length), 1


def show_bytes(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`bytes` and `bytearray`."""
    base = bytes if anatomy.is_a(value, bytes) else bytearray
    text, length = bytes_of(value, base)
    return Value(text if base is bytes else f"bytearray({text})", type_name(type(value)), "plain", length), 1


def show_number(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`int`, `float`, `complex` and their plain subclasses."""
    base: Any = next(each for each in (bool, int, float, complex) if anatomy.is_a(value, each))
    text = int_of(value) if base is int else base.__repr__(value)
    return Value(text, type_name(type(value))), 1


def show_constant(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`None`, `...`, `NotImplemented`."""
    return Value(repr(value), type_name(type(value))), 1


def show_range(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`range(...)`."""
    parts = [value.start, value.stop] + ([value.step] if value.step != 1 else [])
    text = f"range({', '.join(int_of(part) if type(part) is int else '…' for part in parts)})"
    return Value(text, "range"), 1


def show_code(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """Functions, classes, modules: by name."""
    return Value(cut(one_line(code_text(value))), type_name(type(value))), 1


def show_list(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`[...]`."""
    return _sequence(walker, value, list, depth, allowed)


def show_tuple(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`(...)`; of a pair such as `(b"cookie", ...)` the second is a secret if the first names one."""
    return _sequence(walker, value, tuple, depth, allowed)


def show_set(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`{...}`."""
    return _sequence(walker, value, set, depth, allowed)


def show_frozenset(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`frozenset({...})`."""
    return _sequence(walker, value, frozenset, depth, allowed)


def show_deque(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`deque([...])`."""
    return _sequence(walker, value, collections.deque, depth, allowed)


def _sequence(walker: Walker, value: Any, base: Any, depth: int, allowed: int) -> tuple[Value, int]:
    ordered = base not in (set, frozenset)
    length = base.__len__(value)
    pairs = [
        (str(index) if ordered else "", member)
        for index, member in enumerate(itertools.islice(base.__iter__(value), MAX_ITEMS))
    ]
    if base is tuple and length == 2 and is_secret_key(pairs[0][1]):
        pairs[1] = ("1", Secret(pairs[1][1]))
    opening, closing = _brackets(value, base, length)
    return walker.container(value, Members(opening, closing, pairs, length), depth, allowed)


def _brackets(value: Any, base: type, length: int) -> tuple[str, str]:
    opening, closing = _BRACKETS[base]
    if not length and base in (set, frozenset):
        opening = closing = ""
    if type(value) is not base or base in _ALWAYS_NAMED or not opening:
        return f"{anatomy.qualname_of(type(value))}({opening}", f"{closing})"
    return opening, ",)" if base is tuple and length == 1 else closing


_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("{", "}"),
    collections.deque: ("[", "]"),
}
_ALWAYS_NAMED = (frozenset, collections.deque)


def show_mapping(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`{...}`, with its name if it is more than a `dict`."""
    return _mapping(walker, value, value, depth, allowed)


def show_proxy(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """A read-only view. What is under it is not asked unless it is a dictionary."""
    under = gc.get_referents(value)[0]
    if not anatomy.is_a(under, dict):
        return Value(f"<mappingproxy of {type_name(type(under))}>", "mappingproxy"), 1
    return _mapping(walker, value, under, depth, allowed)


def show_view(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """The keys, values or items of a dictionary."""
    kind: Any = type(value)
    under = gc.get_referents(value)[0]
    members = itertools.islice(kind.__iter__(value), MAX_ITEMS)
    keys = itertools.islice(dict.__iter__(under), MAX_ITEMS) if "values" in kind.__name__ else None
    pairs: Pairs
    if keys is None:
        pairs = [("", member) for member in members]
    else:
        pairs = [
            ("", Secret(member) if is_secret_key(key) else member)
            for key, member in zip(keys, members, strict=False)
        ]
    inside = Members(f"{kind.__name__}([", "])", pairs, dict.__len__(under))
    return walker.container(value, inside, depth, allowed)


def _mapping(walker: Walker, value: Any, under: Any, depth: int, allowed: int) -> tuple[Value, int]:
    items = list(itertools.islice(dict.items(under), MAX_ITEMS))
    pairs = [(_key(walker, key), Secret(held) if is_secret_key(key) else held) for key, held in items]
    name = "" if type(value) is dict else anatomy.qualname_of(type(value))
    opening, closing = (f"{name}({{", "})") if name else ("{", "}")
    return walker.container(
        value, Members(opening, closing, pairs, dict.__len__(under), ": "), depth, allowed
    )


def _key(walker: Walker, key: Any) -> str:
    kind = type(key)
    if kind is str and len(key) <= MAX_KEY_CHARACTERS:
        return repr(mask_text(key))
    if kind is int or kind is bool or key is None or kind is float:
        return int_of(key) if kind is int else repr(key)
    shown, _ = walker.walk(key, MAX_DEPTH, 1)
    return cut(shown.text, MAX_KEY_CHARACTERS)


def show_slice(walker: Walker, value: Any, depth: int, allowed: int) -> tuple[Value, int]:
    """`slice(start, stop, step)`."""
    pairs = [("", value.start), ("", value.stop), ("", value.step)]
    shown, size = walker.container(value, Members("slice(", ")", pairs, 3), depth, allowed)
    return Value(shown.text, "slice"), size


BY_BASE: dict[type, Show] = {
    dict: show_mapping,
    list: show_list,
    tuple: show_tuple,
    set: show_set,
    frozenset: show_frozenset,
    collections.deque: show_deque,
}
