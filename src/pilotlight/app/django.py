"""A Django project: from `manage.py` or a settings module to a handler with static files and loaded views.

Imports Django only inside functions, for an app that is a Django project. Must never write to the project.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

from pilotlight.server.application import Application

from .errors import DjangoProjectError

_VARIABLE = "DJANGO_SETTINGS_MODULE"


def settings_of_manage(file: str) -> str | None:
    """The settings module that a `manage.py` names; None if it is not Django's.

    The environment variable wins, as it does in `manage.py` itself, which calls `os.environ.setdefault`.

    Raises:
        DjangoProjectError: it mentions the variable in a way that only running it could tell.
    """
    with open(file, "rb") as stream:
        source = stream.read()
    if _VARIABLE.encode() not in source:
        return None
    named = os.environ.get(_VARIABLE) or _named_in(source)
    if named is None:
        raise DjangoProjectError(
            f"{file} does not give {_VARIABLE} as a plain string. "
            f"Set it: `export {_VARIABLE}=mysite.settings`."
        )
    return named


def _named_in(source: bytes) -> str | None:
    import ast

    for node in ast.walk(ast.parse(source)):
        named = None
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "setdefault"
        ):
            named = _pair([*node.args, *(keyword.value for keyword in node.keywords)])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            named = _pair([node.targets[0].slice, node.value])
        if named is not None:
            return named
    return None


def _pair(nodes: list[Any]) -> str | None:
    import ast

    values = [node.value if isinstance(node, ast.Constant) else None for node in nodes]
    if len(values) == 2 and values[0] == _VARIABLE and isinstance(values[1], str):
        return values[1]
    return None


def is_settings(module: ModuleType) -> bool:
    """Whether an imported module is the settings of a project."""
    names = vars(module)
    return "ROOT_URLCONF" in names and "INSTALLED_APPS" in names


def project(settings_module: str, where: str) -> Application:
    """Set a project up and give its handler, as `runserver` chooses it.

    Args:
        settings_module: import name of the settings.
        where: what named them, for messages.

    Raises:
        DjangoProjectError: Django is not installed, or the settings name nothing that can be served.
    """
    os.environ[_VARIABLE] = settings_module
    _require_django(where)
    import_module("django").setup()
    return completed(_handler(settings_module))


class _Forgetful(dict[str, object]):
    """A cache that keeps nothing."""

    def __setitem__(self, key: str, value: object) -> None:
        """Does nothing."""


def _read_templates_anew() -> None:
    """Django caches templates in development too, and its own reloader empties the cache on a change (4.1
    release notes). No reload is needed here if nothing is kept."""
    for engine in import_module("django.template").engines.all():
        for loader in getattr(getattr(engine, "engine", None), "template_loaders", ()):
            if hasattr(loader, "get_template_cache"):
                loader.get_template_cache = _Forgetful()


def _require_django(where: str) -> None:
    from importlib.util import find_spec

    if "django" not in sys.modules and find_spec("django") is None:
        raise DjangoProjectError(
            f"{where} belongs to a Django project, but Django is not installed for {sys.executable}. "
            "Activate the project's environment, or install it: `python -m pip install django`."
        )


def _handler(settings_module: str) -> Application:
    settings = import_module("django.conf").settings
    is_installed: Callable[[str], bool] = import_module("django.apps").apps.is_installed
    asgi = getattr(settings, "ASGI_APPLICATION", None)
    if asgi and (is_installed("daphne") or is_installed("channels")):
        return Application("asgi", _named(asgi, "ASGI_APPLICATION", settings_module))
    wsgi = getattr(settings, "WSGI_APPLICATION", None)
    if wsgi:
        return Application("wsgi", _named(wsgi, "WSGI_APPLICATION", settings_module))
    return Application("wsgi", import_module("django.core.wsgi").get_wsgi_application())


def _named(path: str, setting: str, settings_module: str) -> Callable[..., Any]:
    module, _, attribute = path.rpartition(".")
    found: Callable[..., Any] | None = getattr(import_module(module), attribute, None) if module else None
    if not callable(found):
        raise DjangoProjectError(f"{setting} in {settings_module} is {path!r}, and there is no such app.")
    return found


def completed(application: Application) -> Application:
    """Load the views, so that their errors are errors of the load, and put the static files in front."""
    from .frameworks import is_instance

    _load_views(import_module("django.urls").get_resolver().url_patterns)
    settings = import_module("django.conf").settings
    app = application.callable
    if settings.DEBUG:
        _read_templates_anew()
    if not settings.DEBUG or not import_module("django.apps").apps.is_installed("django.contrib.staticfiles"):
        return application
    handlers = import_module("django.contrib.staticfiles.handlers")
    if is_instance(app, handlers.__name__, "StaticFilesHandlerMixin"):
        return application
    wrapper = (
        handlers.StaticFilesHandler if application.interface == "wsgi" else handlers.ASGIStaticFilesHandler
    )
    return Application(application.interface, wrapper(app))


def _load_views(patterns: Any) -> None:
    for pattern in patterns:
        _load_views(getattr(pattern, "url_patterns", ()))
