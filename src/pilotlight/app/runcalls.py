"""Calls that would start another server while we load or run the user's code: ignored, or taken over.

`ignoring` is for loading a module: an unguarded `app.run()` is skipped with a warning. `intercepting` is for
running a script: its `app.run(...)` becomes a `RunCall`. The functions are replaced where they are defined,
now or as soon as their module is imported, and put back at the end; a copy that user code kept goes to the
original then.

The policy in force is one object for the whole process, not a context variable: the replaced functions are
process-wide too, and a call from a thread that the app started must meet the same policy.

Must never import a server or a framework.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any, NamedTuple

from .runservers import RUN_FUNCTIONS, RunFunction

_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_STDLIB = os.path.join(os.path.dirname(os.__file__), "")


@dataclass(frozen=True, slots=True)
class RunCall:
    """A call that would have started a server, in our terms.

    Args:
        app: the app, or its import string; None if the call leaves it to the server.
        options: by the names of `Settings`; only what the call, or the server's own defaults, decide.
            `cert` may be an `ssl.SSLContext`.
        source: what was called: `Flask.run`, `uvicorn.run`, ...
        file: where, absolute as Python gives it.
        line: of the call.
        ignored: names of the arguments that have no meaning here.
        in_loop: called from a coroutine, with its event loop running.
    """

    app: Any
    options: dict[str, Any]
    source: str
    file: str
    line: int
    ignored: tuple[str, ...] = ()
    in_loop: bool = False


class RunPolicy:
    """What happens to such a call now.

    Args:
        warn: set while a module is loaded: the call is skipped, and this is told once for each place.
        on_run: set while a script runs: the call is handed over.
    """

    __slots__ = ("_warned", "on_run", "warn")

    def __init__(
        self,
        warn: Callable[[str], None] | None = None,
        on_run: Callable[[RunCall], None] | None = None,
    ) -> None:
        self.warn = warn
        self.on_run = on_run
        self._warned: set[tuple[str, int]] = set()

    def ignore(self, shown: str, file: str, line: int) -> None:
        """Warn of a skipped call, once for each place."""
        if self.warn is None or (file, line) in self._warned:
            return
        self._warned.add((file, line))
        self.warn(
            f"Ignored {shown} at {_short(file)}:{line}: Pilotlight serves the app itself. "
            'Put the call under `if __name__ == "__main__":`.'
        )


class _Replaced(NamedTuple):
    owner: Any
    name: str
    original: Any
    guard: Any
    also_in: tuple[str, ...]

    def put_back(self) -> None:
        for owner in (self.owner, *map(sys.modules.get, self.also_in)):
            if owner is not None and vars(owner).get(self.name) is self.guard:
                setattr(owner, self.name, self.original)


class _Interception:
    """The policies in force, innermost last, and the functions replaced because of them."""

    def __init__(self) -> None:
        self.policies: list[RunPolicy] = []
        self.replaced: list[_Replaced] = []
        self.finder = _PatchingFinder(self)

    def enter(self, policy: RunPolicy) -> None:
        self.policies.append(policy)
        if len(self.policies) > 1:
            return
        sys.meta_path.insert(0, self.finder)
        for name in {function.module for function in RUN_FUNCTIONS} & sys.modules.keys():
            self.patch(sys.modules[name])

    def leave(self, policy: RunPolicy) -> None:
        self.policies = [one for one in self.policies if one is not policy]
        if self.policies:
            return
        sys.meta_path[:] = [one for one in sys.meta_path if one is not self.finder]
        for replaced in reversed(self.replaced):
            replaced.put_back()
        self.replaced.clear()

    def patch(self, module: ModuleType) -> None:
        for function in RUN_FUNCTIONS:
            if function.module == module.__name__:
                self._replace(function, module)

    def _replace(self, function: RunFunction, module: ModuleType) -> None:
        *owners, name = function.attribute.split(".")
        owner: Any = module
        for one in owners:
            owner = getattr(owner, one, None)
        original = vars(owner).get(name) if owner is not None else None
        if original is None or hasattr(original, "__pilotlight_guard__"):
            return
        guard = _guarded(function, original)
        self.replaced.append(_Replaced(owner, name, original, guard, function.also_in))
        setattr(owner, name, guard)
        for copy in map(sys.modules.get, function.also_in):
            if copy is not None and vars(copy).get(name) is original:
                setattr(copy, name, guard)


class _PatchingFinder:
    """A meta path finder that lets the others find, and patches the few modules that hold a run function."""

    def __init__(self, interception: _Interception) -> None:
        self.interception = interception
        self.modules = frozenset(function.module for function in RUN_FUNCTIONS)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find it with the finders behind this one."""
        if name not in self.modules or self not in sys.meta_path:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            find_spec = getattr(finder, "find_spec", None)  # finders of old packages may lack it
            spec: ModuleSpec | None = find_spec(name, path, target) if find_spec else None
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _PatchingLoader(spec.loader, self.interception)  # type: ignore[assignment]
                return spec
        return None


class _PatchingLoader:
    """Executes a module with its own loader, which it leaves in its place, then patches it."""

    def __init__(self, loader: Any, interception: _Interception) -> None:
        self.loader = loader
        self.interception = interception

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        spec.loader = self.loader
        created: ModuleType | None = self.loader.create_module(spec)
        spec.loader = self  # type: ignore[assignment]
        return created

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        if self.interception.policies:
            self.interception.patch(module)


_INTERCEPTION = _Interception()


def current_policy() -> RunPolicy | None:
    """What `pilotlight.run` has to do when it is called now; None: start serving."""
    policies = _INTERCEPTION.policies
    return policies[-1] if policies else None


@contextmanager
def ignoring(warn: Callable[[str], None]) -> Iterator[None]:
    """Skip the calls that would start a server.

    Args:
        warn: told one sentence for each place of such a call.
    """
    with _policy(RunPolicy(warn=warn)):
        yield


@contextmanager
def intercepting(on_run: Callable[[RunCall], None]) -> Iterator[None]:
    """Take over the calls that would start a server.

    Args:
        on_run: given each call, in the thread that made it; the call returns None when it returns.
    """
    with _policy(RunPolicy(on_run=on_run)):
        yield


def caller() -> tuple[str, int]:
    """File and line of the user's code that called us: the innermost frame that is not a library's."""
    frame: FrameType | None = sys._getframe(1)
    nearest = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((_OURS, "<frozen ")):
            nearest = nearest or (file, frame.f_lineno)
            if not _is_library(file):
                return file, frame.f_lineno
        frame = frame.f_back
    return nearest or ("<unknown>", 0)


@contextmanager
def _policy(policy: RunPolicy) -> Iterator[None]:
    _INTERCEPTION.enter(policy)
    try:
        yield
    finally:
        _INTERCEPTION.leave(policy)


def _guarded(function: RunFunction, original: Any) -> Any:
    def apply(policy: RunPolicy, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        file, line = caller()
        if policy.on_run is None:
            policy.ignore(function.shown, file, line)
        else:
            policy.on_run(_run_call(function, original, args, kwargs, file, line))

    if function.is_async:

        @functools.wraps(original)
        async def guard_async(*args: Any, **kwargs: Any) -> Any:
            policy = current_policy()
            return await original(*args, **kwargs) if policy is None else apply(policy, args, kwargs)

        guard: Any = guard_async
    else:

        @functools.wraps(original)
        def guard_sync(*args: Any, **kwargs: Any) -> Any:
            policy = current_policy()
            return original(*args, **kwargs) if policy is None else apply(policy, args, kwargs)

        guard = guard_sync
    guard.__pilotlight_guard__ = True
    return guard


def _run_call(
    function: RunFunction, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any], file: str, line: int
) -> RunCall:
    """Translate; arguments that the function itself would refuse are refused with its own TypeError."""
    import inspect

    signature = inspect.signature(original)
    given: dict[str, Any] = {}
    for name, value in signature.bind(*args, **kwargs).arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            given.update(value)
        else:
            given[name] = value
    app, options, ignored = function.translate(given)
    defaults = {
        name: value for name, value in function.defaults.items() if name != "port" or "uds" not in options
    }
    return RunCall(app, {**defaults, **options}, function.source, file, line, ignored, function.is_async)


def _is_library(file: str) -> bool:
    return file.startswith(_STDLIB) or "site-packages" in file or "dist-packages" in file


def _short(file: str) -> str:
    """Relative to the current directory where that is shorter to read."""
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative
