"""Tell a plain callable apart by its signature: WSGI (PEP 3333), ASGI 3, a factory, or none of them.

Must never call what it looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

Verdict = Literal[
    "wsgi",
    "asgi",
    "asgi2",
    "factory",
    "async-factory",
    "needs-arguments",
    "sync-asgi",
    "class",
    "wrong",
    "unknown",
]
"""`needs-arguments` is a factory that has required ones; `wrong` has arguments that fit nothing."""

_FACTORY_PREFIXES = ("create", "make", "build", "get_", "new_")


def judge(candidate: Callable[..., Any], name: str) -> Verdict:
    """What a callable is.

    Args:
        candidate: a function, a class, a partial, an instance with `__call__`, ...
        name: what it is called; only decides where the signature fits an app and a factory alike.
    """
    import inspect

    try:
        signature = inspect.signature(candidate)
    except (ValueError, TypeError):
        return "unknown"
    if isinstance(candidate, type):
        return _judge_class(candidate, signature)
    factory_name = name.rpartition(".")[2].startswith(_FACTORY_PREFIXES)
    if _is_coroutine(candidate):
        return _judge_async(signature, factory_name)
    return _judge_sync(signature, factory_name)


def accepts(signature: Any, count: int) -> bool:
    """Whether a callable with this signature may be called with `count` positional arguments."""
    try:
        signature.bind(*[None] * count)
    except TypeError:
        return False
    return True


def _is_coroutine(candidate: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; looks through `partial`, `functools.wraps` and `__call__`."""
    import functools
    import inspect

    while isinstance(candidate, functools.partial):
        candidate = candidate.func
    unwrapped = inspect.unwrap(candidate)
    call = getattr(type(candidate), "__call__", None)  # noqa: B004  (the function itself is wanted)
    return any(inspect.iscoroutinefunction(one) for one in (candidate, unwrapped, call))


def _judge_class(candidate: type, signature: Any) -> Verdict:
    if accepts(signature, 2) and hasattr(candidate, "__iter__"):
        return "wsgi"  # the iterable class of PEP 3333
    if accepts(signature, 1) and not accepts(signature, 0) and "__call__" in vars(candidate):
        return "asgi2" if _names(signature)[0] == "scope" else "class"
    return "class"


def _judge_async(signature: Any, factory_name: bool) -> Verdict:
    if factory_name and _names(signature)[:1] != ["scope"]:
        return "async-factory"
    if accepts(signature, 3):
        return "asgi"
    return "async-factory" if accepts(signature, 0) else "wrong"


def _judge_sync(signature: Any, factory_name: bool) -> Verdict:
    names = _names(signature)
    if accepts(signature, 0) and (names or factory_name or not accepts(signature, 2)):
        return "factory"
    if factory_name and names[1:2] != ["start_response"]:
        return "needs-arguments"
    if accepts(signature, 2):
        return "wsgi"
    if names[:1] == ["scope"] and accepts(signature, 1):
        return "asgi2"
    return "sync-asgi" if accepts(signature, 3) else "needs-arguments"


def _names(signature: Any) -> list[str]:
    """The named parameters (`*args` and `**kwargs` say nothing)."""
    return [p.name for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
