"""Ctrl-C in the callback of a weak reference (imports have many): it was printed, and the server started."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, signal, weakref
from pilotlight.launch.interrupts import end_at_once, raise_as_usual

class Thing:
    pass

end_at_once()
thing = Thing()
reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))
if {again}:
    raise_as_usual()
del thing
print("goes on")
"""


def run(again: bool) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", PROGRAM.format(again=again)]
    return subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)


def test_it_ends_the_process_without_a_word() -> None:
    ended = run(again=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_where_the_users_code_runs_it_is_as_python_has_it() -> None:
    assert run(again=True).stdout == "goes on\n"
