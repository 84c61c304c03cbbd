"""What the supervisor's start message asks of a worker, unpacked. Must never act on it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from pilotlight.channel import Message
from pilotlight.reload.freshness import Word
from pilotlight.settings import Settings


@dataclass(frozen=True, slots=True)
class StartOrder:
    """One load and what comes after it.

    Args:
        settings: what the user asked for.
        target: `{"kind": "app"}` loads `settings.app`; `{"kind": "script", ...}` runs a script as `__main__`;
            `{"kind": "report", "report": ...}` loads nothing and answers every request with that report.
        environment: variables to set (value) or to remove (None) before the load.
        directory: the current directory; this process may have been started in one that is gone since.
        first: no app has been served yet.
        lifeline, crash_log: descriptors; see `signals.die_with`, and where faulthandler writes.
        checkpoints: the load is to be paused where it may be continued after a change.
        hot: paths of modules that were edited in this run.
        number: of the load, as `word` will say it when this worker may answer.
        word: see `reload.freshness`.
        notices: a descriptor that is readable while notices of changes are pending, if there is one.
        sockets: listening, inherited.
        debug_url: the root of the debugger's own pages; empty where there are none.
        debug_note: why there are none, and what to do.
    """

    settings: Settings
    target: dict[str, Any]
    environment: dict[str, str | None]
    directory: str
    first: bool
    checkpoints: bool
    hot: list[str]
    lifeline: int
    crash_log: int
    number: int
    word: Word
    notices: int | None
    sockets: list[socket.socket]
    debug_url: str = ""
    debug_note: str = ""

    @classmethod
    def from_message(cls, message: Message) -> StartOrder:
        """Unpacks a start message, taking over its descriptors."""
        lifeline, crash_log, word, *others = message.descriptors
        notices = others.pop(0) if message.body["noticed"] else None
        return cls(
            settings=Settings.from_json(message.body["settings"]),
            target=message.body["target"],
            environment=message.body["environment"],
            directory=message.body["directory"],
            first=message.body["first"],
            checkpoints=message.body["checkpoints"],
            hot=message.body["hot"],
            lifeline=lifeline,
            crash_log=crash_log,
            number=message.body["number"],
            debug_url=message.body["debug_url"],
            debug_note=message.body["debug_note"],
            word=Word(word),
            notices=notices,
            sockets=[socket.socket(fileno=descriptor) for descriptor in others],
        )
