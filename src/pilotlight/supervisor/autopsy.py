"""How a worker that died, or that is silent for long, is described. Must never wait for the worker."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

from pilotlight.supervisor.child import Child

_IMPORT_SYSTEM = re.compile(r'  File "(<frozen importlib|.*/importlib/__init__\.py")')
_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def read_crash_log(child: Child) -> str:
    """What faulthandler has written so far and nobody has read yet."""
    return without_loader(child.take_crash_text())


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
    such signal, and for a worker that may not be prepared for it yet."""
    number = getattr(signal, "SIGRTMAX", None)
    if number is None or not child.heard:
        return False
    child.signal(number)
    return True


def death_report(description: str, stacks: str, *, alive: bool) -> dict[str, Any]:
    """The JSON form of the report of a worker that cannot report itself: it has died, or is `alive` and
    loads."""
    from pilotlight.debugger.report.death import from_death  # costs start-up time; nobody dies on a good day
    from pilotlight.debugger.transport import to_json

    return to_json(from_death(description, stacks, kind="slow" if alive else "death"))


def describe_end(status: int, doing: str) -> str:
    """One sentence; `status` as `os.waitstatus_to_exitcode` gives it."""
    from pilotlight.debugger.report.death import describe_exit

    return describe_exit(status, doing)


def error_report(error: Exception) -> dict[str, Any]:
    """The JSON form of the report of an error of which the supervisor knows."""
    from pilotlight.debugger.report.capture import from_exception  # as above
    from pilotlight.debugger.transport import to_json

    return to_json(from_exception(error))


def describe_error(error: Exception) -> str:
    """One line on an error of our own: what, and the last place."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = ""
    if traceback is not None:
        place = f" at {os.path.basename(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"
    return f"{type(error).__name__}: {error}{place}"
