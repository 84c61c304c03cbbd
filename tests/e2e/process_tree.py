"""Every process that descends from a command, orphans and sessions of their own included.

They are found by the session of the command, or by a variable in the environment that they inherited; parent
pids would lose the orphans.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

MARKER = "E2E_MARKER"
KILL_TIMEOUT = 6.0


@dataclass
class ProcessTree:
    """The descendants of one command."""

    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    """The value of the variable `MARKER` that the command is started with."""
    root: int = -1
    """The pid of the command, which leads a session; -1 while it is not started."""

    def descendants(self) -> list[psutil.Process]:
        """Every living process of the tree except the command itself."""
        return [process for process in psutil.process_iter() if self._holds(process)]

    def _holds(self, process: psutil.Process) -> bool:
        if process.pid == self.root:
            return False
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return os.getsid(process.pid) == self.root or process.environ().get(MARKER) == self.mark
        except (psutil.Error, OSError):  # gone, or somebody else's
            return False

    def wait_until_gone(self, timeout: float) -> list[psutil.Process]:
        """Wait until no descendant lives; those that still do after `timeout` seconds are returned."""
        _, alive = psutil.wait_procs(self.descendants(), timeout)
        return [process for process in alive if self._holds(process)]

    def kill_descendants(self) -> None:
        """End them by pid, however deaf they are."""
        living = self.descendants()
        for process in living:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(living, KILL_TIMEOUT)


def describe(process: psutil.Process) -> str:
    """The pid and the command line, for a message."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)
