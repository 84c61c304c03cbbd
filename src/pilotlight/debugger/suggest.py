"""Did you mean: the suggestions the interpreter prints, on every Python.

Must never run user code: names are taken from dictionaries, not from `dir()`, so that no `__dir__`,
`__getattr__` or property runs. Looks at no more than some hundred names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from types import FrameType, GetSetDescriptorType, ModuleType, TracebackType
from typing import Any

MAX_NAMES = 750
MAX_NAME_CHARACTERS = 40
_MOVE = 2
_CASE = 1

_IMPORT_MESSAGE = re.compile(r"cannot import name '([^']+)' from (?:partially initialized module )?'([^']+)'")


def suggestion(error: BaseException, traceback: TracebackType | None) -> str:
    """A sentence such as `Did you mean: 'name'?`, or nothing."""
    kind = type(error)
    if issubclass(kind, NameError):
        return _for_name(_word(NameError, "name", error), traceback)
    if issubclass(kind, AttributeError):
        return _for_attribute(error)
    if issubclass(kind, ImportError):
        return _for_import(error)
    return ""


def _for_name(wrong: str | None, traceback: TracebackType | None) -> str:
    if wrong is None or traceback is None:
        return ""
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame
    this = _local(frame, "self")
    if this is not None and wrong in _attributes(this):
        return f"Did you mean: 'self.{wrong}'?"
    best = closest(wrong, _names(frame))
    sentence = f"Did you mean: '{best}'?" if best else ""
    if wrong in sys.stdlib_module_names:
        word = "Or did" if sentence else "Did"
        sentence = f"{sentence} {word} you forget to import '{wrong}'?".lstrip()
    return sentence


def _local(frame: FrameType, name: str) -> Any:
    known: Any = frame.f_locals
    return known.get(name) if _is_plain(known) else None


def _names(frame: FrameType) -> Iterable[Any]:
    for scope in (frame.f_locals, frame.f_globals, frame.f_builtins):
        if _is_plain(scope):
            yield from scope.keys()


def _is_plain(scope: Any) -> bool:
    """A plain dictionary, or the view of a frame's locals that 3.13 has: neither runs user code."""
    return type(scope) is dict or type(scope).__name__ == "FrameLocalsProxy"


def _for_attribute(error: BaseException) -> str:
    wrong = _word(AttributeError, "name", error)
    if wrong is None:
        return ""
    owner = AttributeError.__dict__["obj"].__get__(error)
    if owner is None:
        return ""
    names = _attributes(owner)
    if not wrong.startswith("_"):
        names = [name for name in names if not name.startswith("_")]
    best = closest(wrong, names)
    return f"Did you mean: '{best}'?" if best else ""


def _for_import(error: BaseException) -> str:
    module_name = _word(ImportError, "name", error)
    message = ImportError.__dict__["msg"].__get__(error)
    found = _IMPORT_MESSAGE.match(message) if type(message) is str else None
    module = sys.modules.get(module_name) if found and module_name else None
    if found is None or not issubclass(type(module), ModuleType):
        return ""
    best = closest(found.group(1), _attributes(module))
    return f"Did you mean: '{best}'?" if best else ""


def _attributes(owner: Any) -> list[str]:
    """The names an object has of itself and by its classes, without asking it."""
    kind: type = owner if issubclass(type(owner), type) else type(owner)
    scopes = [type.__dict__["__dict__"].__get__(base) for base in type.__dict__["__mro__"].__get__(kind)]
    own = _instance_dictionary(owner)
    names = {name: None for scope in (own, *scopes) for name in scope if type(name) is str}
    return list(names)


def _instance_dictionary(owner: Any) -> dict[Any, Any]:
    """The object's own `__dict__`, without its `__getattribute__`; empty if a class redefines that name."""
    if issubclass(type(owner), ModuleType):
        return vars(ModuleType)["__dict__"].__get__(owner)  # type: ignore[no-any-return]
    for base in type.__dict__["__mro__"].__get__(type(owner)):
        slot = type.__dict__["__dict__"].__get__(base).get("__dict__")
        if slot is not None:
            found = slot.__get__(owner) if type(slot) is GetSetDescriptorType else None
            return found if type(found) is dict else {}
    return {}


def _word(owner: type, name: str, error: BaseException) -> str | None:
    value = owner.__dict__[name].__get__(error)
    return value if type(value) is str else None


def closest(wrong: str, names: Iterable[Any]) -> str | None:
    """The name that a typing mistake may have been meant for: at most about a third of the letters differ."""
    if not wrong or len(wrong) > MAX_NAME_CHARACTERS:
        return None
    best: str | None = None
    best_distance = sys.maxsize
    for count, name in enumerate(names):
        if count >= MAX_NAMES:
            break
        if type(name) is not str or name == wrong:
            continue
        limit = min((len(wrong) + len(name) + 3) * _MOVE // 6, best_distance - 1)
        distance = _distance(wrong, name, limit)
        if distance <= limit:
            best, best_distance = name, distance
    return best


def _distance(one: str, two: str, limit: int) -> int:
    """How many letters must change, a change of case counting half; anything above `limit` if it is more."""
    if abs(len(one) - len(two)) * _MOVE > limit or len(two) > MAX_NAME_CHARACTERS:
        return limit + 1
    previous = list(range(0, (len(two) + 1) * _MOVE, _MOVE))
    for row, letter in enumerate(one, 1):
        current = [row * _MOVE]
        for column, other in enumerate(two):
            change = 0 if letter == other else _CASE if letter.lower() == other.lower() else _MOVE
            current.append(
                min(previous[column] + change, previous[column + 1] + _MOVE, current[column] + _MOVE)
            )
        if min(current) > limit:
            return limit + 1
        previous = current
    return previous[-1]
