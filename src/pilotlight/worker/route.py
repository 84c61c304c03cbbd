"""Which rule of the app's a request has matched, and the session that came with it: what frameworks leave in
the environ or scope, in their contexts, and in the variables of the calls that failed.

Must never run code of the app's: only attributes of instances are read, never properties, and nothing is
loaded that is not there yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType, FunctionType
from typing import Any

_CO_OPTIMIZED = 0x1
"""The call of a function (inspect.CO_OPTIMIZED): a class body may have any mapping for its variables."""
# Of any class, whatever its metaclass makes of these names.
_bases = type.__dict__["__mro__"].__get__
_name = type.__dict__["__name__"].__get__
_module = type.__dict__["__module__"].__get__


@dataclass(frozen=True, slots=True)
class Route:
    """The rule, and what it found in the path."""

    text: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


def route_of(environ: Mapping[str, Any], contexts: Sequence[Any], frames: Iterable[FrameType]) -> Route:
    """The route of a request; empty where it is not known."""
    frames = list(frames)
    for found in (_of_werkzeug(contexts, frames), _of_scope(environ), _of_django(frames)):
        if found is not None:
            return found
    return Route()


def session_of(
    environ: Mapping[str, Any], contexts: Sequence[Any], frames: Iterable[FrameType]
) -> Mapping[Any, Any]:
    """What the session holds, if it has been loaded."""
    candidates: list[Any] = [_attribute(context, "session", "_session") for context in contexts]
    candidates.append(environ.get("session"))
    request = _local(frames, "request", "django.http.request", "HttpRequest")
    candidates.append(_attribute(_attribute(request, "session"), "_session_cache"))
    return next((each for each in candidates if isinstance(each, dict) and each), {})


def _of_werkzeug(contexts: Sequence[Any], frames: Sequence[FrameType]) -> Route | None:
    """Flask, by its contexts; Quart, by the variables of its own calls."""
    requests = [_attribute(context, "request", "_request") for context in contexts]
    requests.append(_local(frames, "request", "quart.wrappers.request", "Request"))
    for request in requests:
        rule = _attribute(request, "url_rule")
        if rule is not None:
            text = f"{_attribute(rule, 'rule')} → {_attribute(rule, 'endpoint')}"
            return Route(text, _mapping(_attribute(request, "view_args")))
    return None


def _of_scope(scope: Mapping[str, Any]) -> Route | None:
    """Starlette, FastAPI and Litestar."""
    endpoint = scope.get("endpoint") or scope.get("route_handler")
    if endpoint is None:
        return None
    path = _attribute(scope.get("route"), "path") or scope.get("path_template") or ""
    is_function = type(endpoint) is FunctionType
    name = endpoint.__qualname__ if is_function else str(path)
    module = endpoint.__module__ if is_function else ""
    text = " → ".join(part for part in (str(path), f"{module}.{name}" if module else name) if part)
    return Route(text, _mapping(scope.get("path_params")))


def _of_django(frames: Sequence[FrameType]) -> Route | None:
    request = _local(frames, "request", "django.http.request", "HttpRequest")
    match = _attribute(request, "resolver_match")
    if match is None:
        return None
    route, view = _attribute(match, "route"), _attribute(match, "_func_path")
    return Route(f"/{route} → {view}", _mapping(_attribute(match, "kwargs")))


def _local(frames: Iterable[FrameType], name: str, module: str, kind: str) -> Any:
    """A variable of the calls that is an instance of a class, or of one derived from it."""
    for frame in frames:
        if not frame.f_code.co_flags & _CO_OPTIMIZED:
            continue
        value = frame.f_locals.get(name)
        if any(_name(base) == kind and _module(base) == module for base in _bases(type(value))):
            return value
    return None


def _attribute(owner: object, *names: str) -> Any:
    """The first attribute of these that the instance itself has."""
    values = getattr(owner, "__dict__", None)
    if type(values) is not dict:
        return None
    return next((values[name] for name in names if values.get(name) is not None), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
