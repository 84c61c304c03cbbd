"""The frozen `Settings`: what the user asked for, resolved from all sources.

Plain data that crosses process boundaries as JSON. Must never read a file or the environment.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for. The default of a field is the default of its option; nothing else knows it."""

    app: str | None = None
    """The app as the user named it (`hello:app`, a path, ...); None looks for one of the well-known files."""
    app_dir: str | None = None
    """Directory to import the app from, absolute; None is the current directory."""
    debug: bool = False
    reload: bool = False
    """Resolved: `--reload` if given, else `debug`."""
    debugger: bool = False
    """Resolved: `--debugger` if given, else `debug`."""
    debug_port: int | str | None = None
    """Of the debug listener: None takes the one of the last time, or a free one; `same` has none of its
    own."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names, in lower case, under which this server may be asked; one that begins with a dot stands
    for all names that end so."""
    editor: str | None = None
    """The name of an editor, or a template of the links that open one."""
    path_mappings: tuple[str, ...] = ()
    """`here=there`: what the editor calls the directories that are called otherwise here."""
    host: str | None = None
    """None listens on 127.0.0.1 and ::1."""
    port: int = 5000
    """0 takes a free port."""
    cert: str | None = None
    """An absolute path, `adhoc`, or the import name of an `ssl.SSLContext`; see `cert_is_file`."""
    key: str | None = None
    """An absolute path; None with a certificate file means that the key is in the same file."""
    uds: str | None = None
    threads: bool = True
    extra_files: tuple[str, ...] = ()
    """Absolute paths that exist at the start."""
    exclude_patterns: tuple[str, ...] = ()
    env_file: str | None = None
    """An absolute path; its values win over `.env` and `.flaskenv`."""
    open_browser: bool = False
    quiet: bool = False
    on_reload_error: str = "page"
    """`page` shows a failed reload in the browser; `exit` ends the process instead."""
    reload_engine: str = "auto"
    """`auto`, `checkpoint` or `restart`."""
    explain_reload: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    """Variables from `.env`, `.flaskenv` and `env_file` that the real environment lacks, sorted by name."""
    environment_files: tuple[str, ...] = ()
    """The files that were read for `environment`, absolute, weakest first."""

    @property
    def cert_is_file(self) -> bool:
        """Whether `cert` is a path, neither `adhoc` nor an import name."""
        from os.path import isabs

        return self.cert is not None and isabs(self.cert)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values, for `from_json` in another process."""
        return {field.name: _as_json(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Settings:
        """The same settings again.

        Raises:
            TypeError: the values are not those of `to_json`.
        """
        return cls(**{name: _from_json(value) for name, value in values.items()})

    def app_environment(self, real: Mapping[str, str]) -> dict[str, str]:
        """The environment of a process that loads the app: the real one, what the `.env` files add, and
        `FLASK_DEBUG` where the resolved debug mode differs from what the app would read from there.

        Args:
            real: the environment that the command was started with.
        """
        environment = {**dict(self.environment), **real}
        said = environment.get("FLASK_DEBUG")
        flask_sees = bool(said) and said is not None and said.lower() not in ("0", "false", "no")
        if flask_sees != self.debug:
            environment["FLASK_DEBUG"] = "1" if self.debug else "0"
        return environment


def _as_json(value: Any) -> Any:
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value


def _from_json(value: Any) -> Any:
    return tuple(_from_json(item) for item in value) if isinstance(value, list) else value
