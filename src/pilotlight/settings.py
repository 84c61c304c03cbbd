"""One frozen `Settings`: every option declared once for command line, code, environment and pyproject.

Must never import the app, the server or anything else of ours but `errors`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for, resolved from all sources. Plain data: it crosses process boundaries as JSON."""

    app: str | None = None
    """The app as the user named it (`hello:app`, a path, ...); None looks for one of the well-known files."""
    app_dir: str | None = None
    """Directory to import the app from, absolute; None is the current directory."""
    debug: bool = False
    reload: bool = False
    """Resolved: `--reload` if given, else `debug`."""
    debugger: bool = False
    """Resolved: `--debugger` if given, else `debug`."""
    host: str | None = None
    """None listens on 127.0.0.1 and ::1."""
    port: int = 5000
    cert: str | None = None
    """A file, `adhoc`, or the import name of an `ssl.SSLContext`."""
    key: str | None = None
    uds: str | None = None
    threads: bool = True
    extra_files: tuple[str, ...] = ()
    exclude_patterns: tuple[str, ...] = ()
    env_file: str | None = None
    open_browser: bool = False
    quiet: bool = False
    on_reload_error: str = "page"
    """`page` shows a failed reload in the browser; `exit` ends the process instead."""
