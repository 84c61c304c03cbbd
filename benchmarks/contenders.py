"""The servers that are compared, each with the command that its own documentation gives for development.

Must never give one of them an option that the others have no counterpart for.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class App:
    """A workload: what a server is told to serve, and the file whose edit is timed."""

    name: str
    target: str
    """For `--app`, as Flask and Pilotlight take it: a module, or a package with a factory."""
    attribute: str
    """The app in that module, for servers that must be told; a factory ends with `()`."""
    edited: str
    """The file that is saved; it holds the text `version 0`, and the answers show it."""
    kind: str
    """`wsgi`, `django` (WSGI, with manage.py), `asgi`, or `failing` (WSGI, for servers with a debugger)."""
    path: str
    measures: frozenset[str]
    compared: bool = False
    """An edit is compared with what bare Python needs for the modules after the edited one."""
    project: str = ""
    """The folder it lies in, where another workload has the same; else that of its name."""

    @property
    def folder(self) -> str:
        """Each project has a folder of its own: what a server watches is its own app only."""
        return self.project or self.name

    @property
    def expression(self) -> str:
        """The app as Python writes it, after `import` of the module."""
        return f"{self.target}.{self.attribute}"


def _apps() -> dict[str, App]:
    usual = frozenset({"throughput", "coldstart", "edit", "memory"})
    item = "/items/42?name=lamp"
    small = frozenset({*usual, "stale", "load", "crash"})
    apps = (
        App("flask", "flask_app", "app", "flask_app.py", "wsgi", item, small | {"idle"}),
        App("asgi", "asgi_app", "app", "asgi_app.py", "asgi", "/items/42", usual),
        App("fastapi", "fastapi_app", "app", "fastapi_app.py", "asgi", item, small),
        App(
            "heavy",
            "heavy",
            "create_app()",
            "heavy/views/orders.py",
            "wsgi",
            "/orders/42",
            frozenset({"coldstart", "edit", "memory", "crash"}),
            compared=True,
        ),
        App(
            "heavy-core",
            "heavy",
            "create_app()",
            "heavy/core.py",
            "wsgi",
            "/orders/42",
            frozenset({"edit"}),
            compared=True,
            project="heavy",
        ),
        App(
            "django",
            "site_config.wsgi",
            "application",
            "shop/views.py",
            "django",
            "/shop/42/",
            frozenset({"coldstart", "edit", "memory"}),
        ),
        App(
            "failing",
            "failing_app",
            "app",
            "failing_app.py",
            "failing",
            "/?name=lamp",
            frozenset({"debugger"}),
        ),
    )
    return {app.name: app for app in apps}


APPS = _apps()

Build = Callable[[App, int, bool], list[str]]
"""App, port, access log on -> arguments after `python`."""


@dataclass(frozen=True)
class Contender:
    """One way to run an app."""

    name: str
    build: Build
    kinds: frozenset[str]
    """The kinds of apps that it serves."""
    reloads: bool
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Pilotlight, in whatever way."""
        return self.name.startswith("pilotlight")

    def command(self, app: App, port: int, *, log: bool = True) -> list[str]:
        """The whole command line."""
        return [sys.executable, *self.build(app, port, log)]

    def variables(self, *, log: bool = True) -> dict[str, str]:
        """What is added to the environment."""
        return self.environment if log else {**self.environment, "BENCHMARK_QUIET": "1"}


def _pilotlight(app: App, port: int, log: bool) -> list[str]:
    quiet = [] if log else ["--quiet"]
    return ["-m", "pilotlight", "--app", app.target, "run", "--port", str(port), *quiet]


def _flask(app: App, port: int, log: bool) -> list[str]:
    return ["-m", "flask", "--app", app.target, "run", "--port", str(port)]


def _runserver(app: App, port: int, log: bool) -> list[str]:
    return ["manage.py", "runserver", str(port)]


def _named(app: App) -> list[str]:
    """The app for servers that want `module:attribute`, and `--factory` for a factory."""
    factory = app.attribute.endswith("()")
    return [*(["--factory"] if factory else []), f"{app.target}:{app.attribute.removesuffix('()')}"]


def _uvicorn(app: App, port: int, log: bool) -> list[str]:
    return ["-m", "uvicorn", *_named(app), "--port", str(port), *([] if log else ["--no-access-log"])]


def _granian(interface: str) -> Build:
    def build(app: App, port: int, log: bool) -> list[str]:
        access = "--access-log" if log else "--no-access-log"
        return ["-m", "granian", "--interface", interface, "--port", str(port), access, *_named(app)]

    return build


def _with(build: Build, *options: str) -> Build:
    return lambda app, port, log: [*build(app, port, log), *options]


def pilotlight_with(options: str) -> Contender:
    """One more way to run Pilotlight with its reloader: these options come after `--debug`."""
    build = _with(_pilotlight, "--debug", *shlex.split(options))
    return Contender(f"pilotlight --debug {options}", build, _WSGI | _ASGI, True)


def without_debugger(contender: Contender) -> Contender:
    """The same, with the option of ours that turns the debugger off."""
    name = f"{contender.name} --no-debugger"
    return replace(contender, name=name, build=_with(contender.build, "--no-debugger"))


_FLASK = frozenset({"wsgi"})
_DJANGO = frozenset({"django"})
_WSGI = _FLASK | _DJANGO
_ASGI = frozenset({"asgi"})
_FAILING = frozenset({"failing"})
_OWN_FLASK = {"PILOTLIGHT_FLASK": "0"}
"""Where Pilotlight is installed, `flask run` is Pilotlight; this gives Flask its own back."""
_WITHOUT_WATCHDOG = {**_OWN_FLASK, "PYTHONPATH": str(Path(__file__).resolve().parent / "without_watchdog")}
"""What `pip install flask` alone gives: Werkzeug then looks at the time stamps of modules once a second."""

CONTENDERS = (
    Contender("pilotlight", _pilotlight, _WSGI | _ASGI, False),
    Contender("pilotlight --debug", _with(_pilotlight, "--debug"), _WSGI | _ASGI | _FAILING, True),
    Contender("flask run (Werkzeug)", _flask, _FLASK, False, _OWN_FLASK),
    Contender("flask run --debug", _with(_flask, "--debug"), _FLASK | _FAILING, True, _WITHOUT_WATCHDOG),
    Contender("flask run --debug, watchdog", _with(_flask, "--debug"), _FLASK, True, _OWN_FLASK),
    Contender("manage.py runserver", _runserver, _DJANGO, True),
    Contender("granian wsgi", _granian("wsgi"), _WSGI, False),
    Contender("granian wsgi --reload", _with(_granian("wsgi"), "--reload"), _WSGI, True),
    Contender("uvicorn", _uvicorn, _ASGI, False),
    Contender("uvicorn --reload", _with(_uvicorn, "--reload"), _ASGI, True),
    Contender("granian asgi", _granian("asgi"), _ASGI, False),
    Contender("granian asgi --reload", _with(_granian("asgi"), "--reload"), _ASGI, True),
)
