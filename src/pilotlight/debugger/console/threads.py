"""The threads of the console: one that does small things in time, and how to interrupt the others.

Must never have a thread before there is something to do (the process forks), never leave one that is idle,
and never interrupt code that is not the developer's.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from pilotlight.debugger.values.strike import find_strike, nothing, raise_in

Result = TypeVar("Result")
IDLE_SECONDS = 3.0


class Helper:
    """Runs functions of ours after some seconds, one after the other, on one thread.

    Never for code of the app. Any thread may call, but no code that may be interrupted.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._condition = threading.Condition()
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def later(self, seconds: float, function: Callable[[], None]) -> None:
        """Runs `function` after `seconds`; not at all once the helper is closed."""
        with self._condition:
            if self._closed:
                return
            heapq.heappush(self._jobs, (time.monotonic() + seconds, next(self._numbers), function))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="pilotlight-console-helper", daemon=True
                )
                self._thread.start()
            else:
                self._condition.notify()

    def close(self) -> None:
        """Ends the thread; returns when it has ended, unless it is the one that calls."""
        with self._condition:
            self._closed = True
            self._jobs.clear()
            thread = self._thread
            self._condition.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            job()

    def _next(self) -> Callable[[], None] | None:
        """The next function that is due; None when nothing has come for a while."""
        with self._condition:
            idle_until = time.monotonic() + self._idle_seconds
            while not self._closed:
                now = time.monotonic()
                if self._jobs and self._jobs[0][0] <= now:
                    return heapq.heappop(self._jobs)[2]
                if not self._jobs and now >= idle_until:
                    break
                self._condition.wait((self._jobs[0][0] if self._jobs else idle_until) - now)
            self._thread = None
            return None


class Interruptible:
    """A stretch of Python code that another thread can interrupt, and nothing before or after it.

    Args:
        exception: what is raised in it.
    """

    def __init__(self, exception: type[BaseException]) -> None:
        self._exception = exception
        self._lock = threading.Lock()
        self._thread: int | None = None
        self._asked = False

    def run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """What `function` returns or raises; the exception, if it was interrupted."""
        self._enter()
        try:
            return function(*arguments)
        finally:
            # What was asked for in the last moment is raised in here, and means nothing any more.
            with suppress(self._exception):
                self._leave()
            with suppress(self._exception):
                self._leave()

    def interrupt(self) -> bool:
        """Raises the exception in the code, when it is in Python code the next time.

        Returns:
            False: it does not run.
        """
        with self._lock:
            if self._thread is None:
                return False
            self._asked = True
            raise_in(find_strike(), self._thread, self._exception)
            return True

    def _enter(self) -> None:
        with self._lock:
            self._thread = threading.get_ident()

    def _leave(self) -> None:
        with self._lock:
            if self._thread is not None and self._asked:
                raise_in(find_strike(), self._thread, nothing())
            self._thread, self._asked = None, False
