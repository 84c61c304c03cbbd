"""The app in an imported module: which attribute it is, and whether it has to be called first.

The order is fixed: the name the user gave; else `app`, `application`, the only instance of a known framework,
`create_app`, `make_app`, and last the app that Bottle makes by itself. Must never import anything.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from pilotlight.server.application import Application

from .errors import (
    Asgi2App,
    AsyncFactory,
    AttributeMissing,
    FactoryArguments,
    FactoryResult,
    NoAppFound,
    NotAFactory,
    NotAnApp,
    SeveralApps,
    a_kind_of,
    did_you_mean,
)
from .frameworks import Framework, implicit_app, recognise
from .interface import Verdict, judge
from .target import FactoryCall

_NAMES = ("app", "application")
_FACTORIES = ("create_app", "make_app")
_ABSENT = object()


class Found(NamedTuple):
    """What is to be served.

    Args:
        application: told apart.
        name: as the command line names it: `hello:app`, `hello:create_app("dev")`.
        framework: whose app it is, if that is known.
    """

    application: Application
    name: str
    framework: Framework | None


def find_app(module: ModuleType, label: str, debug: bool | None) -> Found:
    """Choose the app of a module when the user named the module alone.

    Args:
        module: imported.
        label: how the user names it.
        debug: the debug mode for the app; None leaves its own.

    Raises:
        AppError: there is none, or more than one.
    """
    rejected = None
    for name in _NAMES:
        candidate = vars(module).get(name, _ABSENT)
        if candidate is _ABSENT or isinstance(candidate, ModuleType):
            continue
        found = _as_app(candidate, f"{label}:{name}", debug)
        if found is not None:
            return found
        rejected = rejected or f"`{name}` is {a_kind_of(candidate)}, not an app"
    instances = _instances(module)
    if len(instances) > 1:
        raise SeveralApps(where_is(module), label, list(instances))
    for name, instance in instances.items():
        return app_from_object(instance, f"{label}:{name}", debug)
    for name in _FACTORIES:
        factory = vars(module).get(name)
        if callable(factory):
            return _from_factory(factory, f"{label}:{name}", FactoryCall(), debug)
    for name in _NAMES:
        if callable(vars(module).get(name)):
            return app_from_object(vars(module)[name], f"{label}:{name}", debug)  # says what is wrong with it
    implicit = implicit_app()
    if implicit is not None:
        return app_from_object(implicit, label, debug)
    raise NoAppFound(where_is(module), _likely(module, label), rejected)


def find_named(
    module: ModuleType, label: str, attribute: str, call: FactoryCall | None, text: str, debug: bool | None
) -> Found:
    """Take the app, or call the factory, that the user named.

    Args:
        module: imported.
        label: how the user names it.
        attribute: a dotted name in it.
        call: the arguments of the factory; None if there were no parentheses.
        text: all that the user wrote.
        debug: the debug mode for the app; None leaves its own.

    Raises:
        AppError: there is no such attribute, or it is no app.
    """
    candidate = _attribute(module, label, attribute)
    if call is not None:
        if not callable(candidate) or recognise(candidate) is not None:
            raise NotAFactory(f"{label}:{attribute}", a_kind_of(candidate), f"{label}:{attribute}")
        return _from_factory(candidate, f"{label}:{attribute}", call, debug, name=text)
    if recognise(candidate) is None and callable(candidate):
        verdict = judge(candidate, attribute)
        if verdict in ("factory", "async-factory", "needs-arguments"):
            return _from_factory(candidate, f"{label}:{attribute}", FactoryCall(), debug)
    return app_from_object(candidate, f"{label}:{attribute}", debug)


def app_from_object(candidate: object, where: str, debug: bool | None) -> Found:
    """Tell what an app object is.

    Args:
        candidate: the app of a framework, or a plain WSGI or ASGI callable.
        where: its name, for messages.
        debug: the debug mode for the app; None leaves its own.

    Raises:
        AppError: it is no app.
    """
    framework = recognise(candidate)
    if framework is not None:
        return Found(framework.application(candidate, where, debug), where, framework)
    if not callable(candidate):
        raise NotAnApp(where, f"it is {a_kind_of(candidate)}, which cannot be called")
    verdict = judge(candidate, where.rpartition(":")[2])
    if verdict == "wsgi" or verdict == "asgi":
        return Found(Application(verdict, candidate), where, None)
    raise _refusal(verdict, candidate, where)


def where_is(module: ModuleType) -> str:
    """The file of a module, as messages name it; its import name if it has none."""
    return getattr(module, "__file__", None) or f"module `{module.__name__}`"


def _as_app(candidate: object, where: str, debug: bool | None) -> Found | None:
    """The app, or None if it is something else of that name (a factory, a settings object, ...)."""
    if recognise(candidate) is None and (
        not callable(candidate) or judge(candidate, where) not in ("wsgi", "asgi", "asgi2", "sync-asgi")
    ):
        return None
    return app_from_object(candidate, where, debug)


def _instances(module: ModuleType) -> dict[str, object]:
    """The apps of known frameworks in a module by their first name, each object once."""
    found: dict[int, tuple[str, object]] = {}
    for name, candidate in list(vars(module).items()):
        if recognise(candidate) is not None:
            found.setdefault(id(candidate), (name, candidate))
    return dict(found.values())


def _attribute(module: ModuleType, label: str, dotted: str) -> object:
    owner: object = module
    place = where_is(module)
    for depth, name in enumerate(dotted.split(".")):
        found = getattr(owner, name, _ABSENT)
        if found is _ABSENT:
            prefix = ".".join(dotted.split(".")[:depth])
            close = did_you_mean(name, [one for one in dir(owner) if not one.startswith("_")])
            suggestion = f"{label}:{prefix}{'.' if prefix else ''}{close}" if close else None
            raise AttributeMissing(f"{place}:{prefix}" if prefix else place, name, suggestion)
        owner = found
    return owner


def _from_factory(
    factory: Callable[..., Any], where: str, call: FactoryCall, debug: bool | None, name: str | None = None
) -> Found:
    _check_call(factory, where, call, name)
    result = factory(*call.args, **call.kwargs)
    if hasattr(result, "__await__"):
        if hasattr(result, "close"):
            result.close()
        raise AsyncFactory(where)
    if recognise(result) is None and (not callable(result) or judge(result, "") not in ("wsgi", "asgi")):
        raise FactoryResult(where, result)
    found = app_from_object(result, where, debug)
    return Found(found.application, name or where, found.framework)


def _check_call(factory: Callable[..., Any], where: str, call: FactoryCall, typed: str | None) -> None:
    """See that the arguments fit before the call: a TypeError from inside the factory stays the user's."""
    import inspect

    try:
        signature = inspect.signature(factory)
    except (ValueError, TypeError):
        return
    if not isinstance(factory, type) and judge(factory, "create_app") == "async-factory":
        raise AsyncFactory(where)
    try:
        signature.bind(*call.args, **call.kwargs)
    except TypeError as error:
        required = [p for p in signature.parameters.values() if p.default is p.empty]
        positional = [_quoted(p.name) for p in required if p.kind < p.VAR_POSITIONAL]
        named = [f"{p.name}={_quoted(p.name)}" for p in required if p.kind is p.KEYWORD_ONLY]
        example = f"{where}({', '.join(positional + named)})"
        raise FactoryArguments(where, str(signature), str(error), example, typed) from None


def _quoted(name: str) -> str:
    return f'"{name}"'


def _refusal(verdict: Verdict, candidate: object, where: str) -> Exception:
    if verdict == "asgi2":
        return Asgi2App(where)
    if verdict == "sync-asgi":
        return NotAnApp(
            where,
            "it takes three arguments as an ASGI app does, but it is not `async def`. Make it "
            "`async def app(scope, receive, send)`, or a WSGI app: `def app(environ, start_response)`",
        )
    if verdict == "class":
        return NotAnApp(where, f"it is {a_kind_of(candidate)}, not an instance. Try `{where}()` after --app")
    if verdict == "unknown":
        return NotAnApp(
            where, f"{a_kind_of(candidate)} has no signature to tell WSGI from ASGI by; wrap it in a function"
        )
    return NotAnApp(
        where,
        "its arguments are neither those of WSGI, `(environ, start_response)`, "
        "nor those of ASGI, `(scope, receive, send)`",
    )


def _likely(module: ModuleType, label: str) -> str | None:
    """A name to suggest: something called like an app, or a submodule that is likely to hold it."""
    from .locate import WELL_KNOWN, modules_in

    for name, value in vars(module).items():
        if callable(value) and getattr(value, "__module__", None) == module.__name__:
            likely = name.endswith("_app") or name.startswith(("create_", "make_", "build_", "get_app"))
            if likely or name in _NAMES:
                return f"{label}:{name}"
    for directory in getattr(module, "__path__", ()):
        inside = modules_in(directory)
        for name in WELL_KNOWN[:-1]:
            if name in inside:
                return f"{module.__name__}.{name}"
    return None
