"""A template that was not found: the names that were asked for, and where the engine looked for them.

Knows Django's and Jinja2's loaders, and the one that Flask and Quart put in front. Must never run a method of
an engine, a loader or an app, and never look at the disk: all is read from what the objects store.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from . import source
from .anatomy import instance_dictionary, type_name
from .exceptions import arguments, attribute, is_named, plain
from .peek import has_plain_keys, local
from .stack import Step
from .template_django import attributes_of, text_of

_LOADERS = "jinja2.loaders"
MAX_DEPTH = 5
MAX_NAMES = 5


class Folder(NamedTuple):
    """A folder of templates. `prefix` is what the names of its templates begin with."""

    path: str
    prefix: str = ""


class Tried(NamedTuple):
    """A place that was tried: a file in a folder, or else something that `text` describes."""

    text: str
    folder: str = ""
    why: str = ""
    """Why it was not taken, if not because it is not there."""


class Missing(NamedTuple):
    """Templates that were not found.

    Args:
        names: as they were asked for.
        tried: in the order in which the engine looks.
        folders: in which there may be others.
        others: the names of templates that are in no file.
    """

    names: tuple[str, ...]
    tried: tuple[Tried, ...]
    folders: tuple[Folder, ...]
    others: tuple[str, ...] = ()


def is_missing(error: BaseException) -> bool:
    """Whether an engine says that there is no such template."""
    return _is_django(error) or is_named(type(error), "jinja2.exceptions", "TemplateNotFound")


def find(error: BaseException, steps: Sequence[Step]) -> Missing:
    """What is known of a missing template. `steps`: all calls of the error."""
    return _of_django(error, steps) if _is_django(error) else _of_jinja(error, steps)


def _is_django(error: BaseException) -> bool:
    return is_named(type(error), "django.template.exceptions", "TemplateDoesNotExist")


def _of_django(error: BaseException, steps: Sequence[Step]) -> Missing:
    inner = _items(attribute(error, "chain"))
    errors = [each for each in inner if issubclass(type(each), BaseException) and _is_django(each)] or [error]
    names = _texts(told for each in errors for told in arguments(each)[:1])
    tried: list[Tried] = []
    folders: list[Folder] = []
    loaders: list[Any] = []
    engines: list[Any] = []
    for each in errors:
        for entry in _items(attribute(each, "tried")):
            _note_origin(entry, tried, folders)
        backend = attributes_of(attribute(each, "backend"))
        loaders.append(_loader_of(backend.get("env")))
        engines.append(backend.get("engine"))
    if not tried:  # an included template is looked for by another way, which forgets where
        engine = next((each for each in (*engines, *_selves(steps)) if is_named(type(each), *_ENGINE)), None)
        folders = [Folder(path) for path in _folders_of_engine(engine)]
        names = tuple(part for name in names for part in name.split(", "))
        tried = _in_folders(names, folders)
    found = _of_loaders(names, loaders)
    return Missing(names, (*tried, *found.tried), (*folders, *found.folders), found.others)


_ENGINE = "django.template.engine", "Engine"


def _note_origin(entry: Any, tried: list[Tried], folders: list[Folder]) -> None:
    if type(entry) is not tuple or len(entry) != 2:
        return
    where = attributes_of(entry[0])
    if where.get("name") is None:
        return
    file, name = text_of(where["name"]), "".join(_texts([where.get("template_name")]))
    root = file[: -len(name) - 1] if name and file.endswith(os.sep + name) else ""
    why = entry[1] if type(entry[1]) is str and entry[1] != "Source does not exist" else ""
    tried.append(Tried(file, root, why))
    if root:
        folders.append(Folder(root))


def _folders_of_engine(engine: Any) -> Iterator[str]:
    """Of `DIRS`, then of the installed apps."""
    held = attributes_of(engine)
    yield from (text_of(each) for each in _items(held.get("dirs")))
    registry = instance_dictionary(sys.modules.get("django.apps")).get("apps")
    configs: Any = attributes_of(registry).get("app_configs")
    if held.get("app_dirs") is True and issubclass(type(configs), dict):
        for path in _texts(instance_dictionary(config).get("path") for config in dict.values(configs)):
            yield os.path.join(path, "templates")


def _of_jinja(error: BaseException, steps: Sequence[Step]) -> Missing:
    names = _texts(_items(attribute(error, "templates")) or [attribute(error, "name")])
    loader = next((each for each in map(_loader_of, _selves(steps)) if each is not None), None)
    return _of_loaders(names, [loader])


def _loader_of(thing: Any) -> Any:
    """The loader of an environment, or of that of a template."""
    held = instance_dictionary(thing)
    if is_named(type(thing), "jinja2.environment", "Template"):
        held = instance_dictionary(held.get("environment"))
    elif not is_named(type(thing), "jinja2.environment", "Environment"):
        return None
    return held.get("loader")


def _of_loaders(names: tuple[str, ...], loaders: Iterable[Any]) -> Missing:
    tried: list[Tried] = []
    folders: list[Folder] = []
    others: list[str] = []
    for loader in loaders:
        for found in _leaves(loader, "", 0):
            if isinstance(found, Folder):
                folders.append(found)
                tried += _in_folders(names, [found])
            elif isinstance(found, str):
                tried.append(Tried(found))
            else:
                others += found
    return Missing(names, tuple(tried), tuple(folders), tuple(others))


def _leaves(loader: Any, prefix: str, depth: int) -> Iterator[Folder | str | list[str]]:
    """The folders that a loader looks in, the type of one that looks elsewhere, the names that it has."""
    kind, held = type(loader), instance_dictionary(loader)
    if loader is None or depth > MAX_DEPTH:
        return
    if is_named(kind, _LOADERS, "FileSystemLoader"):
        yield from (Folder(_absolute(each), prefix) for each in _texts(_items(held.get("searchpath"))))
    elif is_named(kind, _LOADERS, "PackageLoader") and held.get("_archive") is None:
        yield from (Folder(_absolute(each), prefix) for each in _texts([held.get("_template_root")]))
    elif is_named(kind, _LOADERS, "ChoiceLoader"):
        for each in _items(held.get("loaders")):
            yield from _leaves(each, prefix, depth + 1)
    elif is_named(kind, _LOADERS, "PrefixLoader"):
        mapping, delimiter = held.get("mapping"), held.get("delimiter")
        if type(mapping) is dict and has_plain_keys(mapping) and type(delimiter) is str:
            for name in _texts(mapping):
                yield from _leaves(mapping[name], f"{prefix}{name}{delimiter}", depth + 1)
    elif is_named(kind, "flask.templating", "DispatchingJinjaLoader"):
        yield from _leaves_of_app(instance_dictionary(held.get("app")), depth)
    else:
        yield type_name(kind)
        mapping = held.get("mapping")
        if is_named(kind, _LOADERS, "DictLoader") and type(mapping) is dict and has_plain_keys(mapping):
            yield [prefix + name for name in _texts(mapping)]


def _leaves_of_app(app: dict[Any, Any], depth: int) -> Iterator[Folder | str | list[str]]:
    """Those of the app, then of its blueprints; the search has stored the loader in each of them."""
    yield from _leaves(app.get("jinja_loader"), "", depth + 1)
    blueprints = app.get("blueprints")
    for each in tuple(blueprints.values()) if type(blueprints) is dict else ():
        yield from _leaves(instance_dictionary(each).get("jinja_loader"), "", depth + 1)


def _in_folders(names: tuple[str, ...], folders: Iterable[Folder]) -> list[Tried]:
    return [
        Tried(os.path.join(folder.path, name[len(folder.prefix) :]), folder.path)
        for folder in folders
        for name in names[:MAX_NAMES]
        if name.startswith(folder.prefix)
    ]


def _selves(steps: Sequence[Step]) -> Iterator[Any]:
    """What the methods on the stack belong to, the innermost first."""
    return (local(step.frame, "self") for step in reversed(steps))


def _items(value: Any) -> Sequence[Any]:
    return value if type(value) in (list, tuple) else ()


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(plain(each) for each in values if issubclass(type(each), str))


def _absolute(path: str) -> str:
    return os.path.normpath(os.path.join(source.working_directory(), path))
