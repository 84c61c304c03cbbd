"""When a write counts that nobody has closed: after some quiet. A state machine; the time is passed in.

A save ends with the close of the file, and is acted on then. A program that keeps its file open, or that cuts
it off without opening it, gives no such sign: only that it has not gone on for a while.

All times are seconds of one monotonic clock. Must never read a clock or the disk.
"""

from __future__ import annotations

from collections.abc import Iterable

QUIET = 0.25
"""Without a further write. Longer than any pause of a program that saves a file from beginning to end."""


class Unclosed:
    """Files that are being written."""

    def __init__(self) -> None:
        self._written: dict[str, float] = {}
        """Path: the moment of the last write that was seen."""

    def written(self, paths: Iterable[str], now: float) -> None:
        """Somebody writes to these."""
        self._written.update(dict.fromkeys(paths, now))

    def closed(self, paths: Iterable[str]) -> None:
        """There is better news of these."""
        for path in paths:
            self._written.pop(path, None)

    def take_quiet(self, now: float) -> list[str]:
        """Those that nobody has written to for long enough, each once."""
        quiet = [path for path, moment in self._written.items() if moment + QUIET <= now]
        self.closed(quiet)
        return quiet

    @property
    def due(self) -> float | None:
        """The moment of the next look at `take_quiet`; None if nothing waits."""
        return min(self._written.values()) + QUIET if self._written else None
