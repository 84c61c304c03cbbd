"""Completion in the console, without calling anything of the app: no `getattr`, no property, no `__dir__`.

Only dictionaries of objects, classes and modules are read, by the functions of the builtin types themselves.
Must never run code of the app, and never take long.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType, MemberDescriptorType
from typing import Any, Literal

from pilotlight.debugger.introspection.anatomy import class_dictionary, instance_dictionary, is_a, mro

MAX_NAMES = 100
MAX_LOOKED_AT = 20_000
_REACH = 500
"""How many characters before the cursor are looked at for the expression; it bounds the patterns' work."""

_NAME = r"[^\W\d]\w*"
_PATH = rf"{_NAME}(?:\s*\.\s*{_NAME}|\[(?:-?\d+|'[^'\\]*'|\"[^\"\\]*\")\])*"
_LITERAL = r"'[^'\\]*'|\"[^\"\\]*\"|\[\]|\{\}"
_ATTRIBUTE = re.compile(rf"(?<![\w.)\]\"'])({_PATH}|{_LITERAL})\s*\.\s*((?:{_NAME})?)\Z")
_KEY = re.compile(rf"(?<![\w.)\]\"'])({_PATH})\[\Z")
_PLAIN = re.compile(rf"(?<![\w.])({_NAME})\Z")
_IMPORTED = re.compile(
    rf"(?:^|[\n;])\s*from\s+({_NAME}(?:\.{_NAME})*)\s+import\s+(?:[\w\s,(]*[\s,(])?(\w*)\Z"
)

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at the cursor.

    Args:
        kind: what could be completed: a name, an attribute of `expression`, a key of it, a name of a module.
        start: where `prefix` begins in the code.
        quote: of a key.
    """

    kind: Literal["name", "attribute", "key", "import"]
    prefix: str
    start: int
    expression: str = ""
    quote: str = ""


def place(code: str, position: int) -> Place | None:
    """What the cursor is at; None where nothing can be completed (in a text, a comment, after a number)."""
    position = max(0, min(position, len(code)))
    before = code[:position]
    opened = _open_text(before)
    if opened is not None:
        start, quote = opened
        if len(quote) != 1 or "\\" in before[start:]:
            return None
        key = _KEY.search(before[max(0, start - 1 - _REACH) : start - 1])
        return Place("key", before[start:], start, key.group(1), quote) if key else None
    reach = before[-_REACH:]
    if imported := _IMPORTED.search(reach):
        return Place("import", imported.group(2), position - len(imported.group(2)), imported.group(1))
    if attribute := _ATTRIBUTE.search(reach):
        prefix = attribute.group(2)
        return Place("attribute", prefix, position - len(prefix), attribute.group(1))
    if name := _PLAIN.search(reach):
        return Place("name", name.group(1), position - len(name.group(1)))
    return None


_TEXT = re.compile(r"#[^\n]*|\"\"\"|'''|[\"']")


def _open_text(before: str) -> tuple[int, str] | None:
    """Where the text or comment begins that is still open at the end, and its quote; None: there is none."""
    position = 0
    while opening := _TEXT.search(before, position):
        quote = opening.group()
        position = opening.end()
        if quote[0] == "#":
            if position == len(before):
                return position, "#comment"
            continue
        end = _end_of_text(before, position, quote)
        if end is None:
            return position, quote
        position = end
    return None


def _end_of_text(text: str, position: int, quote: str) -> int | None:
    while position < len(text):
        if text[position] == "\\":
            position += 2
        elif text.startswith(quote, position):
            return position + len(quote)
        elif text[position] == "\n" and len(quote) == 1:
            return position  # never closed on its line: an error, and over with it
        else:
            position += 1
    return None


def complete(
    code: str,
    position: int,
    visible: Callable[[], Mapping[str, Any]],
    modules: Mapping[str, Any],
) -> tuple[int, list[str]]:
    """Names that may stand at the cursor, at most `MAX_NAMES`, the private ones last.

    Args:
        position: of the cursor, in characters.
        visible: gives the names of the frame.
        modules: `sys.modules`.

    Returns:
        where the text begins that a name replaces, and the names.
    """
    found = place(code, position)
    if found is None:
        return max(0, min(position, len(code))), []
    names: Iterable[str] = ()
    if found.kind == "name":
        names = {*visible(), *vars(builtins), *keyword.kwlist}
    elif found.kind == "import":
        names = _attributes(modules.get(found.expression, _MISSING))
    else:
        value = _resolve(found.expression, visible())
        names = _keys(value, found.quote) if found.kind == "key" else _attributes(value)
    return found.start, _chosen(names, found.prefix, exact=found.kind == "key")


def _chosen(names: Iterable[str], prefix: str, *, exact: bool) -> list[str]:
    matching = {name for name in names if name.startswith(prefix) and (exact or name.isidentifier())}
    return sorted(matching, key=lambda name: (_privacy(name), name))[:MAX_NAMES]


def _privacy(name: str) -> int:
    return 2 if name.startswith("__") else 1 if name.startswith("_") else 0


def _resolve(expression: str, visible: Mapping[str, Any]) -> Any:
    """The value of names, attributes and constant keys, if it stands in dictionaries; else `_MISSING`."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _MISSING
    return _value(tree, visible)


def _value(node: ast.expr, visible: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return visible.get(node.id, vars(builtins).get(node.id, _MISSING))
    if isinstance(node, ast.Attribute):
        return _attribute(_value(node.value, visible), node.attr)
    if isinstance(node, ast.Subscript):
        return _item(_value(node.value, visible), node.slice)
    if isinstance(node, ast.List):
        return []
    return {} if isinstance(node, ast.Dict) else _MISSING


def _item(container: Any, index: ast.expr) -> Any:
    try:
        key = ast.literal_eval(index)
    except ValueError:
        return _MISSING
    if type(container) is dict and type(key) is str:
        return _get(container, key)
    if type(container) in (list, tuple) and type(key) is int and -len(container) <= key < len(container):
        return container[key]
    return _MISSING


def _attribute(value: Any, name: str) -> Any:
    """An attribute that lies in a dictionary or a slot, without asking the object for it."""
    if value is _MISSING:
        return _MISSING
    if (found := _get(_own(value), name)) is not _MISSING:
        return found
    for each in _classes(value):
        found = _get(class_dictionary(each), name)
        if found is not _MISSING:
            return _unbound(found, value)
    return _MISSING


def _unbound(found: Any, value: Any) -> Any:
    """What a class defines, as far as an object has it without a call."""
    if type(found) in (staticmethod, classmethod):
        return object.__getattribute__(found, "__func__")
    if type(found) is MemberDescriptorType and not is_a(value, type):
        try:
            return found.__get__(value)
        except AttributeError:  # an empty slot
            return _MISSING
    if type(found) is FunctionType:
        return found
    computed = any("__get__" in class_dictionary(each) for each in mro(type(found)))
    return _MISSING if computed else found


def _attributes(value: Any) -> set[str]:
    """The names of what `_attribute` could find, and of properties and methods."""
    if value is _MISSING:
        return set()
    return _texts(_own(value)).union(*(_texts(class_dictionary(each)) for each in _classes(value)))


def _own(value: Any) -> Any:
    return {} if is_a(value, type) else instance_dictionary(value)


def _classes(value: Any) -> tuple[type, ...]:
    return mro(value if is_a(value, type) else type(value))


def _keys(value: Any, quote: str) -> Iterable[str]:
    if type(value) is not dict:
        return ()
    return [_written(key, quote) for key in _texts(value)]


def _written(key: str, quote: str) -> str:
    """A key as it stands between quotes."""
    written = repr(key)
    inner = written[1:-1]
    if written[0] == quote:
        return inner
    return inner.replace("\\'", "'").replace(quote, "\\" + quote)


def _get(dictionary: Any, name: str) -> Any:
    """By looking at the keys one by one: a lookup could call the `__eq__` of a key that is no text."""
    return next((found for key, found in _pairs(dictionary) if type(key) is str and key == name), _MISSING)


def _texts(dictionary: Any) -> set[str]:
    return {key for key, _ in _pairs(dictionary) if type(key) is str}


def _pairs(dictionary: Any) -> list[tuple[Any, Any]]:
    """Copied in one go, since other threads may change it."""
    return list(dictionary.items()) if len(dictionary) <= MAX_LOOKED_AT else []
