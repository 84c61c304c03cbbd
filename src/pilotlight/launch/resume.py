"""A script's process becomes the supervisor: the same pid, a fresh interpreter, none of the script's modules
in it.

Run by file name, because `-m` would put the user's directory in front of `sys.path`; the order comes through
a pipe that the new program inherits. Must import nothing of ours before `sys.path` is right.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from pilotlight.settings import Settings


def replace_process(settings: "Settings", target: "dict[str, Any]") -> "NoReturn":
    """Executes this file in place of the running program.

    Args:
        settings: complete.
        target: what the workers load, see `worker.order.StartOrder`.

    Raises:
        OSError: the program could not be executed.
    """
    import json
    import os

    from pilotlight.app.script import interpreter_flags

    flags = tuple(interpreter_flags())
    order = json.dumps({"settings": settings.to_json(), "target": target, "flags": flags}).encode()
    reading, writing = os.pipe()
    if os.write(writing, order) != len(order):
        raise OSError("the order does not fit into a pipe")
    os.close(writing)
    os.set_inheritable(reading, True)
    # What follows the descriptor is for people who look with `ps` or `pkill -f`.
    os.execv(sys.executable, [sys.executable, *flags, __file__, str(reading), *sys.argv])


def main() -> int:
    """Reads the order and supervises; returns the exit status."""
    import json

    from pilotlight.console import Console
    from pilotlight.errors import UserError
    from pilotlight.launch.start import supervise
    from pilotlight.settings import Settings

    with open(int(sys.argv[1]), "rb") as pipe:
        order = json.load(pipe)
    settings = Settings.from_json(order["settings"])
    console = Console.for_process(quiet=settings.quiet)
    label = tuple(sys.argv[2:])
    try:
        return supervise(
            settings, order["target"], console, label=label, interpreter_flags=tuple(order["flags"])
        )
    except UserError as error:
        console.error(error.message)
        return error.status


if __name__ == "__main__":
    if sys.path and sys.path[0] == __file__.rpartition("/")[0]:
        del sys.path[0]
    sys.exit(main())
