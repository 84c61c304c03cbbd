"""A script's process becomes the supervisor: the same pid, a fresh interpreter, none of the script's modules
in it.

Run by file name, because `-m` would put the user's directory in front of `sys.path`; the order comes in an
unnamed file that the new program inherits. Must import nothing of ours before `sys.path` is right.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from pilotlight.settings import Settings


def replace_process(
    settings: "Settings", target: "dict[str, Any]", directory: str, environment: "Mapping[str, str]"
) -> "NoReturn":
    """Executes this file in place of the running program.

    Args:
        settings: complete.
        target: what the workers load, see `worker.order.StartOrder`.
        directory: the current directory of the new program; empty keeps the present one.
        environment: its variables.

    Raises:
        OSError: the program could not be executed.
    """
    import json
    import os
    import signal

    from pilotlight.app.script import interpreter_flags

    flags = tuple(interpreter_flags())
    content = {"settings": settings.to_json(), "target": target, "flags": flags, "directory": directory}
    order = _unnamed_file()
    with open(order, "wb", closefd=False) as file:
        file.write(json.dumps(content).encode())
    os.lseek(order, 0, os.SEEK_SET)
    os.set_inheritable(order, True)
    # A Ctrl-C while the interpreter starts waits until `main` can end without a traceback.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # What follows the descriptor is for people who look with `ps` or `pkill -f`.
    command = [sys.executable, *flags, __file__, str(order), *sys.argv]
    os.execve(sys.executable, command, environment)


def _unnamed_file() -> int:
    """A descriptor for what a pipe may be too small for: nobody reads before the new program does."""
    import os

    if hasattr(os, "memfd_create"):
        return os.memfd_create("pilotlight")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def main() -> int:
    """Reads the order and supervises; returns the exit status."""
    import json
    import os
    import signal

    from pilotlight.console import Console
    from pilotlight.errors import UserError
    from pilotlight.launch.interrupts import end_at_once
    from pilotlight.launch.start import supervise
    from pilotlight.settings import Settings

    with open(int(sys.argv[1]), "rb") as file:
        order = json.load(file)
    if order["directory"]:
        os.chdir(order["directory"])
    settings = Settings.from_json(order["settings"])
    console = Console.for_process(quiet=settings.quiet)
    label = tuple(sys.argv[2:])
    try:
        end_at_once()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return supervise(
            settings,
            order["target"],
            console,
            label=label,
            interpreter_flags=tuple(order["flags"]),
            in_code=True,
        )
    except UserError as error:
        console.error(error.message)
        return error.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    if sys.path and sys.path[0] == __file__.rpartition("/")[0]:
        del sys.path[0]
    sys.exit(main())
