"""The terminal as it is lent to workers, seen from the supervisor: who has it, and which reload waits for
that. Must never start a reload itself."""

from __future__ import annotations

from collections.abc import Callable

from pilotlight import messages
from pilotlight.supervisor.child import Child, State
from pilotlight.supervisor.terminal import Terminal


class Lending:
    """Who has the terminal.

    Args:
        terminal: ours.
        say: shows one line to the user.
        prompt_ended: a prompt is answered; `take_back_unless_prompting` is due in a moment.
        resume: called with the reason of the reload that has waited for the terminal's return.
    """

    def __init__(
        self,
        terminal: Terminal,
        say: Callable[[str], None],
        prompt_ended: Callable[[Child], None],
        resume: Callable[[str], None],
    ) -> None:
        self._terminal = terminal
        self._say = say
        self._prompt_ended = prompt_ended
        self._resume = resume
        self._holder: Child | None = None
        self._prompting = False
        self._postponed: str | None = None

    def has(self, child: Child) -> bool:
        """Whether a worker has the terminal."""
        return self._holder is child

    def postpones(self, reason: str) -> bool:
        """Whether a reload has to wait: the session of a debugger would be lost. Says so once."""
        holder = self._holder
        if holder is None or (holder.state is State.LOADING and not self._prompting):
            return False
        if self._prompting and self._postponed is None:
            self._say(f"Reload of {reason} waits until the debugger in the terminal is left.")
        self._postponed = reason
        return True

    def lend(self, child: Child) -> None:
        """A worker is about to read standard input."""
        self._terminal.lend()
        self._holder = child
        self._prompting = True
        child.send({"type": messages.TERMINAL_LENT})

    def goes_on(self, paused: Child, copy: Child) -> None:
        """A load goes on in a copy, and whatever of the terminal it still has goes with it."""
        if self._holder is paused:
            self._holder = copy

    def prompt_over(self, child: Child) -> None:
        """A debugger's next prompt may follow, and what is typed ahead is for that: a load keeps the terminal
        until its end, a request for a moment."""
        if self._holder is child:
            self._prompting = False
            if child.state is not State.LOADING:
                self._prompt_ended(child)

    def take_back_unless_prompting(self, child: Child) -> None:
        """The moment after a prompt is over."""
        if not self._prompting:
            self.take_back(child)

    def take_back(self, child: Child) -> None:
        """A worker needs the terminal no longer."""
        if self._holder is not child:
            return
        self._holder = None
        self._prompting = False
        self._terminal.take_back()
        reason, self._postponed = self._postponed, None
        if reason is not None:
            self._resume(reason)

    def after_end_of(self, child: Child) -> None:
        """A worker has ended, maybe in the middle of a prompt."""
        if self._holder is child:
            self.take_back(child)
        elif self._holder is None:
            self._terminal.take_back()
