"""The console of one frame, or the plain one: its names, its thread, its questions in their order.

Must never have a thread while nothing is asked of it, and never run code of the app on a thread that is not
its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pilotlight.debugger.introspection.exceptions import safe_str
from pilotlight.errors import UserError

from .errors import TypedLines, error_text
from .evaluation import Evaluation
from .keeper import Kept
from .names import Namespace
from .output import Say, Streams
from .threads import Helper
from .typed import Input, is_incomplete, parse

IDLE_SECONDS = 5.0
IDLE_SECONDS_WITH_LOOP = 600.0
"""A loop of the console's own ends with its thread, and with it what was made on it."""
_CLOSING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What all consoles of a process share."""

    streams: Streams
    helper: Helper
    typed: TypedLines


class Session:
    """One console.

    Args:
        kept: the report it belongs to.
        make_names: called once, when the first question comes.
        flags: of the `__future__` statements of the frame.
        introduction: sentences on its names, there when they have been made.
    """

    def __init__(
        self,
        kept: Kept,
        make_names: Callable[[], Namespace],
        flags: int,
        tools: Tools,
        idle_seconds: float = IDLE_SECONDS,
        introduction: Sequence[str] = (),
    ) -> None:
        self._kept = kept
        self._make_names = make_names
        self._flags = flags
        self._tools = tools
        self._idle_seconds = idle_seconds
        self._introduction = introduction
        self._condition = threading.Condition()
        self._waiting: deque[Evaluation] = deque()
        self._current: Evaluation | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._names: Namespace | None = None
        self._names_lock = threading.Lock()
        self._context: contextvars.Context | None = None

    def names(self) -> Namespace:
        """What is visible here. Any thread may ask."""
        with self._names_lock:
            if self._names is None:
                self._names = self._make_names()
            return self._names

    def evaluate(self, code: str, say: Say) -> None:
        """Evaluates after what was asked before. Returns at once."""
        evaluation = Evaluation(code, say, self._tools.streams, self._tools.helper)
        with self._condition:
            closed = self._closed
            if not closed:
                self._waiting.append(evaluation)
                current = self._current
                if self._thread is None or (current is not None and current.finished):
                    self._thread = _Runner(self).start()
                self._condition.notify_all()
        if closed:
            evaluation.finish("gone")

    def introduce(self, say: Say) -> None:
        """Says which names there are, after what was asked before. Returns at once."""
        self.evaluate("", say)

    def cancel(self, why: str = "") -> None:
        """Stops what runs and forgets what waits. Returns at once.

        Args:
            why: see `Evaluation.cancel`.
        """
        with self._condition:
            waiting = list(self._waiting)
            self._waiting.clear()
            current = self._current
        for evaluation in waiting:
            evaluation.cancel(why)
            evaluation.finish("cancelled")
        if current is not None:
            current.cancel(why)

    def close(self) -> threading.Thread | None:
        """No more questions. What runs may come to its end; then the thread ends, which is returned."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            return self._thread

    def next(self, thread: threading.Thread, idle_seconds: float | None) -> Evaluation | None:
        """For the thread: what to do now; None: end.

        Args:
            idle_seconds: how long to wait; None: as long as the session says.
        """
        with self._condition:
            if self._thread is thread:
                self._current = None
            self._condition.wait_for(
                lambda: self._waiting or self._closed or self._thread is not thread,
                self._idle_seconds if idle_seconds is None else idle_seconds,
            )
            if self._thread is not thread:
                return None  # given up, and replaced
            if not self._waiting:
                self._thread = None
                return None
            self._current = self._waiting.popleft()
            return self._current

    def perform(self, evaluation: Evaluation, own_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        """For the thread: one evaluation from beginning to end."""
        try:
            if evaluation.finished:
                return
            if not evaluation.code:
                self.names()
                evaluation.finish("ok", *({"type": "note", "text": each} for each in self._introduction))
                return
            if is_incomplete(evaluation.code):
                evaluation.finish("incomplete")
                return
            filename = self._tools.typed.add(evaluation.code)
            parsed = parse(evaluation.code, filename, self._flags)
            names = self.names()
            names.refresh(parsed.global_names, parsed.inner_globals)
            evaluation.finish(*self._run(evaluation, parsed, names, own_loop))
        except UserError as error:
            evaluation.finish("error", {"type": "note", "text": str(error)})
        except BaseException as error:  # noqa: BLE001 - a syntax error, or contexts of the app that raise
            text = error_text(error, self._tools.typed)
            evaluation.finish("error", {"type": "error", "text": text})

    def _run(
        self,
        evaluation: Evaluation,
        parsed: Input,
        names: Namespace,
        own_loop: Callable[[], asyncio.AbstractEventLoop],
    ) -> tuple[Any, ...]:
        """Runs it in the contexts of the report; what the evaluation has to be finished with."""
        words: tuple[Any, ...] = ()
        try:
            with self._kept.active() as fresh:
                context = fresh if self._context is None else self._context.copy()
                status, events = evaluation.run(
                    parsed, names, context, self._kept, own_loop, self._tools.typed
                )
                words = (status, *events)
                if not self._kept.contexts.enter:
                    self._context = context  # what a console sets stays set in it
        except BaseException as error:
            if not words:
                raise
            text = f"Leaving the contexts of the request raised {type(error).__name__}: {safe_str(error)}"
            words = (*words, {"type": "note", "text": text})
        return words


class _Runner:
    """The thread of a session, and the loop of its own that it may need."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="pilotlight-console", daemon=True)

    def start(self) -> threading.Thread:
        self._thread.start()
        return self._thread

    def _run(self) -> None:
        try:
            while True:
                idle_seconds = None if self._loop is None else IDLE_SECONDS_WITH_LOOP
                evaluation = self._session.next(self._thread, idle_seconds)
                if evaluation is None:
                    return
                self._session.perform(evaluation, self._own_loop)
                del evaluation
        finally:
            if self._loop is not None:
                _close(self._loop)

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop


def _close(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSING_SECONDS))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
