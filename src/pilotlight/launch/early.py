"""A worker that is started before the command line has even been read: it imports the server meanwhile.

Only where a reloader is likely to be wanted; if it is not, the worker, which has done nothing yet, is ended.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pilotlight.supervisor.child import Child
    from pilotlight.supervisor.spawning import Spawned

_WORDS = frozenset({"--debug", "--reload"})
_VARIABLES = ("PILOTLIGHT_DEBUG", "PILOTLIGHT_RELOAD", "FLASK_DEBUG")


class EarlyWorker:
    """At most one worker. Use it as a context manager: whoever takes it in time owns it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._spawned: Spawned | None = None
        if sys.platform != "win32" and reload_is_likely(words, os.environ):
            from pilotlight.supervisor.spawning import spawn_worker

            with suppress(OSError):  # it will be told when the worker is needed
                self._spawned = spawn_worker(_flags_of_this_process(), words)

    def __enter__(self) -> EarlyWorker:
        return self

    def __exit__(self, *_: object) -> None:
        spawned = self.take()
        if spawned is not None:
            spawned.discard()

    def take(self) -> Child | None:
        """The worker, for the supervisor; None if there is none."""
        spawned, self._spawned = self._spawned, None
        if spawned is None:
            return None
        from pilotlight.supervisor.child import child_of

        return child_of(spawned)


def _flags_of_this_process() -> Sequence[str]:
    """The interpreter's own options; mostly there are none, and nothing has to be imported to tell."""
    if len(sys.orig_argv) < 2 or not sys.orig_argv[1].startswith("-") or sys.orig_argv[1:2] == ["-m"]:
        return ()
    from pilotlight.app.script import interpreter_flags

    return interpreter_flags()


def reload_is_likely(words: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Whether a command line and environment look as if they ask for the reloader. A wrong guess costs
    little."""
    if "--help" in words or "--version" in words or (words and is_script(words[0])):
        return False
    if words and words[0].startswith("-m"):  # a script too
        return False
    in_environment = any(variables.get(name, "0") not in ("", "0") for name in _VARIABLES)
    return in_environment or not _WORDS.isdisjoint(words)


def is_script(word: str) -> bool:
    """Whether a word of the command line names a Python file."""
    return word.endswith((".py", ".pyw")) and not word.startswith("-")
