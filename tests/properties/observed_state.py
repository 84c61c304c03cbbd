"""Everything of a loaded app that its code can tell from a cold start, as plain data.

Imported by the app under test (at its first request, so that no load depends on this file) and by the process
that starts the same app cold. Must never say anything that two cold starts of one tree do not have in common:
addresses, time stamps, the order of sets, bytecode caches.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

ROOT_VARIABLE = "STATE_ROOT"
"""The environment variable with the project's directory."""
_DEPTH = 6
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
_SHOWN_APART = ("__spec__", "__file__", "__path__")
_LEFT_OUT = frozenset({"__builtins__", "__cached__", "__loader__", "__warningregistry__", *_SHOWN_APART})


def respond(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI app that answers with the state."""
    body = json.dumps(observe()).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def observe() -> dict[str, Any]:
    """The state of this process."""
    return _Observer(os.environ[ROOT_VARIABLE]).everything()


def names_of(module: types.ModuleType, root: str) -> Any:
    """The names of a module in the directory `root`, as `observe` has them."""
    return _Observer(root).names_of(module.__name__, module)


class _Observer:
    """One look at the process. Knows what it has described, so that two names of one object stay told from
    two equal objects."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._inside = (root + os.sep, os.path.realpath(root) + os.sep)
        self._seen: dict[int, str] = {}
        self._keep: list[object] = []

    def everything(self) -> dict[str, Any]:
        modules = {name: module for name, module in list(sys.modules.items()) if self._is_users(module)}
        return {
            "order": list(modules),
            "modules": {name: self._module(name, module) for name, module in modules.items()},
            "path": [self._relative(entry) for entry in sys.path],
            "argv": [argument for argument in sys.argv if argument.startswith("app-")],
            "directory": self._relative(os.getcwd()),
            "environment": {name: value for name, value in os.environ.items() if name.startswith("APP_")},
            "handlers": [len(logging.getLogger(name).handlers) for name in (None, "site")],
            "threads": sorted(one.name for one in threading.enumerate() if one.name.startswith("app-")),
            "signals": [self._handler(number) for number in _SIGNALS],
            "timer": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
            "recursion": sys.getrecursionlimit(),
            "collecting": gc.isenabled(),
        }

    def _is_users(self, module: object) -> bool:
        if not isinstance(module, types.ModuleType):
            return False
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
        return any(isinstance(place, str) and place.startswith(self._inside) for place in places)

    def _handler(self, number: signal.Signals) -> Any:
        """The app's handler of a signal, as a server has some of its own."""
        handler = signal.getsignal(number)
        users = self._is_users(sys.modules.get(getattr(handler, "__module__", None) or ""))
        return self._value(handler, f"handler of {number.name}", 0) if users else None

    def _relative(self, path: str) -> str:
        for inside in self._inside:
            if path + os.sep == inside:
                return "."
            if path.startswith(inside):
                return path[len(inside) :]
        return path

    def _module(self, name: str, module: types.ModuleType) -> dict[str, Any]:
        names = vars(module)
        file, specification = names.get("__file__"), names.get("__spec__")
        return {
            "file": None if file is None else self._relative(file),
            "places": [self._relative(place) for place in names.get("__path__", ())],
            "specification": None
            if specification is None
            else [specification.name, self._relative(str(specification.origin)), specification.parent],
            "names": self.names_of(name, module),
        }

    def names_of(self, name: str, module: types.ModuleType) -> list[Any]:
        """The names in the order in which they were bound, with their values.

        Python's own come first, since `__annotations__` is bound by the first statement in some versions.
        """
        items = [(key, value) for key, value in vars(module).items() if key not in _LEFT_OUT]
        items.sort(key=lambda item: not item[0].startswith("__"))
        return [[key, self._value(value, f"{name}.{key}", 0)] for key, value in items]

    def _value(self, value: object, where: str, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float | str | bytes):
            return self._relative(value) if isinstance(value, str) else repr(value)
        if isinstance(value, types.ModuleType):
            return f"module {value.__name__}"
        if id(value) in self._seen:
            return f"is {self._seen[id(value)]}"
        if depth > _DEPTH:
            return "..."
        self._seen[id(value)] = where
        self._keep.append(value)  # else its address may be given away
        return [type(value).__name__, *self._parts(value, where, depth + 1)]

    def _parts(self, value: object, where: str, depth: int) -> list[Any]:
        if isinstance(value, list | tuple):
            return [self._value(each, f"{where}[{place}]", depth) for place, each in enumerate(value)]
        if isinstance(value, set | frozenset):
            return sorted(repr(each) for each in value)
        if isinstance(value, dict):
            return [[repr(key), self._value(each, f"{where}[{key!r}]", depth)] for key, each in value.items()]
        if isinstance(value, types.FunctionType):
            return self._function(value, where, depth)
        if isinstance(value, types.CodeType):
            return self._code(value, where, depth)
        if isinstance(value, type):
            return self._class(value, where, depth)
        if type(value).__module__ == "flask.app":
            return [[rule.rule, rule.endpoint, sorted(rule.methods)] for rule in value.url_map.iter_rules()]  # type: ignore[attr-defined]
        if self._is_users(sys.modules.get(type(value).__module__)):
            return [type(value).__module__, self._value(vars(value), f"{where}.__dict__", depth)]
        return []

    def _function(self, function: types.FunctionType, where: str, depth: int) -> list[Any]:
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        return [
            function.__module__,
            function.__qualname__,
            function.__doc__,
            self._value(function.__defaults__, f"{where}.__defaults__", depth),
            self._value(function.__kwdefaults__, f"{where}.__kwdefaults__", depth),
            self._value(function.__annotations__, f"{where}.__annotations__", depth),
            self._value(cells, f"{where}.__closure__", depth),
            function.__globals__ is vars(sys.modules.get(function.__module__, types)),
            self._code(function.__code__, where, depth),
        ]

    def _code(self, code: types.CodeType, where: str, depth: int) -> list[Any]:
        constants = [
            self._code(each, where, depth) if isinstance(each, types.CodeType) else repr(each)
            for each in code.co_consts
            if not isinstance(each, frozenset)
        ]
        return [
            code.co_name,
            self._relative(code.co_filename),
            code.co_firstlineno,
            code.co_flags,
            code.co_code.hex(),
            " ".join(f"{begin}-{end}:{line}" for begin, end, line in code.co_lines()),
            [*code.co_names, *code.co_varnames, *code.co_freevars],
            constants,
        ]

    def _class(self, kind: type, where: str, depth: int) -> list[Any]:
        described = [f"{kind.__module__}.{kind.__qualname__}", [base.__qualname__ for base in kind.__mro__]]
        if not self._is_users(sys.modules.get(kind.__module__)):
            return described
        names = [
            [key, self._value(each, f"{where}.{key}", depth)]
            for key, each in vars(kind).items()
            if key not in ("__dict__", "__weakref__", "__static_attributes__")
        ]
        return [*described, names]
