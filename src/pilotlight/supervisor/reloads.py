"""What leads to another load, and when: a change, a key or a signal; after a debugger has left the terminal.

Must never decide from where a load begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pilotlight.reload.dependencies import Dependency
from pilotlight.supervisor.answering import Answering
from pilotlight.supervisor.changes import ChangeWatch
from pilotlight.supervisor.lending import Lending
from pilotlight.supervisor.loads import Loads


class Reloads:
    """The reloads of one server.

    Args:
        say: shows one line to the user.
    """

    def __init__(
        self,
        loads: Loads,
        watch: ChangeWatch,
        answering: Answering,
        lending: Lending,
        say: Callable[[str], None],
    ) -> None:
        self._loads = loads
        self._watch = watch
        self._answering = answering
        self._lending = lending
        self._say = say
        self._postponed: tuple[Dependency, ...] | None = ()
        """What changed while a debugger had the terminal; None if a load from scratch was asked for."""

    def changed(self) -> None:
        """The watch has something to tell."""
        changes = self._watch.take()
        if changes is None:
            return
        if not changes.own_doing:
            self._answering.appoint_nobody()
            self.wanted(str(changes), changes.dependencies)
        elif changes.paths:
            self._say(f"{changes} is written by the app each time it is loaded: no reload for that any more.")

    def wanted(self, reason: str, changed: Sequence[Dependency] | None = None) -> None:
        """Begins a load, unless a debugger has the terminal.

        Args:
            changed: None for a load from scratch.
        """
        if not self._lending.postpones(reason):
            self._loads.begin(reason, changed)
        elif changed is None or self._postponed is None:
            self._postponed = None
        else:
            self._postponed = (*self._postponed, *changed)

    def resume(self, reason: str) -> None:
        """The debugger is left."""
        changed, self._postponed = self._postponed, ()
        self.wanted(reason, changed)
