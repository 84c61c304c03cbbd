"""The front door of the console in the worker: questions in, events out.

Knows no server, no framework and no channel. Must never run code of the app on the thread that asks, and
never have a thread before the first question.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from .completion import complete
from .errors import TypedLines
from .keeper import Contexts, Keeper, Kept
from .names import Namespace
from .output import Say, Streams
from .session import IDLE_SECONDS, Session, Tools
from .threads import Helper
from .typed import future_flags

PLAIN = ""
"""The report id of the console that belongs to no error."""

GONE_NOTE = (
    "The frames of this error are gone: a reload ends them, and only the last 10 errors of the last 10 "
    "minutes keep theirs. Send the request again, or use the console without an error."
)
CLOSING_NOTE = "The process in which this ran is ending: the app has been reloaded, or the server stops."
NO_FRAME_NOTE = "This error has no such frame that could be entered."
_CLOSING_SECONDS = 2.0
_MOST_NAMES = 40


class Consoles:
    """All consoles of a worker.

    Args:
        keeper: has the frames; its `on_drop` is taken.
        fresh: gives the names of the plain console, such as `{"app": app}`, and a sentence on what is
            missing (empty if nothing is); called on its thread, at its first question.
        fresh_contexts: where the plain console runs.
        idle_seconds: after which a console's thread ends.
    """

    def __init__(
        self,
        keeper: Keeper,
        fresh: Callable[[], tuple[dict[str, Any], str]],
        *,
        fresh_contexts: Callable[[], Contexts] = Contexts,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._keeper = keeper
        self._fresh = fresh
        self._fresh_contexts = fresh_contexts
        self._idle_seconds = idle_seconds
        self._tools = Tools(Streams(), Helper(idle_seconds), TypedLines())
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, int], Session] = {}
        self._closed = False
        keeper.on_drop = self._dropped

    def handle(self, question: dict[str, Any], say: Say) -> None:
        """Answers one question of the console's protocol. Returns at once.

        Args:
            question: `{"kind": "evaluate"|"cancel"|"complete"|"about", "report": str, "frame": int,
                "code": str, "position": int}`. `about` asks which names the plain console has: a note.
            say: takes the events, from any thread; must not block. The last is `{"type": "done", ...}`.
        """
        began = time.perf_counter()
        kind, report, frame = question.get("kind"), question.get("report", PLAIN), question.get("frame", -1)
        code, position = question.get("code", ""), question.get("position", 0)
        if not (isinstance(report, str) and isinstance(frame, int) and isinstance(code, str)):
            say({"type": "note", "text": "The console was asked something that it does not understand."})
            say(_done("error", began))
            return
        session = self._session(report, frame if report else -1, make=kind != "cancel")
        if kind == "cancel":
            if session is not None:
                session.cancel()
            say(_done("ok", began))
        elif session is None:
            kept = self._keeper.find(report) if report and not self._closed else None
            say({"type": "note", "text": GONE_NOTE if kept is None else NO_FRAME_NOTE})
            say(_done("gone", began))
        elif kind == "evaluate":
            session.evaluate(code, say)
        elif kind == "about":
            session.introduce(say)
        elif kind == "complete" and isinstance(position, int):
            self._tools.helper.later(0, lambda: _complete(session, code, position, say, began))
        else:
            say({"type": "note", "text": f"The console does not know the question {kind!r}."})
            say(_done("error", began))

    def close(self) -> None:
        """Cancels what runs and ends all threads; those in a call that waits outside of Python are left."""
        with self._lock:
            self._closed = True
            sessions = list(self._sessions.values())
            self._sessions.clear()
        threads = [session.close() for session in sessions]
        for session in sessions:
            session.cancel(CLOSING_NOTE)
        until = time.monotonic() + _CLOSING_SECONDS
        for thread in threads:
            if thread is not None and thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))
        self._tools.helper.close()

    def _session(self, report: str, frame: int, *, make: bool) -> Session | None:
        """The console of a frame; None if there is no such frame (any more)."""
        with self._lock:
            session = self._sessions.get((report, frame))
        if session is not None or not make or self._closed:
            return session
        made = self._make(report, frame)
        if made is None:
            return None
        with self._lock:
            session = self._sessions.setdefault((report, frame), made)
        if report and self._keeper.find(report) is None:
            self._dropped(report)  # in the same moment
        return session

    def _make(self, report: str, frame: int) -> Session | None:
        if report == PLAIN:
            kept = Kept((), self._fresh_contexts(), time.monotonic())
            introduction: list[str] = []
            return Session(
                kept,
                lambda: self._plain_names(introduction),
                0,
                self._tools,
                self._idle_seconds,
                introduction,
            )
        found = self._keeper.find(report)
        if found is None or not 0 <= frame < len(found.frames):
            return None
        live = found.frames[frame]
        return Session(
            found,
            lambda: Namespace(live.f_globals, live),
            future_flags(live),
            self._tools,
            self._idle_seconds,
        )

    def _plain_names(self, introduction: list[str]) -> Namespace:
        names, missing = self._fresh()
        introduction[:] = (_introduced(names), missing) if missing else (_introduced(names),)
        return Namespace({"__name__": "__console__", "__doc__": None, **names})

    def _dropped(self, report: str) -> None:
        with self._lock:
            gone = [key for key in self._sessions if key[0] == report]
            sessions = [self._sessions.pop(key) for key in gone]
        for session in sessions:
            session.close()


def _introduced(names: Iterable[str]) -> str:
    """One line on what can be used."""
    shown = [name for name in names if not name.startswith("__")]
    if not shown:
        return "There are no names of the app here: it is not loaded."
    left_out = len(shown) - _MOST_NAMES
    more = f" and {left_out} more" if left_out > 0 else ""
    return f"Names here: {', '.join(shown[:_MOST_NAMES])}{more}."


def _complete(session: Session, code: str, position: int, say: Say, began: float) -> None:
    try:
        start, names = complete(code, position, session.names().visible, sys.modules)
    except Exception as error:  # noqa: BLE001 - names of the app that cannot be read; the rest goes on
        say({"type": "note", "text": f"Nothing can be completed here ({type(error).__name__})."})
        say(_done("error", began))
        return
    say({"type": "names", "start": start, "names": names})
    say(_done("ok", began))


def _done(status: str, began: float) -> dict[str, Any]:
    return {"type": "done", "status": status, "seconds": time.perf_counter() - began}
