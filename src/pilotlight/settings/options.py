"""The table of options: each is declared once, for command line, code, environment, pyproject and manual.

Data only. Must never read a value: that is `values` (one), `resolve` (all sources) and `sources` (files).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    Kind = Literal[
        "text",
        "switch",
        "port",
        "host",
        "file",
        "directory",
        "socket",
        "certificate",
        "files",
        "patterns",
        "choice",
        "debug-port",
        "host-names",
        "editor",
        "mappings",
    ]

BASIC = "Basics"
MORE = "More options"


@dataclass(frozen=True, slots=True)
class Option:
    """One option in all its forms.

    Args:
        name: as on the command line, without dashes; pyproject.toml uses the same name.
        flags: as click declares them.
        kind: how a value is read and checked; see `values`.
        help: for `run --help` and the documentation.
        field: the field of `Settings`, where it is not the name.
        flask: names of environment variables that Flask gives the same option, the strongest first.
        group: where the help shows it.
        metavar: what the help shows for the value.
        choices: for kind `choice`.
    """

    name: str
    flags: tuple[str, ...]
    kind: Kind
    help: str
    field: str = ""
    flask: tuple[str, ...] = ()
    group: str = MORE
    metavar: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name in code: `extra_files` of `extra-files`."""
        return self.name.replace("-", "_")

    @property
    def target(self) -> str:
        """The field of `Settings`."""
        return self.field or self.key

    @property
    def variable(self) -> str:
        """Our own environment variable."""
        return f"PILOTLIGHT_{self.key.upper()}"

    @property
    def flag(self) -> str:
        """The long flag, for messages."""
        return next(flag for flag in self.flags if flag.startswith("--")).partition("/")[0]

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return self.kind in ("files", "patterns", "host-names", "mappings")


OPTIONS: tuple[Option, ...] = (
    Option(
        "app",
        ("--app", "-A"),
        "text",
        "The app: a module ('hello'), 'module:name', 'module:factory(\"arg\")', or a path. "
        "Without it: wsgi.py, app.py, main.py, asgi.py or manage.py.",
        flask=("FLASK_APP",),
        group=BASIC,
        metavar="APP",
    ),
    Option(
        "debug",
        ("--debug/--no-debug",),
        "switch",
        "Reload on changes and show errors in the browser.",
        flask=("FLASK_RUN_DEBUG", "FLASK_DEBUG"),
        group=BASIC,
    ),
    Option(
        "port",
        ("--port", "-p"),
        "port",
        "Port to listen on; 0 takes a free one. Default: 5000.",
        flask=("FLASK_RUN_PORT",),
        group=BASIC,
        metavar="PORT",
    ),
    Option(
        "host",
        ("--host", "-h"),
        "host",
        "Address to listen on; 0.0.0.0 lets other machines in. Default: localhost (127.0.0.1 and ::1).",
        flask=("FLASK_RUN_HOST",),
        group=BASIC,
        metavar="HOST",
    ),
    Option(
        "open",
        ("--open/--no-open",),
        "switch",
        "Open the app in the browser.",
        field="open_browser",
        group=BASIC,
    ),
    Option(
        "reload",
        ("--reload/--no-reload",),
        "switch",
        "Reload when a file changes. Default: as --debug.",
        flask=("FLASK_RUN_RELOAD",),
    ),
    Option(
        "debugger",
        ("--debugger/--no-debugger",),
        "switch",
        "Show errors of the app in the browser. Default: as --debug.",
        flask=("FLASK_RUN_DEBUGGER",),
    ),
    Option(
        "debug-port",
        ("--debug-port",),
        "debug-port",
        "Port of the debugger's own pages, on this machine only. Default: the one of the last time. 'same' "
        "serves them on the app's port under a secret path, which is weaker: for setups with one port.",
        metavar="PORT|same",
    ),
    Option(
        "allowed-host",
        ("--allowed-host",),
        "host-names",
        "A further host name under which the server may be asked in debug mode, like 'dev.example.test' or "
        "'.example.test' for all below it; separated by commas, may be repeated.",
        field="allowed_hosts",
        metavar="NAME",
    ),
    Option(
        "editor",
        ("--editor",),
        "editor",
        "What the error page opens files in: vscode, cursor, pycharm, zed, sublime, or a link like "
        "'myeditor://{file}:{line}'.",
        metavar="NAME",
    ),
    Option(
        "path-mapping",
        ("--path-mapping",),
        "mappings",
        "For the editor, when the app runs in a container: 'directory here=there'; may be repeated.",
        field="path_mappings",
        metavar="HERE=THERE",
    ),
    Option(
        "extra-files",
        ("--extra-files",),
        "files",
        f"Further files that cause a reload, separated by {os.pathsep!r}; may be repeated.",
        flask=("FLASK_RUN_EXTRA_FILES",),
        metavar="PATHS",
    ),
    Option(
        "exclude-patterns",
        ("--exclude-patterns",),
        "patterns",
        f"Files that match never cause a reload (like '*/build/*'), separated by {os.pathsep!r}; may be "
        "repeated.",
        flask=("FLASK_RUN_EXCLUDE_PATTERNS",),
        metavar="PATTERNS",
    ),
    Option(
        "on-reload-error",
        ("--on-reload-error",),
        "choice",
        "When a reload fails: show it on every page until it is mended ('page', the default), or end "
        "('exit').",
        choices=("page", "exit"),
        metavar="page|exit",
    ),
    Option(
        "reload-engine",
        ("--reload-engine",),
        "choice",
        "How a reload begins: from a checkpoint of the load before ('checkpoint'), or in a fresh process "
        "('restart'). 'auto', the default, takes checkpoints where the system has them.",
        choices=("auto", "checkpoint", "restart"),
        metavar="auto|checkpoint|restart",
    ),
    Option(
        "explain-reload",
        ("--explain-reload/--no-explain-reload",),
        "switch",
        "Say of each reload what had changed, where it began, what was executed again, and how long each "
        "part took.",
    ),
    Option(
        "cert",
        ("--cert",),
        "certificate",
        "Serve HTTPS with this certificate: a file, 'adhoc' for one made here, or the import name of an "
        "SSLContext.",
        flask=("FLASK_RUN_CERT",),
        metavar="CERT",
    ),
    Option(
        "key",
        ("--key",),
        "file",
        "Private key of the certificate, where it is not in the same file.",
        flask=("FLASK_RUN_KEY",),
        metavar="FILE",
    ),
    Option(
        "uds",
        ("--uds",),
        "socket",
        "Listen on this UNIX socket instead of a port.",
        metavar="PATH",
    ),
    Option(
        "with-threads",
        ("--with-threads/--without-threads",),
        "switch",
        "Answer requests of a WSGI app in several threads (the default), or one at a time.",
        field="threads",
        flask=("FLASK_RUN_WITH_THREADS",),
    ),
    Option(
        "app-dir",
        ("--app-dir",),
        "directory",
        "Directory to import the app from. Default: the current one.",
        metavar="DIR",
    ),
    Option(
        "env-file",
        ("--env-file", "-e"),
        "file",
        "Read environment variables from this file too; it wins over .env and .flaskenv.",
        flask=("FLASK_ENV_FILE",),
        metavar="FILE",
    ),
    Option(
        "quiet",
        ("--quiet/--no-quiet", "-q"),
        "switch",
        "No banner and no access log.",
    ),
)

BY_KEY: dict[str, Option] = {option.key: option for option in OPTIONS}


def resembling(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?`, or nothing when no known word is like the given one."""
    from difflib import get_close_matches

    matches = get_close_matches(word, tuple(known), n=1, cutoff=0.6)
    return f" Did you mean {matches[0]}?" if matches else ""
