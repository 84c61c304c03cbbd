"""Where options come from: environment, `.env` files and pyproject.toml, read and handed to `resolve`.

The only part of the settings that reads files. Must never change the environment or the current directory.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace

from pilotlight.errors import UserError
from pilotlight.settings.options import BY_KEY
from pilotlight.settings.production import production_sign
from pilotlight.settings.resolve import Resolved, Source, call, command_line, environment, pyproject, resolve
from pilotlight.settings.values import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pilotlight.settings.model import Settings

_DEFAULT_FILES = (".flaskenv", ".env")
"""Weakest first, as in Flask."""


@dataclass(frozen=True, slots=True)
class EnvironmentFiles:
    """What was read from `.flaskenv`, `.env` and `--env-file`.

    Args:
        values: by variable, what the strongest file says; those without a value (`NAME` alone) are left out.
        origins: by variable, the file as shown to the user.
        paths: the files that were read, absolute, weakest first.
        warnings: lines that could not be understood.
    """

    values: Mapping[str, str]
    origins: Mapping[str, str]
    paths: tuple[str, ...]
    warnings: tuple[str, ...]


def from_command_line(values: Mapping[str, Any], real: Mapping[str, str] | None = None) -> Resolved:
    """The settings for the command: what it was given, the environment, pyproject.toml, defaults.

    Args:
        values: by option key; None and empty lists mean that the option was not given.
        real: the environment that the command was started with; None takes that of this process.

    Raises:
        UserError: a value does not fit or a file that was named does not exist.
    """
    return gather(command_line(values, os.getcwd()), os.environ if real is None else real)


def from_call(**options: Any) -> Resolved:
    """The settings for `pilotlight.run(app, **options)`: its arguments take the place of the command line.

    Args:
        options: by option key (`port=8000`, `extra_files=["a.toml"]`); None means not given.

    Raises:
        UserError: as `from_command_line`, and for an unknown name.
    """
    return gather(call(options, os.getcwd()), os.environ)


def read_environment_files(directory: str, env_file: str | None, *, defaults: bool) -> EnvironmentFiles:
    """Read the nearest `.flaskenv` and `.env` from a directory upwards, then `env_file`; the later one wins.

    Args:
        directory: where the search starts, absolute.
        env_file: a further file, absolute.
        defaults: whether `.flaskenv` and `.env` are looked for.

    Raises:
        UserError: a file cannot be read.
    """
    found = (find_upwards(directory, name) for name in _DEFAULT_FILES) if defaults else ()
    paths = tuple(path for path in (*found, env_file) if path is not None)
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    warnings: list[str] = []
    for path in dict.fromkeys(paths):
        shown = display(path, directory)
        for name, value in _read_environment_file(path, shown, warnings).items():
            if value is not None:
                values[name], origins[name] = value, shown
    return EnvironmentFiles(values, origins, tuple(dict.fromkeys(paths)), tuple(warnings))


def find_upwards(directory: str, name: str) -> str | None:
    """The nearest file of that name in a directory or above it; None when there is none."""
    while True:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def display(path: str, directory: str) -> str:
    """A path for the user: relative to a directory when that is shorter."""
    try:
        relative = os.path.relpath(path, directory)
    except ValueError:  # Another drive of Windows.
        return path
    return relative if len(relative) < len(path) else path


def without_files(current: Mapping[str, str], files: EnvironmentFiles) -> dict[str, str]:
    """The real environment, where somebody else (Flask's command) has already added what the files say to it.

    A variable with the very value of the file counts as added. That it was in the real environment with the
    same value makes no difference before the file changes.
    """
    return {name: value for name, value in current.items() if files.values.get(name) != value}


def gather(first: Source, real: Mapping[str, str]) -> Resolved:
    """Read the files that the strongest sources lead to, and join everything.

    Args:
        first: the command line or the arguments of a call.
        real: the environment that the command was started with, without what `.env` files add.
    """
    directory = first.base
    strong = [first, *environment(real, directory)]
    app_dir = first_given("app_dir", strong)
    table = read_pyproject(directory if app_dir is None else app_dir[0], directory)
    named = first_given("env_file", [*strong, *([table] if table else [])])
    if named is not None and not os.path.isfile(named[0]):
        raise UserError(_missing(named[1], named[0], directory))
    files = read_environment_files(
        directory, None if named is None else named[0], defaults=not skips_environment_files(real)
    )
    added = {name: value for name, value in files.values.items() if name not in real}
    origins = {name: files.origins[name] for name in added}
    sources = [first, *environment({**added, **real}, directory, origins), *([table] if table else [])]
    shown = [display(path, directory) for path in reversed(files.paths)]
    notes = (f"Environment variables read from {_enumerate(shown)}.",) if shown else ()
    resolved = resolve(sources, notes)
    settings = replace(
        resolved.settings,
        env_file=None if named is None else named[0],
        environment=tuple(sorted(added.items())),
        environment_files=files.paths,
    )
    check_files(settings, resolved.places, directory)
    warnings = (*resolved.warnings, *files.warnings)
    sign = production_sign(real, optimized=sys.flags.optimize > 0)
    if sign and settings.debugger and "debugger" not in resolved.places:
        settings = replace(settings, debugger=False)
        warnings = (
            *warnings,
            f"{sign}, which looks like production: the debugger is off. --debugger turns it on, should this "
            "be a development environment.",
        )
    return replace(resolved, settings=settings, warnings=warnings)


def skips_environment_files(real: Mapping[str, str]) -> bool:
    """Whether `FLASK_SKIP_DOTENV` turns `.env` and `.flaskenv` off, read as Flask reads it."""
    return real.get("FLASK_SKIP_DOTENV", "").lower() not in ("", "0", "false", "no")


def read_pyproject(start: str, directory: str) -> Source | None:
    """The `[tool.pilotlight]` of the nearest pyproject.toml; None when there is no such file or table.

    Args:
        start: where the search starts, absolute.
        directory: the current directory, for messages.

    Raises:
        UserError: the file cannot be read, is not valid TOML, or has an unknown key.
    """
    path = find_upwards(start, "pyproject.toml")
    if path is None:
        return None
    shown = display(path, directory)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}.") from None
    if (
        b"pilotlight" not in content
    ):  # Spares the import of a TOML parser; a broken file of no interest is let be.
        return None
    table = _parse_toml(content, shown)
    if table is None:
        return None
    return pyproject(table, shown, os.path.dirname(path))


def check_files(settings: Settings, places: Mapping[str, str], directory: str) -> None:
    """See that the files which the settings name are there.

    Raises:
        UserError: one is not, or is of the wrong kind; the message names where it was given.
    """
    if settings.app_dir is not None and not os.path.isdir(settings.app_dir):
        place = places.get("app_dir", "--app-dir")
        raise UserError(f"{place}: there is no directory {display(settings.app_dir, directory)}.")
    for path in settings.extra_files:
        if not os.path.exists(path):
            raise UserError(_missing(places["extra_files"], path, directory))
    if settings.key is not None and not os.path.isfile(settings.key):
        raise UserError(_missing(places["key"], settings.key, directory))
    if settings.cert is None or not settings.cert_is_file:
        return
    if not os.path.isfile(settings.cert):
        hint = " (it may also be 'adhoc' or the import name of an SSLContext)"
        raise UserError(_missing(places["cert"], settings.cert, directory, hint))
    if settings.key is None and not _contains_key(settings.cert):
        shown = display(settings.cert, directory)
        raise UserError(f"{places['cert']}: {shown} contains no private key: give its file with --key.")


def first_given(key: str, sources: Iterable[Source]) -> tuple[Any, str] | None:
    """The strongest value of one option with its place; None when no source gives it."""
    for source in sources:
        given = source.values.get(key)
        if given is not None:
            return read(BY_KEY[key], given.value, given.place, source.base), given.place
    return None


def _parse_toml(content: bytes, shown: str) -> object | None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{shown}, line {line}: not UTF-8, which TOML must be.") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{shown} is not valid TOML: {error}.") from None
    tool = document.get("tool")
    return tool.get("pilotlight") if isinstance(tool, dict) else None


def _read_environment_file(path: str, shown: str, warnings: list[str]) -> Mapping[str, str | None]:
    """What python-dotenv makes of a file. It reports lines that it cannot understand through logging,
    without the file's name; they become warnings of ours.
    """
    import logging

    import dotenv

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = f", line {record.args[0]}" if isinstance(record.args, tuple) and record.args else ""
            warnings.append(f"{shown}{line}: not understood (expected NAME=value), so it has no effect.")

    logger, collector = logging.getLogger("dotenv.main"), Collector(logging.WARNING)
    propagates = logger.propagate
    logger.addHandler(collector)
    logger.propagate = False
    try:
        return dotenv.dotenv_values(path, encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{shown} is not UTF-8, so no environment variables can be read from it.") from None
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror}.") from None
    finally:
        logger.propagate = propagates
        logger.removeHandler(collector)


def _contains_key(path: str) -> bool:
    """Whether a PEM file has a private key too. An unreadable file is left to whoever loads it."""
    try:
        with open(path, "rb") as file:
            return b"PRIVATE KEY-----" in file.read(1024 * 1024)
    except OSError:
        return True


def _missing(place: str, path: str, directory: str, hint: str = "") -> str:
    shown = display(path, directory)
    if os.path.isdir(path):
        return f"{place}: {shown} is a directory, but a file is needed{hint}."
    return f"{place}: there is no file {shown}{hint}."


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
