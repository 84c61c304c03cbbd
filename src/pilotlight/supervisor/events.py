"""What can happen to the supervisor. Every source becomes one of these on one queue, and one loop owns the
state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilotlight.channel import Message
    from pilotlight.supervisor.child import Child
    from pilotlight.supervisor.terminal import Key


@dataclass(frozen=True, slots=True)
class Said:
    """A worker sent a message."""

    child: Child
    message: Message


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker's process has ended; `status` as `os.waitstatus_to_exitcode` gives it (negative: the
    signal)."""

    child: Child
    status: int


@dataclass(frozen=True, slots=True)
class Changed:
    """There are changes to act on."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """The user pressed a key in the terminal."""

    key: Key


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal reached the supervisor."""

    number: int


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline is over. `what` names it; `child` is whom it concerns, if any."""

    what: str
    child: Child | None = None


Event = Said | Ended | Changed | Pressed | Signalled | Due
