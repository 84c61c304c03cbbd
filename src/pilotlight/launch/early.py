"""A worker that is started before the command line has even been read: it imports the server meanwhile.

Only where a reloader is likely to be wanted; if it is not, the worker, which has done nothing yet, is ended.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pilotlight.supervisor.child import Child

_WORDS = frozenset({"--debug", "--reload"})
_VARIABLES = ("PILOTLIGHT_DEBUG", "PILOTLIGHT_RELOAD", "FLASK_DEBUG")


class EarlyWorker:
    """At most one worker. Use it as a context manager: whoever takes it in time owns it."""

    def __init__(self, words: Sequence[str]) -> None:
        self._spawned: Child | None = None
        if sys.platform != "win32" and reload_is_likely(words, os.environ):
            from pilotlight.app.script import interpreter_flags
            from pilotlight.supervisor.child import CommandLine, spawn

            self._spawned = spawn(CommandLine(tuple(interpreter_flags()), tuple(words)))

    def __enter__(self) -> EarlyWorker:
        return self

    def __exit__(self, *_: object) -> None:
        spawned = self.take()
        if spawned is not None:
            spawned.discard()

    def take(self) -> Child | None:
        """The worker, for the supervisor; None if there is none."""
        spawned, self._spawned = self._spawned, None
        return spawned


def reload_is_likely(words: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Whether a command line and environment look as if they ask for the reloader. A wrong guess costs
    little."""
    if "--help" in words or "--version" in words:
        return False
    in_environment = any(variables.get(name, "0") not in ("", "0") for name in _VARIABLES)
    return in_environment or not _WORDS.isdisjoint(words)
