"""What is known about the functions that start a server: where they are, and what their arguments mean to us.

Pure tables and translations; must never import a server, nor replace anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Arguments = Mapping[str, Any]
Translation = tuple[Any, dict[str, Any], tuple[str, ...]]
"""The app or its import string, options by the names of `Settings`, arguments without a meaning."""


class RunFunction(NamedTuple):
    """One function that would start a server.

    Args:
        module: where it is defined.
        attribute: `run_simple`, or `Flask.run` for a method.
        shown: how a user writes the call.
        translate: from its explicit arguments to ours.
        defaults: its defaults that a user relies on, such as its port.
        is_async: a coroutine function.
        also_in: modules that offer it under the same name.
    """

    module: str
    attribute: str
    shown: str
    translate: Callable[[Arguments], Translation]
    defaults: Mapping[str, Any] = MappingProxyType({})
    is_async: bool = False
    also_in: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """A short name: `Flask.run`, `uvicorn.run`."""
        root = self.module.partition(".")[0]
        return self.attribute if self.attribute.lower().startswith(f"{root}.") else f"{root}.{self.attribute}"


_WERKZEUG = {
    "host": "host",
    "hostname": "host",
    "port": "port",
    "debug": "debug",
    "use_reloader": "reload",
    "use_debugger": "debugger",
    "threaded": "threads",
    "extra_files": "extra_files",
    "exclude_patterns": "exclude_patterns",
    "certfile": "cert",
    "keyfile": "key",
}
_UVICORN = {
    "host": "host",
    "port": "port",
    "uds": "uds",
    "reload": "reload",
    "reload_excludes": "exclude_patterns",
    "env_file": "env_file",
    "app_dir": "app_dir",
    "ssl_certfile": "cert",
    "ssl_keyfile": "key",
}
_MANY = ("extra_files", "exclude_patterns")
_PATHS = ("env_file", "app_dir", "cert", "key", "uds")


def renamed(arguments: Arguments, names: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Arguments under the names of `Settings`, and the names of those that have no meaning here."""
    options: dict[str, Any] = {}
    ignored: list[str] = []
    for name, value in arguments.items():
        if value is None:
            continue
        if name in names:
            options[names[name]] = _converted(names[name], value)
        else:
            ignored.append(name)
    return options, tuple(ignored)


def _converted(name: str, value: Any) -> Any:
    if name in _MANY:
        return (value,) if isinstance(value, str) else tuple(os.fspath(one) for one in value)
    if name == "port":
        return int(value)
    if name in _PATHS and isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _take_ssl_context(arguments: dict[str, Any], options: dict[str, Any]) -> None:
    """`adhoc`, a pair of files, or an `ssl.SSLContext`, which is passed on as it is."""
    context = arguments.pop("ssl_context", None)
    if context is None:
        return
    if isinstance(context, tuple):
        for name, file in zip(("cert", "key"), context, strict=False):
            if file is not None:
                options[name] = _converted(name, file)
    else:
        options["cert"] = context


def _from_framework(arguments: Arguments) -> Translation:
    """`Flask.run` and `Quart.run`: what the call leaves out, the app's settings say."""
    given = dict(arguments)
    app = given.pop("self")
    if given.get("load_dotenv", True):
        given.pop("load_dotenv", None)
    tls: dict[str, Any] = {}
    _take_ssl_context(given, tls)
    options, ignored = renamed(given, _WERKZEUG)
    options.update(tls)
    if "debug" in options:
        options["debug"] = bool(options["debug"])
    elif app.debug and "FLASK_DEBUG" not in os.environ:
        options["debug"] = True  # set in code; else the environment decides, with what `.env` adds to it
    name, _, port = str(app.config.get("SERVER_NAME") or "").partition(":")
    if name:
        options.setdefault("host", name)
    if port:
        options.setdefault("port", int(port))
    return app, options, ignored


def _from_run_simple(arguments: Arguments) -> Translation:
    given = dict(arguments)
    app = given.pop("application")
    tls: dict[str, Any] = {}
    _take_ssl_context(given, tls)
    options, ignored = renamed(given, _WERKZEUG)
    options.update(tls)
    host = options.get("host")
    if isinstance(host, str) and host.startswith("unix://"):
        options["uds"] = options.pop("host")[len("unix://") :]
        options.pop("port", None)
    return app, options, ignored


def _from_uvicorn(arguments: Arguments) -> Translation:
    given = dict(arguments)
    app = given.pop("app")
    if given.pop("factory", False) and not isinstance(app, str):
        app = app()
    options, ignored = renamed(given, _UVICORN)
    return app, options, ignored


def _from_uvicorn_server(arguments: Arguments) -> Translation:
    config = arguments["self"].config
    known = {
        name: getattr(config, name, None) for name in ("host", "port", "uds", "ssl_certfile", "ssl_keyfile")
    }
    app = config.app
    if config.factory and not isinstance(app, str):
        app = app()
    options, _ = renamed({**known, "reload": config.reload or None}, _UVICORN)
    return app, options, ()


def _from_hypercorn(arguments: Arguments) -> Translation:
    config = arguments["config"]
    app = arguments.get("app") or config.application_path
    options, _ = renamed({"certfile": config.certfile, "keyfile": config.keyfile}, _WERKZEUG)
    if config.use_reloader:
        options["reload"] = True
    _take_address(config.bind[0] if config.bind else "", options)
    return app, options, ("bind",) if len(config.bind) > 1 else ()


def _from_waitress(arguments: Arguments) -> Translation:
    given = dict(arguments)
    app = given.pop("app")
    listen = given.pop("listen", None)
    options, ignored = renamed(given, {"host": "host", "port": "port", "unix_socket": "uds"})
    if listen:
        _take_address(str(listen).split()[0], options)
    return app, options, ignored


def _take_address(address: str, options: dict[str, Any]) -> None:
    """`127.0.0.1:8000`, `[::1]:8000`, `:8000` or `unix:/path`."""
    if address.startswith("unix:"):
        options["uds"] = address[len("unix:") :]
        return
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        options["port"] = int(port)
    if host and host != "*":
        options["host"] = host.strip("[]")


def _from_bottle(arguments: Arguments) -> Translation:
    given = dict(arguments)
    app = given.pop("app", None) or sys.modules["bottle"].default_app()
    names = {"host": "host", "port": "port", "reloader": "reload", "debug": "debug", "quiet": "quiet"}
    options, ignored = renamed(given, names)
    return app, options, ignored


def _from_aiohttp(arguments: Arguments) -> Translation:
    given = dict(arguments)
    app = given.pop("app")
    options, ignored = renamed(given, {"host": "host", "port": "port", "path": "uds"})
    return app, options, ignored


RUN_FUNCTIONS = (
    RunFunction("flask.app", "Flask.run", "app.run()", _from_framework, {"port": 5000}),
    RunFunction("quart.app", "Quart.run", "app.run()", _from_framework, {"port": 5000, "reload": True}),
    RunFunction(
        "werkzeug.serving",
        "run_simple",
        "run_simple()",
        _from_run_simple,
        {"threads": False},
        also_in=("werkzeug",),
    ),
    RunFunction("uvicorn.main", "run", "uvicorn.run()", _from_uvicorn, {"port": 8000}, also_in=("uvicorn",)),
    RunFunction("uvicorn.server", "Server.run", "uvicorn.Server.run()", _from_uvicorn_server),
    RunFunction(
        "uvicorn.server", "Server.serve", "uvicorn.Server.serve()", _from_uvicorn_server, is_async=True
    ),
    RunFunction("hypercorn.run", "run", "hypercorn.run()", _from_hypercorn, {"port": 8000}),
    RunFunction(
        "hypercorn.asyncio", "serve", "hypercorn's serve()", _from_hypercorn, {"port": 8000}, is_async=True
    ),
    RunFunction("waitress", "serve", "waitress.serve()", _from_waitress, {"port": 8080}),
    RunFunction("bottle", "run", "bottle.run()", _from_bottle, {"port": 8080}),
    RunFunction("aiohttp.web", "run_app", "aiohttp.web.run_app()", _from_aiohttp, {"port": 8080}),
)
