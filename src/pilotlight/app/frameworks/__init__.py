"""What is known about each framework, one file for each, read only when the app has imported that framework.

Must never import a framework itself: classes are recognised through `sys.modules`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol, cast

from pilotlight.server.application import Application

_KNOWN = ("quart", "flask", "fastapi", "starlette", "litestar", "falcon", "bottle", "django", "aiohttp")
"""Import names. A framework that builds on another one stands before it."""


Note = Callable[[BaseException], None]
"""Takes an error that the framework will answer by itself."""


ConsoleNames = Callable[[], tuple[dict[str, Any], str]]
"""Makes the names that a console in the app begins with, and a sentence on what is missing; empty if nothing
is. Runs code of the app."""


class Framework(Protocol):
    """What a file of this folder offers."""

    NAME: str
    """As its authors write it."""
    DISTRIBUTION: str
    """Its name on the package index."""

    def is_app(self, candidate: object) -> bool:
        """Whether `candidate` is an app of this framework."""

    def application(self, candidate: object, where: str, debug: bool | None) -> Application:
        """What to serve for an app of this framework.

        Args:
            candidate: an object for which `is_app` is true.
            where: its name, for messages.
            debug: the debug mode to give it; None leaves the app's own.

        Raises:
            UserError: it cannot be served.
        """


def recognise(candidate: object) -> Framework | None:
    """The framework whose app this is."""
    for root in _KNOWN:
        if root in sys.modules:
            framework = cast(Framework, import_module(f"{__name__}.{root}"))
            if framework.is_app(candidate):
                return framework
    return None


def let_errors_out(framework: Framework, app: object, note: Note) -> None:
    """What the views of an app raise is to reach the server from now on, or at least `note`; what the app has
    for its errors itself stays in force."""
    let_out = getattr(framework, "let_errors_out", None)
    if let_out is not None:
        let_out(app, note)


def console_in(app: object) -> tuple[ConsoleNames, tuple[AbstractContextManager[Any], ...]]:
    """What a console in an app begins with, and the contexts that it runs in: as the framework's own shell
    has them."""
    framework = recognise(app)
    enter = getattr(framework, "console_contexts", None)
    return lambda: _console_names(framework, app), () if enter is None else enter(app)


def _console_names(framework: Framework | None, app: object) -> tuple[dict[str, Any], str]:
    made = getattr(framework, "console_names", None)
    if framework is None or made is None:
        return {"app": app}, ""
    try:
        return {"app": app, **made(app)}, ""
    except Exception as error:  # noqa: BLE001 - code of the app; a console without these names is of use too
        reason = f"{type(error).__name__}: {error}"
        return {"app": app}, f"What the shell of {framework.NAME} has besides could not be made ({reason})."


def is_default_error_page(body: bytes) -> bool:
    """Whether a response's body is what one of the frameworks that are loaded shows for any error."""
    for root in _KNOWN:
        if root in sys.modules:
            judge = getattr(import_module(f"{__name__}.{root}"), "is_default_error_page", None)
            if judge is not None and judge(body):
                return True
    return False


def is_news_of_disconnect(error: BaseException) -> bool:
    """Whether one of the frameworks that are loaded tells a handler by this exception that its WebSocket has
    ended."""
    for root in _KNOWN:
        if root in sys.modules:
            news = getattr(import_module(f"{__name__}.{root}"), "NEWS_OF_DISCONNECT", None)
            if news is not None and is_instance(error, *news):
                return True
    return False


def preload_known() -> None:
    """Reads what is known of the frameworks that have been imported by now: for a process that will be
    copied."""
    for root in _KNOWN:
        if root in sys.modules:
            import_module(f"{__name__}.{root}")


def implicit_app() -> object | None:
    """The app of a framework that makes one by itself: it need not stand in any module."""
    if "bottle" not in sys.modules:
        return None
    from . import bottle

    return bottle.default_app()


def is_instance(candidate: object, module: str, name: str) -> bool:
    """Whether `candidate` is an instance of a class in a module that need not have been imported.

    Judged by the real type: a proxy such as `flask.current_app` pretends another class, and may fail.
    """
    known = getattr(sys.modules.get(module), name, None)
    return isinstance(known, type) and issubclass(type(candidate), known)


def version_of(framework: Framework) -> str | None:
    """The installed version of a framework that has been imported."""
    root = framework.__name__.rpartition(".")[2] if hasattr(framework, "__name__") else framework.DISTRIBUTION
    declared = vars(sys.modules[root]).get("__version__") if root in sys.modules else None
    if isinstance(declared, str):
        return declared
    from importlib import metadata

    try:
        return metadata.version(framework.DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return None
