"""Code of the app, such as a `__repr__`, run for a limited time.

It runs on a helper thread while the caller, who is the watchdog, waits. A thread of our own may be struck by
an asynchronous exception wherever it is, without harm to the thread that makes the report; and it leaves the
caller free to go on when the code is stuck in a C call that nothing can interrupt. Neither `SIGALRM` (main
thread only) nor tracing (other debuggers live on it) is needed.

Must never run on a thread that it did not start, and never strike a thread that is not its own.

What cannot be done from inside a process: stopping C code that keeps the interpreter's lock (a regular
expression that explodes, `repr` of a list with ten million items). The caller has to wait for that.
"""

from __future__ import annotations

import contextvars
import weakref
from _thread import allocate_lock, start_new_thread
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any

from pilotlight.debugger.values.strike import Strike, find_strike, raise_in

IDLE_SECONDS = 2.0
"""A helper that nobody closed ends by itself after this time."""
_STRIKES = 30
_STRIKE_EVERY = 0.001
_MAX_CAUGHT = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: with a result, an exception's type, or neither in time."""

    result: Any = None
    error: type[BaseException] | None = None
    in_time: bool = True
    note: str = ""
    """What became of code that did not end in time."""


class Helper:
    """A thread that runs one piece of code after another, from the first to the first that is too slow.

    It starts with the first call and ends with `close`, or by itself after some idle time. The code sees the
    context variables of the thread that made the helper.
    """

    def __init__(self) -> None:
        self._thread: _Thread | None = None

    def run(self, function: Callable[[], Any], seconds: float) -> Outcome:
        """Runs it for at most so many seconds, and some hundredths more if it does not want to end.

        Raises:
            RuntimeError: no thread can be started.
        """
        thread = self._thread
        if thread is None or perf_counter() - thread.idle_since > IDLE_SECONDS / 2:
            self.close()
            thread = self._thread = _Thread(contextvars.copy_context())
        outcome = thread.run(function, seconds)
        if not outcome.in_time:
            self._thread = None
        return outcome

    def close(self) -> None:
        """Ends the thread, if there is one."""
        if self._thread is not None:
            self._thread.end()
            self._thread = None


class _Life:
    """Something that exists as long as the thread that was started with it."""

    __slots__ = ("__weakref__",)


class _Thread:
    """One helper thread, seen from the thread that waits for it."""

    def __init__(self, context: contextvars.Context) -> None:
        self._context = context
        self._strike = _strike_if_any()
        self._go = allocate_lock()
        self._go.acquire()
        self._done = allocate_lock()
        self._done.acquire()
        self._job: Callable[[], Any] | None = None
        self._outcome = Outcome()
        self._given_up = False
        self._caught = 0
        self.idle_since = perf_counter()
        life = _Life()
        # The only reference that stays is in the thread's arguments, which the interpreter drops when its
        # function has returned. So the set is empty from that moment on, whatever happened in the thread.
        self._alive: set[Any] = set()
        self._alive.add(weakref.ref(life, self._alive.discard))
        self._ident = start_new_thread(self._main, (life,))

    def run(self, function: Callable[[], Any], seconds: float) -> Outcome:
        self._job = function
        self._go.release()
        try:
            ended = self._done.acquire(timeout=max(seconds, 0.001))
        except BaseException:
            self._stop()
            raise
        if not ended:
            return self._stop()
        self.idle_since = perf_counter()
        return self._outcome

    def end(self) -> None:
        self._job = None
        self._go.release()

    def _main(self, life: _Life) -> None:
        del life
        try:
            while self._go.acquire(timeout=IDLE_SECONDS):
                job, self._job = self._job, None
                if job is None:
                    return
                self._outcome = self._attempt(job)
                del job
                self._done.release()
                if self._given_up:
                    return
        except BaseException:  # noqa: BLE001 - struck: the caller has gone on, and nobody is left to tell
            return

    def _attempt(self, job: Callable[[], Any]) -> Outcome:
        try:
            return Outcome(self._context.run(job))
        except BaseException as error:  # code of the app; also SystemExit must not escape
            if self._given_up:
                raise
            return Outcome(error=type(error))

    def _stop(self) -> Outcome:
        """Ends what runs too long; if that cannot be done, says why."""
        self._given_up = True
        strike, ident, alive, stop = self._strike, self._ident, self._alive, self._stop_class()
        if strike is None:
            return Outcome(in_time=False, note="it goes on in a thread of its own")
        for _ in range(_STRIKES):
            raise_in(strike, ident, stop, alive)  # if it is not, its identifier may be another thread's
            sleep(_STRIKE_EVERY)
            if not alive:
                return Outcome(in_time=False, note="it was stopped")
        if self._caught:
            # It runs, so this strike reaches it, and is the last: see `caught`.
            self._caught = _MAX_CAUGHT
            raise_in(strike, ident, stop, alive)
            return Outcome(in_time=False, note="it resists every exception, so its thread was put to sleep")
        return Outcome(in_time=False, note="it waits for something, and its thread ends after that")

    def _stop_class(self) -> type[BaseException]:
        """The exception that strikes. No traceback is printed for a `SystemExit` that ends a thread."""

        def caught(*_: Any) -> None:
            # Runs in the struck thread, when a handler gets hold of the exception. What catches it again and
            # again would take the processor for ever: it sleeps from here on.
            self._caught += 1
            if self._caught >= _MAX_CAUGHT:
                forever = allocate_lock()
                forever.acquire()
                forever.acquire()

        return type("OutOfTime", (SystemExit,), {"__init__": caught})


def _strike_if_any() -> Strike | None:
    """Found before the code runs: an import beside a loop that holds the interpreter's lock takes long."""
    try:
        return find_strike()
    except (ImportError, AttributeError):
        return None
