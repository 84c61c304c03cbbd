"""Starts the server for settings that are complete. Must never import the app itself."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Any

from pilotlight.console import Console
from pilotlight.framestack import roomy
from pilotlight.launch.early import EarlyWorker
from pilotlight.launch.environment import EnvironmentOverlay
from pilotlight.launch.greeting import Greeting
from pilotlight.launch.interrupts import end_at_once, raise_as_usual
from pilotlight.settings import Settings
from pilotlight.supervisor.binder import Bound
from pilotlight.supervisor.ports import bind_or_explain

APP_TARGET: dict[str, Any] = {"kind": "app"}


def start_app(settings: Settings, early: EarlyWorker | None) -> int:
    """For the command line: the target is `settings.app`."""
    console = Console.for_process(quiet=settings.quiet)
    if settings.reload:
        return supervise(settings, APP_TARGET, console, label=tuple(sys.argv[1:]), early=early)
    return serve_alone(settings, console)


def bind(settings: Settings, console: Console, *, in_code: bool = False) -> tuple[Bound, Settings]:
    """The listening sockets, and the settings with the port that they got.

    Args:
        in_code: a call in a script has given the settings.
    """
    bound = bind_or_explain(settings, console, in_code=in_code)
    for note in bound.notes:
        console.line(note)
    if settings.quiet and settings.port == 0 and settings.uds is None:
        console.line(f"Listening on {bound.urls[0]}")  # there is no banner, and nobody could know
    return bound, settings if bound.port is None else replace(settings, port=bound.port)


def supervise(
    settings: Settings,
    target: dict[str, Any],
    console: Console,
    *,
    label: tuple[str, ...],
    interpreter_flags: tuple[str, ...] | None = None,
    early: EarlyWorker | None = None,
    in_code: bool = False,
) -> int:
    """Runs the supervisor in this process; returns the exit status. `in_code` as in `bind`."""
    if sys.platform == "win32":
        console.warning(
            "Reloading needs UNIX sockets between processes, which Windows lacks: serving without it."
        )
        return serve_alone(replace(settings, reload=False), console)
    from pilotlight.app.script import interpreter_flags as flags_of_this_process
    from pilotlight.supervisor.child import CommandLine, spawn
    from pilotlight.supervisor.debugging import Debugging
    from pilotlight.supervisor.descriptors import require_descriptors

    require_descriptors()
    raise_as_usual()  # where the port is taken, the user may be asked
    bound, settings = bind(settings, console, in_code=in_code)
    end_at_once()
    debugging = Debugging(settings, bound.urls, console)
    try:
        flags = tuple(flags_of_this_process()) if interpreter_flags is None else interpreter_flags
        command = CommandLine(flags, label)
        # It imports the server while this process imports the supervisor.
        first = (early.take() if early is not None else None) or spawn(command)
        from pilotlight.supervisor.supervisor import Supervisor

        debugging.open()
        overlay = EnvironmentOverlay(settings, console.warning)
        greeting = Greeting(console, settings, bound.urls, debugging.link, debugging.opening)
        supervisor = Supervisor(
            settings,
            target,
            bound,
            command,
            console,
            environment=overlay.now,
            greet=greeting.show,
            open_browser=greeting.open_browser,
            debugging=debugging,
        )
        status = supervisor.run(first)
    finally:
        debugging.close()
        bound.close()
    if supervisor.served:
        console.line("Stopped.")
    return status


@roomy
def serve_alone(settings: Settings, console: Console) -> int:
    """Serves in this process, without a reloader."""
    raise_as_usual()
    from pilotlight.worker.alone import NO_CONSOLE, Alone, load_target
    from pilotlight.worker.ending import end_in_spite_of_threads

    bound, settings = bind(settings, console)
    try:
        os.environ.update(settings.app_environment(os.environ))
        loaded = load_target(settings, console)
        if loaded is None:
            return 1
        # Not before: a certificate by import name may be in the app's module.
        alone = Alone(settings, console, bound.sockets)
        greeting = Greeting(console, settings, bound.urls, no_console=NO_CONSOLE)
        status = alone.serve(
            loaded.application,
            lambda: greeting.show(loaded.name, loaded.framework, loaded.framework_version()),
        )
    finally:
        bound.close()
    end_in_spite_of_threads(status)
    return status
