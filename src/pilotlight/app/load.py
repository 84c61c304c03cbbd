"""Load the user's app: find its module, import it, choose the app in it, and say how to serve it.

An exception of the user's code propagates as itself; `trim.trim_loader_frames` takes our frames out of it
where it is caught. Must never change the current directory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import ModuleType

from pilotlight.server.application import Application

from .errors import (
    AppNotInOtherModule,
    ModuleMissing,
    ModuleShadowed,
    NoAppFound,
    did_you_mean,
)
from .find import Found, app_from_object, find_app, find_named, where_is
from .frameworks import Framework, version_of
from .locate import Location, discover, locate, modules_in
from .runcalls import current_policy, ignoring
from .target import Target, parse_target


def _no_version() -> None:
    return


@dataclass(frozen=True, slots=True)
class LoadedApp:
    """An app, ready to be served.

    Args:
        application: the callable and its interface.
        name: how the command line names it, such as `hello:app`.
        framework: as its authors write it; None for a plain callable.
        framework_version: gives it, as installed; that takes milliseconds.
        warnings: one sentence each, for the terminal.
    """

    application: Application
    name: str
    framework: str | None = None
    framework_version: Callable[[], str | None] = _no_version
    warnings: tuple[str, ...] = field(default=())


def load_app(app: str | None, *, app_dir: str | None = None, debug: bool = False) -> LoadedApp:
    """Import the user's module and give its app.

    Args:
        app: what the user gave as `--app`; None looks for one of the well-known files.
        app_dir: the directory to import from; None is the current one.
        debug: whether debug mode is on. Set for Flask and Quart, as their own `run` commands set it;
            settings of
            other frameworks are left alone.

    Raises:
        AppError: there is no app, or more than one, or none that can be served.
        BaseException: whatever the user's code raises.
    """
    _announce_debug(debug)
    warnings: list[str] = []
    policy = current_policy()
    # A caller that ignores run calls itself is told at once: also when the load fails afterwards.
    with ignoring((policy and policy.warn) or warnings.append):
        if app is None:
            found = _search(app_dir, debug, warnings)
        else:
            target = parse_target(app)
            found = _load_from(locate(target, app_dir), target, debug, warnings)
    return _loaded(found, warnings)


def adopt_app(app: object, *, name: str = "app", debug: bool | None = None) -> LoadedApp:
    """Take an app object that exists already, as `pilotlight.run(app)` is given one.

    Args:
        app: the app of a known framework, or a plain callable.
        name: how messages call it.
        debug: the debug mode to set for Flask and Quart; None leaves the app's own.

    Raises:
        AppError: it cannot be served.
    """
    return _loaded(app_from_object(app, name, debug), [])


def _announce_debug(debug: bool) -> None:
    """`FLASK_DEBUG` and `QUART_DEBUG` are read when the app object is made."""
    for variable in ("FLASK_DEBUG", "QUART_DEBUG"):
        os.environ[variable] = "1" if debug else "0"


def _loaded(found: Found, warnings: list[str]) -> LoadedApp:
    framework: Framework | None = found.framework
    if framework is None:
        return LoadedApp(found.application, found.name, warnings=tuple(warnings))
    return LoadedApp(
        found.application, found.name, framework.NAME, partial(version_of, framework), tuple(warnings)
    )


def _search(app_dir: str | None, debug: bool, warnings: list[str]) -> Found:
    """The app of the first well-known file that has one."""
    without: list[NoAppFound] = []
    for location in discover(app_dir):
        target = Target(location.label, location.label, is_path=False)
        try:
            return _load_from(location, target, debug, warnings)
        except NoAppFound as error:
            without.append(error)
    raise without[0]


def _load_from(location: Location, target: Target, debug: bool, warnings: list[str]) -> Found:
    _put_first(location.entry)
    if (
        target.attribute is None
        and location.file is not None
        and os.path.basename(location.file) == "manage.py"
    ):
        from . import django

        settings = django.settings_of_manage(location.file)
        if settings is not None:
            return _django_project(settings, location.label, location.file, debug, warnings)
    module = _import(location)
    if target.attribute is not None:
        return find_named(module, location.label, target.attribute, target.call, target.text, debug)
    if "ROOT_URLCONF" in vars(module) and "INSTALLED_APPS" in vars(module):
        return _django_project(module.__name__, location.label, where_is(module), debug, warnings)
    try:
        return find_app(module, location.label, debug)
    except NoAppFound:
        if location.file is None:
            raise AppNotInOtherModule(
                location.module, where_is(module), location.entry, location.looked_at
            ) from None
        raise


def _put_first(entry: str) -> None:
    if sys.path[:1] != [entry]:
        sys.path.insert(0, entry)


def _django_project(settings: str, label: str, where: str, debug: bool, warnings: list[str]) -> Found:
    from . import django
    from .frameworks import django as framework

    application = django.project(settings, where)
    if debug and not import_module("django.conf").settings.DEBUG:
        warnings.append(
            f"DEBUG is off in {settings}: Django hides errors and serves no static files. "
            "--debug does not change it."
        )
    return Found(application, label, framework)


def _import(location: Location) -> ModuleType:
    root = location.module.partition(".")[0]
    _refuse_shadow(location, root)
    try:
        import_module(location.module)
    except ModuleNotFoundError as error:
        if _is_missing_itself(error, location.module):
            raise ModuleMissing(
                location.module, location.entry, _similar_module(location), location.looked_at
            ) from None
        raise
    module = sys.modules[location.module]
    _refuse_other(module, location)
    return module


def _refuse_shadow(location: Location, root: str) -> None:
    """A module that is loaded already (or built into Python) would be taken instead of the user's file."""
    if location.file is None:
        return
    loaded = sys.modules.get(location.module)
    if loaded is not None:
        _refuse_other(loaded, location)
    elif root in sys.builtin_module_names:
        raise ModuleShadowed(location.module, location.file, "the one built into Python")


def _refuse_other(module: ModuleType, location: Location) -> None:
    found = getattr(module, "__file__", None)
    if location.file is None or (found is None and location.module not in sys.builtin_module_names):
        return
    if found is None or os.path.realpath(found) != location.file:
        raise ModuleShadowed(location.module, location.file, found or "the one built into Python")


def _is_missing_itself(error: ModuleNotFoundError, module: str) -> bool:
    """Whether the module of the app is what is missing, and not one that the app imports."""
    if error.name is None or not f"{module}.".startswith(f"{error.name}."):
        return False
    from .trim import user_frames

    return not user_frames(error.__traceback__)


def _similar_module(location: Location) -> str | None:
    package, _, name = location.module.rpartition(".")
    directory = os.path.join(location.entry, *package.split(".")) if package else location.entry
    close = did_you_mean(name, modules_in(directory))
    if close is None:
        return None
    return f"{package}.{close}" if package else close
