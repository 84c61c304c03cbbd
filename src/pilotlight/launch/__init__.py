"""From settings to a running server: one process, or a supervisor with its workers. The only room that knows
both sides.

`start` is for the command line, `code` for `pilotlight.run` and unmodified scripts, `resume` the entry of a
supervisor that takes the place of the script that asked for it. Must import what it needs only when it is
needed: every start pays for it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from pilotlight.launch.early import EarlyWorker
    from pilotlight.settings import Settings


def start(settings: Settings, early: EarlyWorker | None = None) -> int:
    """Serves the app that the settings name until it is stopped; returns the exit status.

    Args:
        early: a worker that may have been started in advance.

    Raises:
        UserError: the address cannot be had, the app cannot be found, ...
    """
    from pilotlight.launch.start import start_app

    return start_app(settings, early)


def run_script(path: str, arguments: Sequence[str]) -> int:
    """Runs `hello.py args...` as `__main__`; a server that it starts is ours."""
    from pilotlight.launch.code import run_unmodified

    return run_unmodified("file", path, arguments)


def run_module(name: str, arguments: Sequence[str]) -> int:
    """Runs a module or package as `python -m` does; a server that it starts is ours."""
    from pilotlight.launch.code import run_unmodified

    return run_unmodified("module", name, arguments)


def run(app: object, **options: Any) -> None:
    """See `pilotlight.run`."""
    from pilotlight.launch.code import run_from_code

    run_from_code(app, options)
