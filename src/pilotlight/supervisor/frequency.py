"""How often something has happened lately. Pure: the time is passed in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Frequency:
    """Counts within a window.

    Args:
        most: how often it may happen within the window.
        window: in seconds.
    """

    most: int
    window: float
    _moments: deque[float] = field(default_factory=deque)

    def exceeded_at(self, now: float) -> bool:
        """It has happened again; is that too often?"""
        self._moments.append(now)
        while now - self._moments[0] > self.window:
            self._moments.popleft()
        return len(self._moments) > self.most
