"""The servers that are compared, each with the command that its own documentation gives for development.

Must never give one of them an option that the others have no counterpart for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

APPS = {"flask": "flask_app", "asgi": "asgi_app", "fastapi": "fastapi_app"}
"""Workload -> module in `apps/`."""

Build = Callable[[str, int, bool], list[str]]
"""Module, port, access log on -> arguments after `python -m`."""


@dataclass(frozen=True)
class Contender:
    """One way to run an app."""

    name: str
    build: Build
    apps: frozenset[str]
    reloads: bool
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, app: str, port: int, *, log: bool = True) -> list[str]:
        """The whole command line."""
        return [sys.executable, "-m", *self.build(APPS[app], port, log)]

    def variables(self, *, log: bool = True) -> dict[str, str]:
        """What is added to the environment."""
        return self.environment if log else {**self.environment, "BENCHMARK_QUIET": "1"}


def _pilotlight(module: str, port: int, log: bool) -> list[str]:
    return ["pilotlight", "--app", module, "run", "--port", str(port), *([] if log else ["--quiet"])]


def _flask(module: str, port: int, log: bool) -> list[str]:
    return ["flask", "--app", module, "run", "--port", str(port)]


def _uvicorn(module: str, port: int, log: bool) -> list[str]:
    return ["uvicorn", f"{module}:app", "--port", str(port), *([] if log else ["--no-access-log"])]


def _granian(interface: str) -> Build:
    def build(module: str, port: int, log: bool) -> list[str]:
        access = "--access-log" if log else "--no-access-log"
        return ["granian", "--interface", interface, "--port", str(port), access, f"{module}:app"]

    return build


def _with(build: Build, option: str) -> Build:
    return lambda module, port, log: [*build(module, port, log), option]


_WSGI = frozenset({"flask"})
_ASGI = frozenset({"asgi", "fastapi"})
_OWN_FLASK = {"PILOTLIGHT_FLASK": "0"}
"""Where Pilotlight is installed, `flask run` is Pilotlight; this gives Flask its own back."""
_WITHOUT_WATCHDOG = {**_OWN_FLASK, "PYTHONPATH": str(Path(__file__).resolve().parent / "without_watchdog")}
"""What `pip install flask` alone gives: Werkzeug then looks at the time stamps of modules once a second."""

CONTENDERS = (
    Contender("pilotlight", _pilotlight, _WSGI | _ASGI, False),
    Contender("pilotlight --debug", _with(_pilotlight, "--debug"), _WSGI | _ASGI, True),
    Contender("flask run (Werkzeug)", _flask, _WSGI, False, _OWN_FLASK),
    Contender("flask run --debug", _with(_flask, "--debug"), _WSGI, True, _WITHOUT_WATCHDOG),
    Contender("flask run --debug, watchdog", _with(_flask, "--debug"), _WSGI, True, _OWN_FLASK),
    Contender("granian wsgi", _granian("wsgi"), _WSGI, False),
    Contender("granian wsgi --reload", _with(_granian("wsgi"), "--reload"), _WSGI, True),
    Contender("uvicorn", _uvicorn, _ASGI, False),
    Contender("uvicorn --reload", _with(_uvicorn, "--reload"), _ASGI, True),
    Contender("granian asgi", _granian("asgi"), _ASGI, False),
    Contender("granian asgi --reload", _with(_granian("asgi"), "--reload"), _ASGI, True),
)
