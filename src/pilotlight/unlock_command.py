"""`pilotlight unlock`: a fresh link for each server of this project that runs. Must never start a server.

The link goes to standard output and nowhere else: as an argument of another command it could be read by
others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pilotlight.console import Console
from pilotlight.debugger.listener.keyring import Keyring
from pilotlight.errors import UserError

HELP = """Usage: pilotlight unlock

  Prints a link that lets a browser use the debugger of the server that runs in this directory. It works once,
  for ten minutes; a link that was printed before works no more."""


def run(words: Sequence[str], console: Console) -> int:
    """Prints the links; returns the exit status.

    Args:
        words: what follows `unlock` on the command line.

    Raises:
        UserError: no server runs here, or the state of the project cannot be used.
    """
    if words:
        if words[0] not in ("--help", "-h"):
            raise UserError(f"pilotlight unlock takes no argument, but {words[0]!r} was given.")
        print(HELP)  # noqa: T201 - as --help of the other commands
        return 0
    for directory in _upwards(os.getcwd()):
        keyring = Keyring.of_project(directory)
        servers = keyring.servers()
        if not servers:
            continue
        for server in servers:
            where = f" ({server.url})" if len(servers) > 1 else ""
            console.line(f"Open this link in your browser, once, within ten minutes{where}:")
            print(keyring.new_link(server.url))  # noqa: T201 - the result, for a pipe too
        return 0
    raise UserError(
        "No server with a debugger runs in this directory. Start one with --debug, or change to the "
        "directory that it was started in.",
        status=1,
    )


def _upwards(directory: str) -> Iterator[str]:
    """The directory and those above it: the command may be typed somewhere inside the project."""
    while True:
        yield directory
        above = os.path.dirname(directory)
        if above == directory:
            return
        directory = above
