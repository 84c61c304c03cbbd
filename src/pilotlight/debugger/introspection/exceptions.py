"""What an exception says of itself, read without running its code.

Must never run user code but for one protected `str(exception)`: everything else is read through the base
classes, so that no property or `__getattribute__` of a user's class runs. For that reason types are told by
`issubclass(type(x), ...)`: `isinstance` may ask the object for its `__class__`.
"""

from __future__ import annotations

import builtins
from types import TracebackType, WrapperDescriptorType
from typing import Any

from pilotlight.debugger.model import Link, shorten

from .anatomy import lookup, module_of, mro, qualname_of

MAX_MESSAGE_CHARACTERS = 10_000
MAX_NOTES = 30
_PLAIN = (str, int, float, bool, bytes, type(None))

_TRACEBACK = BaseException.__dict__["__traceback__"]
_CAUSE = BaseException.__dict__["__cause__"]
_CONTEXT = BaseException.__dict__["__context__"]
_SUPPRESS = BaseException.__dict__["__suppress_context__"]
_ARGUMENTS = BaseException.__dict__["args"]
_OWN_ATTRIBUTES = BaseException.__dict__["__dict__"]
_GROUP: type | None = getattr(builtins, "BaseExceptionGroup", None)  # 3.11 on


def traceback_of(error: BaseException) -> TracebackType | None:
    """The exception's traceback."""
    return _TRACEBACK.__get__(error)  # type: ignore[no-any-return]


def origin(error: BaseException) -> tuple[BaseException | None, Link]:
    """What the exception came from: its cause, else its context if that is not suppressed."""
    cause, context = _CAUSE.__get__(error), _CONTEXT.__get__(error)
    if cause is not None:
        return cause, "cause"
    if context is not None and not _SUPPRESS.__get__(error):
        return context, "context"
    return None, ""


def linked(error: BaseException, seen: set[int]) -> list[tuple[BaseException, Link]]:
    """The exception and those it came from, the newest first. `seen` holds the ids of those already shown."""
    found: list[tuple[BaseException, Link]] = []
    current: BaseException | None = error
    link: Link = ""
    while current is not None:
        seen.add(id(current))
        found.append((current, link))
        following, link = origin(current)
        current = None if id(following) in seen else following
    return found


def members(error: BaseException) -> tuple[BaseException, ...]:
    """The exceptions that a group holds; empty for what is no group."""
    if _GROUP is not None and issubclass(type(error), _GROUP):
        found = _GROUP.__dict__["exceptions"].__get__(error)
    elif any(module_of(base) == "exceptiongroup" for base in mro(type(error))):
        found = attribute(error, "exceptions")  # the backport for 3.10
        found = attribute(error, "_exceptions") if found is None else found
    else:
        return ()
    if type(found) not in (tuple, list):
        return ()
    return tuple(each for each in found if issubclass(type(each), BaseException))


def notes(error: BaseException) -> tuple[str, ...]:
    """The notes that were added to the exception (PEP 678)."""
    found = attribute(error, "__notes__")
    if type(found) not in (list, tuple):
        return ()
    return tuple(
        shorten(plain(note), MAX_MESSAGE_CHARACTERS)
        if issubclass(type(note), str)
        else f"<{type_name(type(note))} object>"
        for note in found[:MAX_NOTES]
    )


def arguments(error: BaseException) -> tuple[Any, ...]:
    """What the exception was made with."""
    found = _ARGUMENTS.__get__(error)
    return found if type(found) is tuple else ()


def attribute(error: BaseException, name: str) -> Any:
    """An attribute of the instance itself, or None: no property, no `__getattr__`."""
    return dict.get(_OWN_ATTRIBUTES.__get__(error), name)


def field(owner: type, name: str, error: BaseException) -> Any:
    """An attribute that a builtin class keeps in a slot of its own."""
    return owner.__dict__[name].__get__(error)


def word(owner: type, name: str, error: BaseException) -> str | None:
    """As `field`, for a text; None for anything else."""
    value = field(owner, name, error)
    return value if type(value) is str else None


def is_named(kind: type, module: str, name: str) -> bool:
    """Whether a class is, or inherits from, the one of that name; its module need not be imported."""
    return any(qualname_of(base) == name and module_of(base) == module for base in mro(kind))


def type_name(kind: type) -> str:
    """The name of an exception's class as a traceback prints it."""
    module = type.__dict__["__module__"].__get__(kind)
    name = type.__dict__["__qualname__"].__get__(kind)
    if not isinstance(module, str):
        return f"<unknown>.{name}"
    return name if module in ("__main__", "builtins") else f"{plain(module)}.{name}"


def safe_str(error: BaseException) -> str:
    """`str(error)`, whatever the user's `__str__` does, in at most some thousand characters."""
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - a broken `__str__` must not hide the error itself
        return "<exception str() failed>"
    return shorten(plain(text), MAX_MESSAGE_CHARACTERS)


def has_plain_text(error: BaseException) -> bool:
    """Whether `str(error)` runs no code but the interpreter's own."""
    _, own = lookup(type(error), "__str__")
    return type(own) is WrapperDescriptorType and all(type(each) in _PLAIN for each in arguments(error))


def plain(text: str) -> str:
    """The same characters without a subclass of `str` around them."""
    return str.__getitem__(text, slice(None))
