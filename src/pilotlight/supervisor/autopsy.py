"""How a worker that died, or that is silent for long, is described. Must never wait for the worker."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from pilotlight.supervisor.child import Child

_CHUNK = 64 * 1024
_IMPORT_SYSTEM = re.compile(r'  File "(<frozen importlib|.*/importlib/__init__\.py")')
_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def read_crash_log(child: Child) -> str:
    """What faulthandler has written so far and nobody has read yet."""
    chunks = []
    while True:
        try:
            chunk = os.read(child.crash_log, _CHUNK)
        except BlockingIOError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    return without_loader(b"".join(chunks).decode("utf-8", "replace"))


def without_loader(stacks: str) -> str:
    """faulthandler's stacks (innermost call first) without our frames, those of the import system that lead
    to the app, and the list of extension modules."""
    kept: list[str] = []
    for line in stacks.splitlines(keepends=True):
        if line.startswith(f'  File "{_OURS}'):
            while kept and _IMPORT_SYSTEM.match(kept[-1]):
                kept.pop()
        elif not line.startswith(('  File "<frozen runpy>"', "Extension modules:")):
            kept.append(line)
    return "".join(kept)


def ask_for_stacks(child: Child) -> bool:
    """Makes the worker write the stacks of its threads to its crash log; False where the platform has no
    such signal."""
    number = getattr(signal, "SIGRTMAX", None)
    if number is None:
        return False
    child.signal(number)
    return True


def death_report(description: str, stacks: str) -> dict[str, Any]:
    """The JSON form of the report of a worker that cannot report itself."""
    from pilotlight.debugger.death import from_death  # costs start-up time; nobody dies on a good day

    return from_death(description, stacks).to_json()


def describe_end(status: int, doing: str) -> str:
    """One sentence; `status` as `os.waitstatus_to_exitcode` gives it."""
    from pilotlight.debugger.death import describe_exit

    return describe_exit(status, doing)
