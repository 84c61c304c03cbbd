"""Where the module of an app is: from what the user named to an import name and an entry for `sys.path`.

Looks at the disk; must never import anything, and never changes the current directory.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from pilotlight.reload.links import follow

from .errors import FileMissing, NothingToServe, NotImportable, did_you_mean
from .target import Target

WELL_KNOWN = ("wsgi", "app", "main", "asgi", "manage")
"""Where an app is looked for when none is named, in this order: each as a file or as a package."""


class Location(NamedTuple):
    """A module to import.

    Args:
        module: its import name.
        entry: the directory that has to be on `sys.path`.
        file: the file it is expected to be; None when it is not in `entry` (it may be installed).
        label: how a user names it on the command line.
        looked_at: the absolute paths that were tried for it.
    """

    module: str
    entry: str
    file: str | None
    label: str
    looked_at: tuple[str, ...] = ()


def locate(target: Target, app_dir: str | None) -> Location:
    """Find the module of a target.

    Args:
        target: what the user named.
        app_dir: the directory that relative paths and names start from; None is the current one.

    Raises:
        FileMissing: a path that is not there.
        NotImportable: a path that Python could not import.
        NothingToServe: a directory without any of the well-known files.
    """
    base = follow(app_dir or os.getcwd())
    if target.is_path:
        return _locate_path(target.module, os.path.join(base, os.path.expanduser(target.module)))
    return _locate_name(target.module, base)


def discover(app_dir: str | None, *, label: str | None = None) -> list[Location]:
    """The well-known files of a directory, in the order in which they are to be tried.

    Args:
        app_dir: where to look; None is the current directory.
        label: how the user named the directory; None when it was not named.

    Raises:
        NothingToServe: there is none.
    """
    base = follow(app_dir or os.getcwd())
    found = []
    for name in WELL_KNOWN:
        file = _module_file(os.path.join(base, name))
        if file is not None:
            written = name if label is None else os.path.join(label, os.path.relpath(file, base))
            found.append(_climb(file, written))
    if not found:
        tried = [f"{name}.py" for name in WELL_KNOWN]
        raise NothingToServe(base, tried, [os.path.join(base, name) for name in tried], _only_module(base))
    return found


def modules_in(directory: str) -> list[str]:
    """The names of the modules and packages that lie in a directory, sorted."""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [name for name in map(_module_name, names, [directory] * len(names)) if name]


def _module_name(entry: str, directory: str) -> str | None:
    stem, extension = os.path.splitext(entry)
    if extension == ".py" and stem.isidentifier():
        return stem
    if entry.isidentifier() and os.path.isfile(os.path.join(directory, entry, "__init__.py")):
        return entry
    return None


def _only_module(directory: str) -> str | None:
    modules = modules_in(directory)
    return modules[0] if len(modules) == 1 else None


def _module_file(path: str) -> str | None:
    """The file of the module at `path` (without suffix). A package wins, as in Python's own search."""
    return next((file for file in _candidates(path) if os.path.isfile(file)), None)


def _candidates(path: str) -> tuple[str, str]:
    return os.path.join(path, "__init__.py"), f"{path}.py"


def _locate_name(name: str, base: str) -> Location:
    path = os.path.join(base, *name.split("."))
    file = _module_file(path)
    if file is not None:
        # As Flask does: inside a package, `hello` is `package.hello`, so that its relative imports work.
        entry, packages = _outside_packages(base)
        return Location(".".join([*packages, name]), entry, follow(file), name, (file,))
    if "." not in name and _is_project(path):
        return discover(path, label=name)[0]
    return Location(name, base, None, name, _candidates(path))


def _is_project(path: str) -> bool:
    """A directory that is no package, named like a module."""
    return os.path.isdir(path) and any(_module_file(os.path.join(path, name)) for name in WELL_KNOWN)


def _locate_path(written: str, path: str) -> Location:
    if os.path.isdir(path):
        if os.path.isfile(os.path.join(path, "__init__.py")) and not os.path.isfile(
            os.path.join(path, "manage.py")
        ):
            return _climb(os.path.join(path, "__init__.py"), written)
        return discover(path, label=written)[0]
    if os.path.isfile(path):
        return _climb(path, written)
    if os.path.isfile(f"{path}.py"):
        return _climb(f"{path}.py", written)
    raise FileMissing(os.path.abspath(path), _similar_path(written, path))


def _similar_path(written: str, path: str) -> str | None:
    directory, name = os.path.split(path)
    close = did_you_mean(name.removesuffix(".py"), modules_in(directory))
    if close is None:
        return None
    suffix = ".py" if os.path.isfile(os.path.join(directory, f"{close}.py")) else ""
    return os.path.join(os.path.dirname(written), close + suffix)


def _climb(file: str, label: str) -> Location:
    """Go up as long as the directory is a package: its parent is what has to be on `sys.path`."""
    file = follow(file)
    if not file.endswith(".py"):
        raise NotImportable(file, "it is no Python file (its name does not end in .py)")
    directory, name = os.path.split(file)
    parts = [] if name == "__init__.py" else [name.removesuffix(".py")]
    directory, packages = _outside_packages(directory)
    parts = [*packages, *parts]
    for part in parts:
        if not part.isidentifier():
            raise NotImportable(file, f"`{part}` is no valid module name; rename it")
    return Location(".".join(parts), directory, file, label, (file,))


def _outside_packages(directory: str) -> tuple[str, list[str]]:
    """The innermost directory above that is no package, and the packages between, outermost first."""
    packages: list[str] = []
    while os.path.isfile(os.path.join(directory, "__init__.py")) and os.path.dirname(directory) != directory:
        directory, package = os.path.split(directory)
        packages.insert(0, package)
    return directory, packages
