"""How many files a server with a supervisor may have open, and what is said where that is too few. Must never
change a limit: the app would get it, too.
"""

from __future__ import annotations

import errno
import os
import resource

from pilotlight.errors import UserError

LEAST = 64
"""That a supervisor may need at once, for itself, its workers and checkpoints, without any client."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)
_ADVICE = "Raise the limit (ulimit -n 1024)"


def require_descriptors() -> None:
    """Called before anything is opened that would have to be given back.

    Raises:
        UserError: the limit is too low for what is to come.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit - _open_now(limit) < LEAST:
        raise UserError(
            f"This process may open {limit} files (ulimit -n), and the server needs {LEAST} besides those "
            f"that are open. {_ADVICE} and start again.",
            status=1,
        )


def _open_now(limit: int) -> int:
    """Those below the limit, which take room."""
    try:
        return sum(int(name) < limit for name in os.listdir("/dev/fd"))
    except (OSError, ValueError):  # no such directory here, or no room even to look
        return 3


def is_exhaustion(error: OSError) -> bool:
    """Whether no further file may be opened."""
    return error.errno in _EXHAUSTED


def advice(error: OSError) -> str:
    """What to do against this error, as a further sentence; empty if it is another one."""
    return f" {_ADVICE}, or close what the app leaves open." if is_exhaustion(error) else ""
