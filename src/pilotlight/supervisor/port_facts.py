"""What is known about a port that is taken. Plain data, gathered in one place and judged in another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on the port. What could not be read is None."""

    address: str
    """Where it listens, such as `0.0.0.0`; never with brackets."""
    pid: int | None = None
    """None when this user may not see which process it is."""
    name: str | None = None
    command: tuple[str, ...] = ()
    directory: str | None = None
    user: str | None = None
    since: float | None = None
    """When the process started, in seconds since the epoch."""
    is_mine: bool = False
    """It runs as the user who asks."""
    is_ancestor: bool = False
    """It started us, at some remove: stopping it could end us too."""
    is_pilotlight: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """A port that could not be had, and all that was found out about it."""

    host: str
    """The address that was refused."""
    wanted: tuple[str, ...]
    """All addresses that were asked for."""
    port: int
    holders: tuple[Holder, ...]
    free_port: int | None
    """A port that was tried and is free on every wanted address."""
    used_by_client: bool
    """An outgoing connection has the port as its own end."""
    directory: str
    """The current directory."""
    now: float
    """Seconds since the epoch."""
    platform: str
    """As `sys.platform`."""
    in_code: bool = False
    """A call in a script decides about the port."""
