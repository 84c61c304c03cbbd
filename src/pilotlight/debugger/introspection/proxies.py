"""What a proxy of Werkzeug stands for, such as Flask's and Quart's `session`, found without running its code.

Must never call the proxy, what it looks for, or a property on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from operator import attrgetter
from types import CellType, FrameType, FunctionType
from typing import Any

from . import peek
from .exceptions import is_named
from .peek import UNKNOWN

MAX_LOCALS = 100
_KINDS = ("RequestContext", "WebsocketContext", "AppContext")
_CONTEXTS = tuple((f"{package}.ctx", kind) for package in ("flask", "quart") for kind in _KINDS)


def behind(value: Any, frames: Iterable[FrameType]) -> Any:
    """What a proxy stands for; `UNKNOWN` if that cannot be told; anything else as it is.

    Args:
        frames: the calls of the error, the innermost first. The context of a request is gone when its error
            is looked at, but the call that made it still holds it.
    """
    if not is_named(type(value), "werkzeug.local", "LocalProxy"):
        return value
    known = _closure(peek.attribute_value(value, "_get_current_object"))
    place, name = known.get("local"), _attribute_of(known.get("get_name"))
    if not name or not (type(place) is ContextVar or _is_lookup_of_quart(place)):
        return UNKNOWN
    for context in _contexts(place, frames):
        for stored in (name, f"_{name}"):  # where it is a property now, it was an attribute once
            found = peek.attribute_value(context, stored)
            if found is not UNKNOWN and found is not None:
                return found
    return UNKNOWN


def _is_lookup_of_quart(place: Any) -> bool:
    """Before 0.21 it looked in the contexts of requests and of WebSockets."""
    return type(place) is FunctionType and place.__globals__.get("__name__") == "quart.globals"


def _closure(function: Any) -> dict[str, Any]:
    """What a function knows of the one that made it."""
    if type(function) is not FunctionType:
        return {}
    names, cells = function.__code__.co_freevars, function.__closure__ or ()
    return {name: _content(cell) for name, cell in zip(names, cells, strict=True)}


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _attribute_of(getter: Any) -> str:
    if type(getter) is not attrgetter:
        return ""
    found: Any = getter.__reduce__()
    return found[1][0] if type(found[1][0]) is str and "." not in found[1][0] else ""


def _contexts(place: Any, frames: Iterable[FrameType]) -> Iterator[Any]:
    for frame in frames:
        known: Any = frame.f_locals
        if peek.is_plain_scope(known):
            for held in list(known.values())[:MAX_LOCALS]:
                if any(is_named(type(held), *each) for each in _CONTEXTS):
                    yield held
    if type(place) is ContextVar:
        yield place.get(None)
