"""How simple values are written: texts, numbers, functions, classes, modules.

In one line, bounded, secrets masked. Must never call anything of the app.
"""

from __future__ import annotations

import types
from typing import Any

from pilotlight.debugger.introspection import anatomy
from pilotlight.debugger.introspection.anatomy import type_name
from pilotlight.debugger.introspection.exceptions import is_named
from pilotlight.debugger.model import Value

from .secrets import MARK, mask_text

MAX_CHARACTERS = 200
MAX_BITS = 2_000
WINDOW = 4_000
"""How much of a long text is searched for secrets before it is cut."""

CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
)


# By identity, since a metaclass may redefine how its classes compare.
_CODE_IDENTITIES = frozenset(map(id, CODE))
_MAYBE_EMPTY = frozenset(map(id, (str, bytes, list, tuple, dict, set, frozenset)))


def is_code(value: object) -> bool:
    """Whether it is a module, a class or something callable that a `def` made."""
    kind = type(value)
    return id(kind) in _CODE_IDENTITIES or issubclass(kind, (type, types.ModuleType))


def is_proxy(value: object) -> bool:
    """Whether it stands for something that only its own code could find, as Flask's `request` does."""
    return is_named(type(value), "werkzeug.local", "LocalProxy")


def is_maskable(value: object) -> bool:
    """Whether there may be a secret in it: not in None, True, nothing at all, or code."""
    kind = type(value)
    if value is None or kind is bool or is_code(value):
        return False
    return not (id(kind) in _MAYBE_EMPTY and not value)


def masked(value: object) -> Value:
    """A secret: its type, and nothing that would tell how long it is."""
    return Value(MARK, type_name(type(value)), "masked")


def cut(text: str, limit: int = MAX_CHARACTERS) -> str:
    """At most `limit` characters, the last of them an ellipsis if there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(text: str) -> str:
    """Without line ends; characters that cannot be seen, and half surrogates, are written as escapes."""
    if text.isprintable():
        return text
    text = " ".join(part.strip() for part in text.splitlines()) if "\n" in text or "\r" in text else text
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def text_of(value: Any) -> tuple[str, int | None]:
    """A text as it is written in Python, masked, at most `MAX_CHARACTERS` of it, and its length if that is
    not all of it.
    """
    length = str.__len__(value)
    window = anatomy.plain(value, WINDOW)
    shown = mask_text(window)
    written = repr(shown[:MAX_CHARACTERS])
    if shown == MARK:  # not even a length is told
        return written, None
    return (f"{written}…", length) if len(shown) > MAX_CHARACTERS or length > WINDOW else (written, None)


def bytes_of(value: Any, kind: Any) -> tuple[str, int | None]:
    """`bytes` or `bytearray` as bytes are written in Python, masked, and how many there are if those are not
    all of them.
    """
    length = kind.__len__(value)
    written = repr(bytes(kind.__getitem__(value, slice(0, WINDOW))))
    shown = mask_text(written[2:-1])
    more = len(shown) > MAX_CHARACTERS or length > WINDOW
    text = f"b{written[1]}{shown[:MAX_CHARACTERS]}{written[1]}"
    return (f"{text}…", length) if more else (text, None)


def int_of(value: int) -> str:
    """The digits, or how many bits a number has that is too large to be written in time."""
    bits = int.bit_length(value)
    return int.__repr__(value) if bits <= MAX_BITS else f"<int of {bits:,} bits>"


def code_text(value: Any) -> str:
    """Functions, methods, classes and modules, without asking them."""
    kind = type(value)
    if issubclass(kind, type):
        return f"<class '{type_name(value)}'>"
    if issubclass(kind, types.ModuleType):
        name: Any = anatomy.instance_dictionary(value).get("__name__")
        return f"<module {anatomy.plain(name)!r}>" if anatomy.is_a(name, str) else "<module>"
    if kind is types.MethodType:
        function, of = value.__func__, value.__self__
        name = code_text(function).partition(" ")[2].rstrip(">") if is_code(function) else "?"
        return f"<bound method {name} of {type_name(type(of))}>"
    if kind is types.FunctionType:
        return f"<function {anatomy.plain(value.__qualname__)}>"
    if kind is types.BuiltinFunctionType:
        return f"<built-in function {anatomy.plain(value.__name__)}>"
    return f"<{kind.__name__} {anatomy.plain(value.__name__)}>"
