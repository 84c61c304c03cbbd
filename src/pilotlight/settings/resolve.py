"""From several sources of options to one `Settings`. Pure: dictionaries in, `Settings` or `UserError` out.

The strength of the sources is their order: command line (or the arguments of `pilotlight.run`),
`PILOTLIGHT_*`, `FLASK_*`, pyproject.toml, defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from os.path import isabs

from pilotlight.errors import UserError
from pilotlight.settings.model import Settings
from pilotlight.settings.options import BY_KEY, OPTIONS, resembling
from pilotlight.settings.values import describe, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_RESERVED = frozenset({"PILOTLIGHT_FLASK"})
"""Variables of ours that are no options."""


@dataclass(frozen=True, slots=True)
class Given:
    """One value and where it was given (`--port`, `PILOTLIGHT_PORT in .env`)."""

    value: Any
    place: str


@dataclass(frozen=True, slots=True)
class Source:
    """What one source gives: values by option key, and the directory that its relative paths start from."""

    values: Mapping[str, Given]
    base: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, and what there is to say about how they came about.

    Args:
        settings: the result.
        places: where each option that was given came from, by option key.
        notes: one line each, for the terminal.
        warnings: one line each, shown even with `--quiet`.
    """

    settings: Settings
    places: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def command_line(values: Mapping[str, Any], base: str) -> Source:
    """The source for values by option key; None and an empty list mean that the option was not given."""
    return Source(
        {
            key: Given(value, BY_KEY[key].flag)
            for key, value in values.items()
            if value is not None and value not in ((), [])
        },
        base,
    )


def call(values: Mapping[str, Any], base: str) -> Source:
    """The source for the arguments of `pilotlight.run`; None means that the option was not given.

    Raises:
        UserError: there is no option of that name.
    """
    for name in values:
        if name not in BY_KEY:
            raise UserError(f"pilotlight.run() has no option {name!r}.{resembling(name, BY_KEY)}")
    given = {name: Given(value, f"{name}=") for name, value in values.items() if value is not None}
    return Source(given, base)


def environment(
    variables: Mapping[str, str], base: str, files: Mapping[str, str] | None = None
) -> list[Source]:
    """Two sources, `PILOTLIGHT_*` before `FLASK_*`. An empty variable counts as not set.

    Args:
        variables: the real environment together with what the `.env` files add.
        base: the current directory.
        files: for each variable that comes from a file, the file.
    """
    files = files or {}

    def given(name: str) -> Given:
        return Given(variables[name], f"{name} in {files[name]}" if name in files else name)

    own = {option.key: given(option.variable) for option in OPTIONS if variables.get(option.variable)}
    flask = {
        option.key: given(next(name for name in option.flask if variables.get(name)))
        for option in OPTIONS
        if any(variables.get(name) for name in option.flask)
    }
    known = {option.variable for option in OPTIONS} | _RESERVED
    strangers = sorted(name for name in variables if name.startswith("PILOTLIGHT_") and name not in known)
    warnings = tuple(
        f"{name} is not an option, so it has no effect.{resembling(name, known)}" for name in strangers
    )
    return [Source(own, base, warnings), Source(flask, base)]


def pyproject(table: object, path: str, base: str) -> Source:
    """The source for `[tool.pilotlight]`.

    Args:
        table: the value of `tool.pilotlight`.
        path: the file, for messages.
        base: the directory of the file.

    Raises:
        UserError: it is not a table, or a key is unknown.
    """
    where = f"{path} [tool.pilotlight]"
    if not isinstance(table, dict):
        raise UserError(f"{where} must be a table, not {describe(table)}.")
    values: dict[str, Given] = {}
    for name, value in table.items():
        key = name.replace("-", "_")
        if key not in BY_KEY:
            raise UserError(
                f"{where} has an unknown key {name!r}.{resembling(name, [option.name for option in OPTIONS])}"
            )
        values[key] = Given(value, f"{where} {name}")
    return Source(values, base)


def resolve(sources: Sequence[Source], notes: tuple[str, ...] = ()) -> Resolved:
    """One `Settings` from all sources, the strongest first.

    Raises:
        UserError: a value does not fit, or two do not go together. The message names where they were given.
    """
    found: dict[str, Any] = {}
    places: dict[str, str] = {}
    rank: dict[str, int] = {}
    for position, source in enumerate(sources):
        for key, given in source.values.items():
            if key not in found:
                found[key] = read(BY_KEY[key], given.value, given.place, source.base)
                places[key], rank[key] = given.place, position
    _choose_address(found, places, rank)
    _pair_certificate(found, places, rank)
    _choose_app_directory(found, rank, sources)
    debug = found.get("debug", Settings().debug)
    found = {"reload": debug, "debugger": debug, **found}
    settings = Settings(**{BY_KEY[key].target: value for key, value in found.items()})
    warnings = tuple(warning for source in sources for warning in source.warnings)
    return Resolved(settings, places, notes, warnings)


def _drop(key: str, *maps: dict[str, Any]) -> None:
    for mapping in maps:
        mapping.pop(key, None)


def _choose_address(found: dict[str, Any], places: dict[str, str], rank: dict[str, int]) -> None:
    """A UNIX socket or a host and port: the stronger source wins, one source cannot ask for both."""
    host = found.get("host")
    if isinstance(host, str) and host.startswith("unix://"):
        if rank.get("uds", rank["host"] + 1) == rank["host"]:
            raise UserError(
                f"{places['host']} and {places['uds']} both name a UNIX socket: give one of them."
            )
        if "uds" not in found or rank["host"] < rank["uds"]:
            found["uds"], places["uds"], rank["uds"] = (
                host.removeprefix("unix://"),
                places["host"],
                rank["host"],
            )
            if not found["uds"].startswith("/"):
                raise UserError(
                    f"{places['host']} is {host!r}, but must have an absolute path: unix:///path."
                )
        _drop("host", found, places, rank)
    elif host == "localhost":
        found["host"] = None
    if "uds" not in found:
        return
    for key in ("host", "port"):
        if key not in found:
            continue
        if rank[key] == rank["uds"] and places[key] != places["uds"]:
            raise UserError(
                f"{places['uds']} and {places[key]} do not go together: the server listens on a UNIX socket "
                "or on a port."
            )
        if rank[key] < rank["uds"]:
            _drop("uds", found, places, rank)
            return
    for key in ("host", "port"):
        _drop(key, found, places, rank)


def _pair_certificate(found: dict[str, Any], places: dict[str, str], rank: dict[str, int]) -> None:
    """A key needs a certificate file; with another kind of certificate only a weaker key is overlooked."""
    if "key" not in found:
        return
    if "cert" not in found:
        raise UserError(f"{places['key']} needs a certificate: give it with --cert.")
    if isabs(found["cert"]):
        return
    if rank["key"] <= rank["cert"]:
        raise UserError(
            f"{places['key']} is not used when {places['cert']} is {found['cert']!r}: leave it out."
        )
    _drop("key", found, places, rank)


def _choose_app_directory(found: dict[str, Any], rank: dict[str, int], sources: Sequence[Source]) -> None:
    """An app that pyproject.toml names is imported from there, wherever below the command was started."""
    if "app" in found and "app_dir" not in found:
        base = sources[rank["app"]].base
        if base != sources[0].base:
            found["app_dir"] = base
