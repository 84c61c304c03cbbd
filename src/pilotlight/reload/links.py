"""Symbolic links that lead to where the app lies: who follows one tells the recorder of it.

What is behind a link is named by its real path from then on (tracebacks, `__file__`, settings of the app), so
that nothing of a load is worth keeping when the link is turned. Must never import another of ours: the rooms
that follow links do not know who records.
"""

from __future__ import annotations

import os
import sys

FOLLOWED = "pilotlight.link_followed"
"""Audit event (PEP 578): a path and the real one that it led to."""


def follow(path: str) -> str:
    """The real path. If a link is on the way, whoever records the load notes where it led."""
    real = os.path.realpath(path)
    if real != path:
        sys.audit(FOLLOWED, path, real)
    return real


def logical_directory() -> str:
    """The current directory as the user has gone to it, through links: what `pwd -L` says (POSIX)."""
    real = os.getcwd()
    said = os.environ.get("PWD", "")
    if os.path.isabs(said) and not {os.curdir, os.pardir} & set(said.split(os.sep)):
        try:
            if os.path.samefile(said, real):
                return said
        except OSError:
            pass  # it is gone
    return real
