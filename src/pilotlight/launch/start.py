"""Starts the server for settings that are complete. Must never import the app itself."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from pilotlight.console import Console
from pilotlight.launch.environment import EnvironmentOverlay
from pilotlight.settings import Settings
from pilotlight.settings.resolve import Resolved
from pilotlight.supervisor.binder import Bound
from pilotlight.supervisor.ports import bind_or_explain

APP_TARGET: dict[str, Any] = {"kind": "app"}


def start_app(resolved: Resolved) -> int:
    """For the command line: the target is `settings.app`."""
    console = Console.for_process(quiet=resolved.settings.quiet)
    tell(resolved, console)
    if resolved.settings.reload:
        return supervise(resolved.settings, APP_TARGET, console, label=(resolved.settings.app or "app",))
    return serve_alone(resolved.settings, console)


def tell(resolved: Resolved, console: Console) -> None:
    """What there is to say about where the settings came from."""
    for note in resolved.notes:
        console.note(note)
    for warning in resolved.warnings:
        console.warning(warning)


def bind(settings: Settings, console: Console) -> tuple[Bound, Settings]:
    """The listening sockets, and the settings with the port that they got."""
    bound = bind_or_explain(settings, console)
    for note in bound.notes:
        console.note(note)
    return bound, settings if bound.port is None else replace(settings, port=bound.port)


def supervise(
    settings: Settings,
    target: dict[str, Any],
    console: Console,
    *,
    label: tuple[str, ...],
    interpreter_flags: tuple[str, ...] | None = None,
) -> int:
    """Runs the supervisor in this process; returns the exit status."""
    if sys.platform == "win32":
        console.warning("Reloading needs UNIX sockets between processes, which Windows lacks: serving without it.")
        return serve_alone(replace(settings, reload=False), console)
    from pilotlight.app.script import interpreter_flags as flags_of_this_process
    from pilotlight.supervisor.child import CommandLine, spawn

    bound, settings = bind(settings, console)
    try:
        flags = tuple(flags_of_this_process()) if interpreter_flags is None else interpreter_flags
        command = CommandLine(flags, label)
        early = spawn(command)  # it imports the server while this process imports the supervisor
        from pilotlight.supervisor.supervisor import Supervisor

        overlay = EnvironmentOverlay(settings)

        def banner(name: str, framework: str | None, version: str | None) -> None:
            console.banner(
                app=name, framework=framework, framework_version=version, settings=settings, urls=bound.urls
            )

        supervisor = Supervisor(
            settings,
            target,
            bound,
            command,
            console,
            environment=overlay.now,
            banner=banner,
            open_browser=lambda: open_browser(bound.urls[0], console),
        )
        status = supervisor.run(early)
    finally:
        bound.close()
    if supervisor.served:
        console.line("Stopped.")
    return status


def serve_alone(settings: Settings, console: Console) -> int:
    """Serves in this process, without a reloader."""
    from pilotlight.worker.alone import Alone, load_target

    bound, settings = bind(settings, console)
    try:
        alone = Alone(settings, console, bound.sockets)
        alone.apply_environment()
        loaded = load_target(settings, console)
        if loaded is None:
            return 1

        def ready() -> None:
            console.banner(
                app=loaded.name,
                framework=loaded.framework,
                framework_version=loaded.framework_version,
                settings=settings,
                urls=bound.urls,
            )
            if settings.open_browser:
                open_browser(bound.urls[0], console)

        return alone.serve(loaded.application, ready)
    finally:
        bound.close()


def open_browser(url: str, console: Console) -> None:
    """Opens the user's browser, or says that it could not."""
    import webbrowser

    if url.startswith("unix:"):
        console.line("A UNIX socket cannot be opened in a browser.")
    elif not webbrowser.open(url):
        console.line(f"No browser could be started; open {url} yourself.")
