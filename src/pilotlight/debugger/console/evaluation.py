"""One question to a console, from the code that was typed to the last event. Its state lives here.

Must never say anything after `done`, and never let an exception of the developer's code reach our threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from .awaiting import Awaiting, ConsoleInterrupt, LoopGone
from .errors import TypedLines, error_text
from .keeper import Kept
from .names import Namespace
from .output import BATCH_SECONDS, Output, Say, Streams
from .threads import Helper, Interruptible
from .typed import Input
from .view import is_quitter, view

Status = Literal["ok", "error", "incomplete", "cancelled", "gone"]
Event = dict[str, Any]

INSIST_SECONDS = 0.1
INTERRUPT_LOOP_SECONDS = 0.3
GIVE_UP_SECONDS = 1.0
_CO_COROUTINE = 0x80

EXIT_NOTE = "The console needs no exit: close it, or just go on."
SYSTEM_EXIT_NOTE = "SystemExit was raised, and nothing was ended: the server goes on."
STILL_RUNNING_NOTE = (
    "It could not be interrupted and is still running, probably in a call that waits outside of Python. "
    "The console goes on without it."
)
LOOP_GONE_NOTE = "The app's event loop has ended, so nothing can be awaited on it."


class Evaluation:
    """One input that is evaluated.

    Args:
        code: what was typed.
        say: takes the events, `done` last; from any thread.
        streams: of the process.
        helper: for what has to happen while the code runs.
    """

    def __init__(self, code: str, say: Say, streams: Streams, helper: Helper) -> None:
        self.code = code
        self._say = say
        self._streams = streams
        self._helper = helper
        self._output = Output(say)
        self._began = time.perf_counter()
        self._region = Interruptible(KeyboardInterrupt)
        self._awaiting: Awaiting | None = None
        self._cancelled_at: float | None = None
        self._why = ""
        self._lock = threading.Lock()
        """Guards the two below; never held while anything else runs."""
        self._routed = False
        self._finished = False

    @property
    def finished(self) -> bool:
        """Whether `done` has been said."""
        return self._finished

    def run(
        self,
        parsed: Input,
        names: Namespace,
        context: contextvars.Context,
        kept: Kept,
        own_loop: Callable[[], asyncio.AbstractEventLoop],
        typed: TypedLines,
    ) -> tuple[Status, list[Event]]:
        """Runs the code to its end, and says what it prints.

        Args:
            context: in which it runs; entered by nobody else.
            own_loop: gives the loop for `await` where the app has none that runs.

        Returns:
            what `finish` has to be called with.
        """
        if not self._route(context):
            return "cancelled", []
        self._tick()
        loop = kept.contexts.loop
        events: list[Event] = []
        status: Status = "ok"
        try:
            value = None
            for code in (parsed.statements, parsed.expression):
                if code is not None:
                    value = self._evaluate(code, names, context, loop, own_loop)
            if parsed.expression is not None and value is not None:
                if is_quitter(value):
                    events.append({"type": "note", "text": EXIT_NOTE})
                else:
                    names.remember(value)
                    events.append({"type": "value", "value": self._protected(context, view, value)})
        except SystemExit:
            events.append({"type": "note", "text": SYSTEM_EXIT_NOTE})
        except LoopGone:
            events.append({"type": "note", "text": LOOP_GONE_NOTE})
            status = "error"
        except (KeyboardInterrupt, ConsoleInterrupt):
            status = "cancelled"
        except BaseException as error:  # noqa: BLE001 - whatever was typed has raised, it is shown
            if self._cancelled_at is not None and isinstance(error, asyncio.CancelledError):
                status = "cancelled"
            else:
                status = "error"
                events.append({"type": "error", "text": self._explained(context, error, typed)})
        events += [{"type": "note", "text": sentence} for sentence in names.settle()]
        return status, events

    def finish(self, status: Status, *events: Event) -> None:
        """Says the last words, once; later calls do nothing."""
        with self._lock:
            if self._finished:
                return
            self._finished = True
            routed, self._routed = self._routed, False
        if routed:
            self._streams.release()
        self._output.close()
        if status == "cancelled" and self._why:
            self._say({"type": "note", "text": self._why})
        for event in events:
            self._say(event)
        self._say({"type": "done", "status": status, "seconds": time.perf_counter() - self._began})

    def cancel(self, why: str = "") -> None:
        """Begins to stop it. Any thread may call; it ends soon, or is given up.

        Args:
            why: a sentence for who has not asked for that.
        """
        if self._cancelled_at is None and not self._finished:
            self._why = why
            self._cancelled_at = time.perf_counter()
            self._helper.later(0, self._insist)

    def _insist(self) -> None:
        """Asks again until it has ended: code may swallow what interrupts it."""
        if self._finished or self._cancelled_at is None:
            return
        waited = time.perf_counter() - self._cancelled_at
        if waited > GIVE_UP_SECONDS:
            notes = [self._why, STILL_RUNNING_NOTE] if self._why else [STILL_RUNNING_NOTE]
            self.finish("error", *({"type": "note", "text": note} for note in notes))
            return
        if self._awaiting is not None:
            self._awaiting.cancel()
            if waited > INTERRUPT_LOOP_SECONDS:
                self._awaiting.interrupt()
        self._region.interrupt()
        self._helper.later(INSIST_SECONDS, self._insist)

    def _route(self, context: contextvars.Context) -> bool:
        with self._lock:
            if self._finished:
                return False
            self._streams.acquire(context, self._output)
            self._routed = True
            return True

    def _tick(self) -> None:
        if not self._finished:
            self._output.flush()
            self._helper.later(BATCH_SECONDS, self._tick)

    def _evaluate(
        self,
        code: Any,
        names: Namespace,
        context: contextvars.Context,
        loop: asyncio.AbstractEventLoop | None,
        own_loop: Callable[[], asyncio.AbstractEventLoop],
    ) -> Any:
        value = self._protected(context, eval, code, names.globals, names)
        if not code.co_flags & _CO_COROUTINE:
            return value
        self._awaiting = awaiting = Awaiting(value, context)
        try:
            if self._cancelled_at is not None:
                awaiting.cancelled = True
            if loop is not None and loop.is_running():
                return awaiting.on_running_loop(loop)
            return awaiting.on_own_loop(own_loop())
        finally:
            self._awaiting = None

    def _protected(self, context: contextvars.Context, function: Callable[..., Any], *arguments: Any) -> Any:
        """Runs code of the developer in this thread, where it can be cancelled."""
        if self._cancelled_at is not None:
            raise KeyboardInterrupt
        return self._region.run(context.run, function, *arguments)

    def _explained(self, context: contextvars.Context, error: BaseException, typed: TypedLines) -> str:
        try:
            text: str = self._region.run(context.run, error_text, error, typed)
        except BaseException:  # noqa: BLE001 - cancelled, or an exception whose methods raise everything
            return f"{type(error).__name__}\n"
        return text
