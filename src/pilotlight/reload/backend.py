"""The seam between who wants to know of changes and what the platform offers: one Protocol, several back
ends.

A back end says which paths were *touched*; whether they changed is judged by content, elsewhere. Types only.
"""

from __future__ import annotations

from typing import Protocol

from pilotlight.reload.dependencies import Dependency


class WatchLimitError(Exception):
    """The system refuses to watch one more place. The message is one sentence for the user."""


class Backend(Protocol):
    """What watches. Reports too much rather than too little."""

    @property
    def interval(self) -> float | None:
        """Seconds between two calls of `read` where no descriptor tells when to call it; None where one
        does."""
        ...

    def fileno(self) -> int | None:
        """A descriptor that is readable when `read` has something to say; None if there is none."""
        ...

    def watch(self, dependency: Dependency) -> None:
        """Begins to watch; returns when each later touch is sure to be reported. What need not exist may be
        watched.

        Raises:
            WatchLimitError: this one cannot be watched; all earlier ones still are.
        """
        ...

    def read(self) -> list[str]:
        """Paths of watched dependencies that were touched since the last call, without waiting."""
        ...

    def take_unclosed(self) -> list[str]:
        """Paths of watched files, found by the last `read`, that somebody has written to and not yet closed:
        perhaps they are half written. Each is told once for all writes until then; its close is a touch."""
        ...

    def take_refused(self) -> list[tuple[Dependency, WatchLimitError]]:
        """What was watched and cannot be any more, since the system granted no further watch when they had to
        be laid anew; each is told once, and is not watched from then on."""
        ...

    def forget(self) -> None:
        """Forgets all dependencies."""
        ...

    def close(self) -> None:
        """Gives back all resources."""
        ...
